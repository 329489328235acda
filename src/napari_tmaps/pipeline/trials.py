"""A pipeline tried out several times beside each other: on many sites, or with many values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules.label import label
from napari_tmaps.modules.spec import SettingSpec
from napari_tmaps.pipeline.cache import Cache, Value
from napari_tmaps.pipeline.checked import CheckedPipeline
from napari_tmaps.pipeline.edit import set_setting
from napari_tmaps.pipeline.figure import Picture, step_picture
from napari_tmaps.pipeline.region import View
from napari_tmaps.pipeline.run import SiteResult, iter_site

Array = npt.NDArray[Any]
Inputs = tuple[Mapping[str, Array], Mapping[str, Array]]
"""Images by channel, labels by object type."""

AREA = "area (px)"


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes
    ----------
    title
        What is tried, e.g. "B02 site 1" or "1.25".
    group
        What it belongs to, e.g. the condition of the well; may be empty.
    read
        Gives the images; called when it is its turn.
    """

    title: str
    checked: CheckedPipeline
    read: Callable[[], Inputs]
    group: str = ""


@dataclass(frozen=True)
class Tried:
    """What came of a trial.

    Attributes
    ----------
    picture
        What the last step made; None if it failed or made no image.
    table
        A row for each object that it made: what the last step measured, else the area; None if it
        made no objects.
    share, pieces
        Of a mask: part of the site that it covers, and number of its connected pieces; None of
        anything else.
    error
        Why it failed; empty if it did not.
    """

    trial: Trial
    picture: Picture | None = None
    table: pd.DataFrame | None = None
    seconds: float = 0.0
    share: float | None = None
    pieces: int | None = None
    error: str = ""

    @property
    def count(self) -> int | None:
        """Objects that it made; None if it made none, as masks."""
        return None if self.table is None else len(self.table)


def run_trials(
    trials: Sequence[Trial],
    *,
    cache: Cache | None = None,
    part: View | None = None,
    size_px: int = 320,
) -> Iterator[Tried]:
    """Try one after the other, up to the last step of each pipeline; closing it stops.

    Parameters
    ----------
    part
        Rows and columns that the pictures show; None for all. The whole site is computed anyway.
    """
    for trial in trials:
        start = perf_counter()
        try:
            images, objects = trial.read()
            yield _tried(trial, images, objects, cache, part, size_px, start)
        except TmapsError as error:
            yield Tried(trial, seconds=perf_counter() - start, error=str(error))


def _tried(
    trial: Trial,
    images: Mapping[str, Array],
    objects: Mapping[str, Array],
    cache: Cache | None,
    part: View | None,
    size_px: int,
    start: float,
) -> Tried:
    items: dict[str, Value] = {**images, **objects}
    result = SiteResult()
    run = iter_site(trial.checked, images, objects, cache=cache, keep=True)
    while True:
        try:
            items.update(next(run).values)
        except StopIteration as end:
            result = end.value
            break
    last = trial.checked.steps[-1]
    shown = {name: _cut(value, part) for name, value in items.items()}
    picture = step_picture(trial.checked, last, shown, size_px)
    seconds = perf_counter() - start
    if last.target is not None:
        table = result.tables.get(last.target.objects)
        if table is not None:
            return Tried(trial, picture, table.drop(columns="is_border", errors="ignore"), seconds)
    made = items[next(iter(last.outputs.values()))]
    if isinstance(made, np.ndarray) and made.dtype == np.bool_:
        share = float(np.count_nonzero(made)) / made.size
        pieces = int(label(made).max())
        return Tried(trial, picture, seconds=seconds, share=share, pieces=pieces)
    if not isinstance(made, np.ndarray) or made.dtype != np.int32:
        return Tried(trial, picture, seconds=seconds)
    areas = np.bincount(made.reshape(-1))
    labels = np.flatnonzero(areas)
    labels = labels[labels > 0]
    return Tried(trial, picture, pd.DataFrame({AREA: areas[labels].astype(float)}, labels), seconds)


def _cut(value: Value, part: View | None) -> Value:
    """The part of an image; all of it where it has no such part, as a smaller site."""
    if part is None or not isinstance(value, np.ndarray):
        return value
    return value[..., *part] if min(value[..., *part].shape) else value


def sweep_values(setting: SettingSpec, value: Any, count: int = 9) -> list[Any]:
    """Values to try beside each other, around the present one; all choices where there are some.

    Numbers lie between half and twice the value, or around 0 in steps, within what is allowed.
    """
    if setting.choices:
        return list(setting.choices)
    if setting.type is bool:
        return [False, True]
    if setting.type not in (int, float) or setting.step is None:
        return [value]
    low = -np.inf if setting.minimum is None else setting.minimum
    high = np.inf if setting.maximum is None else setting.maximum
    step = setting.step
    origin = low if np.isfinite(low) else 0.0
    if value > 0:
        wanted = float(value) * np.geomspace(0.5, 2, count)
    else:
        wanted = value + step * (np.arange(count) - count // 2) * 5
    wanted = np.clip(wanted, low, high)
    if setting.type is float:
        others = {float(f"{each:.3g}") for each in wanted if abs(each - value) > 0.01 * abs(value)}
        return sorted(others | {float(value)})
    origin = low if np.isfinite(low) else 0.0  # in steps from it, so that odd windows stay odd
    rounded = np.clip(origin + np.round((wanted - origin) / step) * step, low, high)
    return sorted({round(float(each)) for each in rounded} | {value})


def sweep(
    pipeline: PipelineDescription,
    step: str,
    setting: str,
    values: Sequence[Any],
    check: Callable[[PipelineDescription], CheckedPipeline | None],
    read: Callable[[], Inputs],
) -> list[Trial]:
    """Trials of one setting with several values on one site.

    Parameters
    ----------
    check
        Checks a pipeline as far as it shall run; values that do not fit give None, and are left
        out.
    """
    trials = []
    for value in values:
        checked = check(set_setting(pipeline, step, setting, value))
        if checked is not None:
            trials.append(Trial(shown_value(value), checked, read))
    return trials


def shown_value(value: Any) -> str:
    """A value of a setting as the title of its trial."""
    return f"{value:g}" if isinstance(value, float) else str(value)
