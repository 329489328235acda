"""What each module of CellProfiler becomes here.

Measures of CellProfiler are in pixels, as ours; its intensities lie between 0 and 1. Rules are
from the help texts of CellProfiler 4 (Stirling et al. 2021).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from napari_tmaps.errors import FormatError
from napari_tmaps.model.pipeline import (
    ChannelInput,
    ModuleCall,
    ObjectInput,
    ObjectOutput,
    PipelineDescription,
    PipelineInput,
    PipelineOutput,
)
from napari_tmaps.pipeline.cellprofiler import CPModule
from napari_tmaps.pipeline.imported import Imported, Note, State

NOT_NEEDED = {
    "Images": "Images come from the experiment.",
    "Metadata": "Wells and sites come from the experiment.",
    "LoadData": "Images come from the experiment.",
    "LoadImages": "Images come from the experiment.",
    "Groups": "Cycles and plates come from the experiment.",
    "Align": "The workflow aligns cycles before (align).",
    "CorrectIlluminationCalculate": "The workflow measures illumination before (corilla).",
    "SaveImages": "Labels are kept; other images are seen with 'tmaps pipeline debug'.",
    "OverlayOutlines": "Outlines are seen in the window.",
    "OverlayObjects": "Objects are seen in the window.",
    "GrayToColor": "Colours are seen in the window.",
    "ExportToSpreadsheet": "All features are kept, and exported from the experiment.",
    "ExportToDatabase": "All features are kept, and exported from the experiment.",
    "CreateBatchFiles": "The workflow makes batches.",
    "MeasureImageAreaOccupied": "Sum the areas of objects of a site.",
}
"""Modules without a step, whose work is done elsewhere."""


class Draft:
    """A pipeline under translation: what each name of CellProfiler has become."""

    def __init__(self, white: float) -> None:
        self.white = white
        self.channels: dict[str, bool] = {}  # and whether they are corrected
        self.given: list[str] = []  # object types that go in
        self.images: dict[str, str] = {}  # item of each image that is made
        self.masks: set[str] = set()  # images that are masks
        self.masked: dict[str, str] = {}  # items that are 0 outside of a mask, and the mask
        self.objects: dict[str, str] = {}
        self.calls: list[ModuleCall] = []
        self.reasons: list[str] = []  # what is not the same in the present module

    def image(self, name: str) -> str:
        """Item of an image; one that no module made is a channel.

        Raises
        ------
        FormatError
            The setting is empty.
        """
        if name in self.images:
            return self.images[name]
        if not name or name == "None":
            raise FormatError("no image is chosen.")
        self.channels.setdefault(name, False)
        return name

    def made(self, name: str) -> str:
        """Item of objects.

        Raises
        ------
        FormatError
            No module before made them.
        """
        if name not in self.objects:
            raise FormatError(f"the objects '{name}' are not made by any module that came along.")
        return self.objects[name]

    def step(
        self, name: str, module: str, output: str, inputs: dict[str, str], **settings: Any
    ) -> str:
        """Add a step; returns its output."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:50].strip("_") or module
        names = {call.name for call in self.calls}
        free = next(
            each
            for each in (plain, *(f"{plain}_{n}" for n in range(2, len(names) + 3)))
            if each not in names
        )
        self.calls.append(ModuleCall(name=free, module=module, inputs=inputs, settings=settings))
        return f"{free}.{output}"

    def register(self, name: str, item: str) -> None:
        """Name objects; a name that is taken by an image gets an ending."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).lstrip("_-0123456789") or "Objects"
        while plain in {*self.channels, *self.objects.values()}:
            plain += "_objects"
        if plain != name:
            self.reasons.append(f"The objects '{name}' are called '{plain}'.")
        self.step(f"register_{plain}", "register_objects", "objects", {"mask": item})
        last = self.calls[-1]
        self.calls[-1] = last.model_copy(update={"outputs": {"objects": plain}})
        self.objects[name] = plain


Rule = Callable[[Draft, CPModule], None]


def translate(modules: list[CPModule], name: str, white: float) -> Imported:
    """The pipeline of modules, and what became of each."""
    from napari_tmaps.pipeline.cellprofiler_images import IMAGES
    from napari_tmaps.pipeline.cellprofiler_measure import MEASURES
    from napari_tmaps.pipeline.cellprofiler_objects import OBJECTS

    rules: dict[str, Rule] = {**IMAGES, **OBJECTS, **MEASURES}
    draft = Draft(white)
    notes: list[Note] = []
    for module in modules:
        draft.reasons = []
        place = f"{module.number} {module.name}"
        before = len(draft.calls)
        if not module.enabled:
            state, text = State.LEFT_OUT, "It is switched off."
        elif module.name in NOT_NEEDED:
            state, text = State.LEFT_OUT, NOT_NEEDED[module.name]
        elif module.name not in rules:
            state, text = State.LEFT_OUT, "It has no counterpart here."
        else:
            try:
                rules[module.name](draft, module)
            except FormatError as error:
                del draft.calls[before:]
                state, text = State.LEFT_OUT, f"It cannot be translated: {error}"
            else:
                state = State.APPROXIMATED if draft.reasons else State.TRANSLATED
                steps = ", ".join(call.name for call in draft.calls[before:])
                text = " ".join([*([f"Steps: {steps}."] if steps else []), *draft.reasons])
        notes.append(Note(place, state, text))
    used = {item for call in draft.calls for item in call.inputs.values()}
    kept = [item for item in draft.objects.values() if item not in draft.given]
    return Imported(
        PipelineDescription(
            name=name,
            description="Translated from CellProfiler.",
            input=PipelineInput(
                channels=tuple(
                    ChannelInput(name=channel, correct=correct)
                    for channel, correct in draft.channels.items()
                    if channel in used
                ),
                objects=tuple(ObjectInput(name=each) for each in draft.given if each in used),
            ),
            pipeline=tuple(draft.calls),
            output=PipelineOutput(objects=tuple(ObjectOutput(name=each) for each in kept)),
        ),
        tuple(notes),
    )
