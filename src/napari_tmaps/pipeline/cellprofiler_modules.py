"""What each module of CellProfiler becomes here.

Measures of CellProfiler are in pixels, as ours; its intensities lie between 0 and 1. Rules are
from the help texts of CellProfiler 4 (Stirling et al. 2021).
"""

from __future__ import annotations

import math
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


# --- images --------------------------------------------------------------------------------


def threshold(draft: Draft, module: CPModule, name: str, item: str) -> str:
    """The settings that all thresholding modules share; returns the mask."""
    mask = draft.masked.get(item)
    strategy = module.one("Threshold strategy", "Global")
    methods = module.all("Thresholding method") or ["Minimum Cross-Entropy"]
    basic = not module.yes("Use advanced settings", default=True)
    chosen = methods[-1] if strategy == "Adaptive" else methods[0]
    method = "minimum cross-entropy" if basic else chosen.lower()
    low, high = module.numbers("Lower and upper bounds", "0,1")[:2]
    limits = {
        "correction_factor": 1.0 if basic else module.number_of("Threshold correction factor", 1),
        "min_threshold": 0.0 if basic else low * draft.white,
        "max_threshold": 65535.0 if basic or high >= 1 else high * draft.white,
    }
    sigma = module.number_of("Threshold smoothing scale", 0) / 0.6744 / 2
    sigma = 1.0 if basic else round(sigma, 3)
    if "manual" in method:
        if sigma:
            item = smoothed(draft, f"smooth_{name}", item, sigma)
        value = module.number_of("Manual threshold", 0) * draft.white
        return draft.step(
            f"threshold_{name}", "threshold_manual", "mask", {"image": item}, threshold=value
        )
    if "otsu" in method:
        three = module.one("Two-class or three-class").startswith("Three")
        middle = module.one("Assign pixels in the middle").lower()
        ours = ("otsu_3_lower" if middle == "foreground" else "otsu_3_upper") if three else "otsu"
    elif "robust" in method:
        ours = "robust_background"
        usual = ("Lower outlier", 0.05), ("Upper outlier", 0.05), ("# of deviations", 2.0)
        if any(module.number_of(text, value) != value for text, value in usual):
            draft.reasons.append("Outliers are 5 % at either end, with 2 deviations.")
    else:
        ours = "minimum_cross_entropy"
        if not ("cross" in method or "entropy" in method):
            draft.reasons.append(f"The threshold '{chosen}' became minimum cross-entropy.")
    if strategy == "Adaptive" and not basic:
        if mask:
            draft.reasons.append(
                "The local threshold counts the pixels outside the mask as 0, where CellProfiler "
                "leaves them out."
            )
        if ours not in ("otsu", "minimum_cross_entropy", "sauvola"):
            draft.reasons.append(f"The local threshold '{chosen}' became Otsu.")
            ours = "otsu"
        if sigma:
            item = smoothed(draft, f"smooth_{name}", item, sigma)
        window = int(module.number_of("Size of adaptive window", 50)) | 1
        return draft.step(
            f"threshold_{name}",
            "threshold_local",
            "mask",
            {"image": item},
            method=ours,
            window=max(window, 3),
            **limits,
        )
    return draft.step(
        f"threshold_{name}",
        "threshold_global",
        "mask",
        {"image": item, "mask": mask} if mask else {"image": item},
        method=ours,
        smoothing=sigma,
        **limits,
    )


def smoothed(draft: Draft, name: str, item: str, sigma: float) -> str:
    """Gaussian blur; the nearest width that there is."""
    size = max(1, round(sigma))
    if abs(size - sigma) > 0.05:
        draft.reasons.append(f"Blurred by {size} instead of {sigma:g} pixels.")
    return draft.step(
        name,
        "smooth",
        "smoothed_image",
        {"image": item},
        filter_name="gaussian",
        filter_size=size,
    )


def _names_and_types(draft: Draft, module: CPModule) -> None:
    images = module.all("Name to assign these images")
    objects = module.all("Name to assign these objects")
    kinds = module.all("Select the image type")
    if module.one("Assign a name to") == "Images matching rules" and len(images) > 1:
        images, kinds = images[1:], kinds[-(len(images) - 1) :]
    for number, kind in enumerate(kinds):
        if kind == "Objects" and number < len(objects):
            draft.given.append(objects[number])
            draft.objects[objects[number]] = objects[number]
        elif number < len(images):
            draft.channels.setdefault(images[number], False)
            if "Color" in kind:
                draft.reasons.append(f"'{images[number]}' should be a channel without colours.")


def _correct(draft: Draft, module: CPModule) -> None:
    for source, target in zip(
        module.all("Select the input image"), module.all("Name the output image"), strict=False
    ):
        item = draft.image(source)
        if item not in draft.channels:
            raise FormatError(f"'{source}' is no channel, and only channels are corrected.")
        draft.channels[item] = True
        draft.images[target] = item
    draft.reasons.append("The illumination is that of the workflow (correct: true).")


def _smooth(draft: Draft, module: CPModule) -> None:
    kind = {"GaussianFilter": "Gaussian Filter", "MedianFilter": "Median Filter"}.get(
        module.name, module.one("Select smoothing method", "Gaussian Filter")
    )
    target, item = module.one("Name the output image"), draft.image(module.one("Select the input"))
    if module.name == "Smooth":
        size = module.number_of("Typical artifact diameter", 16)
        sigma = size / 2.35
    else:
        size = module.number_of("Window" if module.name == "MedianFilter" else "Sigma", 3)
        sigma = size
    if "Gaussian" in kind:
        draft.images[target] = smoothed(draft, f"smooth_{target}", item, sigma)
        return
    if "Median" not in kind:
        draft.reasons.append(f"'{kind}' became a median filter.")
    draft.images[target] = draft.step(
        f"smooth_{target}",
        "smooth",
        "smoothed_image",
        {"image": item},
        filter_name="median",
        filter_size=max(1, round(size)) | 1,
    )


def _enhance(draft: Draft, module: CPModule) -> None:
    what, kind = module.one("Select the operation"), module.one("Feature type")
    if what != "Enhance" or kind not in ("Speckles", "Dark holes"):
        raise FormatError(f"'{what} {kind}' has no counterpart.")
    target = module.one("Name the output image")
    operation = "white_top_hat" if kind == "Speckles" else "black_top_hat"
    size = module.number_of("Feature size", 10) if kind == "Speckles" else 10
    draft.images[target] = draft.step(
        f"enhance_{target}",
        "morph_image",
        "morphed_image",
        {"image": draft.image(module.one("Select the input image"))},
        operation=operation,
        radius=max(1, round(size / 2)),
    )


def _mask(draft: Draft, module: CPModule) -> None:
    target = module.one("Name the output image")
    if module.yes("Invert the mask"):
        raise FormatError("masks cannot be inverted here.")
    if module.one("Use objects or an image").startswith("Objects"):
        mask = draft.made(module.one("Select object for mask"))
    else:
        mask = draft.image(module.one("Select image for mask"))
    inputs = {"image": draft.image(module.one("Select the input image")), "mask": mask}
    draft.images[target] = draft.step(f"mask_{target}", "apply_mask", "masked_image", inputs)
    draft.masked[draft.images[target]] = mask


def _threshold(draft: Draft, module: CPModule) -> None:
    target = module.one("Name the output image")
    item = draft.image(module.one("Select the input image"))
    draft.images[target] = threshold(draft, module, target, item)
    draft.masks.add(target)


def _morphology(draft: Draft, module: CPModule) -> None:
    source, target = module.one("Select the input image"), module.one("Name the output image")
    operation = {"Opening": "open", "Closing": "close", "ErodeImage": "erode"}.get(
        module.name, "dilate"
    )
    shape, _, size = module.one("Structuring element", "Disk,1").partition(",")
    radius = float(size or 1)
    if shape.lower() not in ("disk", "ball"):
        draft.reasons.append(f"The element '{shape}' became a disk.")
    item = draft.image(source)
    if source in draft.masks:
        draft.masks.add(target)
        draft.images[target] = draft.step(
            f"{operation}_{target}",
            "morph_mask",
            "morphed_mask",
            {"mask": item},
            operation=operation,
            radius=max(radius, 0.5),
        )
        return
    draft.images[target] = draft.step(
        f"{operation}_{target}",
        "morph_image",
        "morphed_image",
        {"image": item},
        operation=operation,
        radius=max(1, round(radius)),
    )


def _rescale(draft: Draft, module: CPModule) -> None:
    method = module.one("Rescaling method")
    if not method.startswith("Choose specific values to be reset to the full"):
        raise FormatError(f"'{method}' depends on the whole image; ours has fixed limits.")
    low, high = module.numbers("Intensity range for the input image", "0,1")[:2]
    target = module.one("Name the output image")
    draft.images[target] = draft.step(
        f"rescale_{target}",
        "rescale",
        "rescaled_image",
        {"intensity_image": draft.image(module.one("Select the input image"))},
        min_value=low * draft.white,
        max_value=max(1.0, (high - low) * draft.white),
    )


def _fill(draft: Draft, module: CPModule) -> None:
    target, source = module.one("Name the output image"), module.one("Select the input image")
    if source not in draft.masks:
        raise FormatError(f"'{source}' is no mask.")
    size = module.number_of("Minimum hole size", 1)
    draft.masks.add(target)
    draft.images[target] = draft.step(
        f"fill_{target}",
        "fill",
        "filled_mask",
        {"mask": draft.image(source)},
        max_hole_area=math.ceil(size),
    )


IMAGES: dict[str, Rule] = {
    "NamesAndTypes": _names_and_types,
    "CorrectIlluminationApply": _correct,
    "Smooth": _smooth,
    "GaussianFilter": _smooth,
    "MedianFilter": _smooth,
    "EnhanceOrSuppressFeatures": _enhance,
    "MaskImage": _mask,
    "Threshold": _threshold,
    "Opening": _morphology,
    "Closing": _morphology,
    "ErodeImage": _morphology,
    "DilateImage": _morphology,
    "RescaleIntensity": _rescale,
    "RemoveHoles": _fill,
}
