"""What a user does to the steps of a pipeline, each with words for undo. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.tuning import next_name, reads
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import edit


@dataclass(frozen=True)
class StepEdit:
    """An edit.

    Attributes
    ----------
    pipeline
        As it is then.
    what
        In words, e.g. "Remove fill".
    key
        Edits of one key that follow each other are taken back together; "" for one by itself.
    chosen
        The step to look at then; None for the same.
    """

    pipeline: PipelineDescription
    what: str
    key: str = ""
    chosen: str | None = None


def added(pipeline: PipelineDescription, module: str, at: int | None, scene: Scene) -> StepEdit:
    """A new step at an index, None for the end; the first one has the channels read."""
    for name in scene.images if not pipeline.input.channels else ():
        pipeline = reads(pipeline, name, scene)
    pipeline, step = edit.add_step(pipeline, module, at)
    return StepEdit(pipeline, f"Add {module}", chosen=step)


def below(pipeline: PipelineDescription, chosen: str) -> int | None:
    """Index of what comes after a step; None, the end, if there is no such step."""
    names = _names(pipeline)
    return names.index(chosen) + 1 if chosen in names else None


def moved(pipeline: PipelineDescription, name: str, to: int) -> StepEdit:
    """A step at another index."""
    return StepEdit(edit.move_step(pipeline, name, to), f"Move {name}", chosen=name)


def switched(pipeline: PipelineDescription, name: str, on: bool) -> StepEdit:
    """A step on or off."""
    what = f"Switch {name} {'on' if on else 'off'}"
    return StepEdit(edit.set_active(pipeline, name, on), what)


def removed(pipeline: PipelineDescription, name: str) -> StepEdit:
    """Without a step; the next one is looked at, or the one before the last."""
    names = _names(pipeline)
    after = next_name(names, name, -1 if name == names[-1] else 1)
    chosen = "" if after == name else after
    return StepEdit(edit.remove_step(pipeline, name), f"Remove {name}", chosen=chosen)


def duplicated(pipeline: PipelineDescription, name: str) -> StepEdit:
    """A step twice."""
    pipeline, copy = edit.duplicate_step(pipeline, name)
    return StepEdit(pipeline, f"Duplicate {name}", chosen=copy)


def renamed(pipeline: PipelineDescription, name: str, new: str) -> StepEdit:
    """A step under another name.

    Raises
    ------
    TmapsError
        See `edit.rename_step`.
    """
    return StepEdit(edit.rename_step(pipeline, name, new), f"Rename {name}", chosen=new)


def with_setting(pipeline: PipelineDescription, name: str, setting: str, value: Any) -> StepEdit:
    """Another value of a setting of a step."""
    changed = edit.set_setting(pipeline, name, setting, value)
    return StepEdit(changed, f"Set {setting} of {name}", key=f"{name} {setting}")


def wired(pipeline: PipelineDescription, name: str, wire: str, item: str, scene: Scene) -> StepEdit:
    """An input of a step wired to an item, "" for none; what is on the screen becomes read."""
    read = reads(pipeline, item, scene) if item else pipeline
    return StepEdit(edit.set_wire(read, name, wire, item or None), f"Wire {wire} of {name}")


def with_output_named(pipeline: PipelineDescription, name: str, output: str, item: str) -> StepEdit:
    """An output of a step under another name.

    Raises
    ------
    TmapsError
        See `edit.rename_output`.
    """
    changed = edit.rename_output(pipeline, name, output, item.strip())
    return StepEdit(changed, f"Name {output} of {name}")


def _names(pipeline: PipelineDescription) -> Sequence[str]:
    return [call.name for call in pipeline.pipeline]
