"""An illumination field, made from what the jobs of corilla added up, or from what is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import yaml

from napari_tmaps.errors import FormatError
from napari_tmaps.measure.flatfield import find_flat_field
from napari_tmaps.measure.histogram import percentile
from napari_tmaps.measure.illumination import (
    LogSums,
    log_field,
    mean_and_std,
    merge,
    smooth,
    unevenness,
)
from napari_tmaps.model.version import __version__
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.illumination import FieldEntry, Method

if TYPE_CHECKING:
    from napari_tmaps.workflow.corilla import CorillaArguments

FEWEST = 50
"""With fewer images than this, what they show is not averaged out."""
_PERCENTILES = (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9, 99.99)

Floats = npt.NDArray[np.float64]


def make_field(
    experiment: Experiment, field: dict[str, Any], args: CorillaArguments, parts: Sequence[Path]
) -> tuple[FieldEntry, list[str]]:
    """Write one field; returns its entry and what the user should be told.

    Raises
    ------
    FormatError
        There is nothing to make it of, or what there is does not fit.
    """
    facts: dict[str, Any] = {
        "program": f"napari-tmaps {__version__}",
        "channel": field["channel"],
        **field["places"],
        "settings": args.model_dump(),
    }
    histogram = None
    notes: list[str] = []
    method: Method = "log" if args.method == "log" else "flat"
    if args.method == "images":
        arrays = _given(args, field["channel"])
    elif args.method == "microscope":
        arrays = _stored(experiment, field)
    else:
        halves = [_sums(parts, half) for half in (0, 1)]
        found = [half for half in halves if half is not None]
        if not found:
            raise FormatError("none of its images could be read, so it has no illumination field.")
        sums = merge(found)
        if args.method == "log":
            arrays = dict(zip(("mean", "std"), mean_and_std(sums), strict=True))
        else:
            level = None if args.dark_level < 0 else args.dark_level
            size = sums.total.shape[0], sums.total.shape[1]
            flat = find_flat_field(_small(parts), size, dark_level=level)
            arrays = {"flat": flat.flat, "dark": flat.dark}
        pictures = _before_and_after(halves, sums, arrays)
        arrays |= pictures
        histogram = sums.counts
        facts |= {
            "images": sums.count,
            "unevenness_before_percent": round(unevenness(pictures["before"]), 4),
            "unevenness_after_percent": round(unevenness(pictures["after"]), 4),
            "percentiles": {str(p): percentile(sums.counts, p) for p in _PERCENTILES},
        }
        notes.append(
            f"{field['channel']}: {sums.count} images; the mean image varies by "
            f"{facts['unevenness_before_percent']:.1f} %, after correction by "
            f"{facts['unevenness_after_percent']:.1f} %."
        )
        if facts["unevenness_after_percent"] >= facts["unevenness_before_percent"]:
            notes.append(
                f"{field['channel']}: the correction makes images less even than they are. Take "
                "more images, another method, or do without."
            )
        if sums.count < FEWEST:
            notes.append(
                f"{field['channel']}: {sums.count} images are few; the field may still show what "
                f"is in them. {FEWEST} or more are better."
            )
    places = dict(field["places"])
    if "times" in places:
        places["times"] = tuple(places["times"])
    if "sites" in places:
        places["sites"] = frozenset((well, site) for well, site in places["sites"])
    entry = experiment.illumination.write_field(
        arrays,
        method=method,
        channel=field["channel"],
        key=field["key"],
        statistics=facts,
        histogram=histogram,
        **places,
    )
    return entry, notes


def _sums(parts: Sequence[Path], half: int) -> LogSums | None:
    """What the jobs added up of one half of the images; None if it has none."""

    def read() -> Iterator[LogSums]:  # one at a time: they are large
        for path in parts:
            with np.load(path) as part:
                if f"count{half}" in part:
                    arrays = (part[f"{name}{half}"] for name in ("total", "squares", "counts"))
                    yield LogSums(int(part[f"count{half}"]), *arrays)

    found = read()
    first = next(found, None)
    return None if first is None else merge(chain([first], found))


def _small(parts: Sequence[Path]) -> npt.NDArray[np.float32]:
    """The shrunk images of all jobs, in the order of the images."""
    stacks, numbers = [], []
    for path in parts:
        with np.load(path) as part:
            stacks.append(part["small"])
            numbers.append(part["numbers"])
    order = np.argsort(np.concatenate(numbers), kind="stable")
    return np.asarray(np.concatenate(stacks)[order])


def _before_and_after(
    halves: Sequence[LogSums | None], sums: LogSums, arrays: dict[str, Any]
) -> dict[str, Floats]:
    """The mean image (of logarithms), smoothed, without and with correction.

    The field of one half of the images is tried on the other, so that it cannot hide its own noise.
    """
    first, second = halves
    mean = smooth(mean_and_std(sums)[0])
    before = 10**mean
    if "flat" in arrays:
        return {"before": before, "after": (before - arrays["dark"]) / arrays["flat"]}
    if first is None or second is None:
        first = second = sums
    found, std = (smooth(field) for field in mean_and_std(first))
    field = log_field(found, std)
    tried = smooth(mean_and_std(second)[0])
    power = tried * np.log2(10) * field.gain + field.offset
    highest = np.log2(sums.counts.size)  # where the correction stops too
    return {"before": before, "after": 2.0 ** np.clip(power, 0, highest)}


def _given(args: CorillaArguments, channel: str) -> dict[str, Any]:
    """Flat and dark field from the images of the user."""
    name = args.flat_image.replace("{channel}", channel)
    flat = _picture(name).astype(np.float64)
    if not (flat > 0).all():
        raise FormatError(
            f"'{name}' has pixels that are not greater than 0: it is no flat field, by which "
            "images are divided."
        )
    dark = np.zeros_like(flat)
    if args.dark_image:
        dark = _picture(args.dark_image.replace("{channel}", channel)).astype(np.float64)
    if dark.shape != flat.shape:
        raise FormatError(
            f"The flat image is {flat.shape[0]} × {flat.shape[1]} px, the dark image "
            f"{dark.shape[0]} × {dark.shape[1]} px."
        )
    return {"flat": flat / flat.mean(), "dark": dark}


def _picture(name: str) -> npt.NDArray[Any]:
    from skimage import io

    path = Path(name).expanduser()
    try:
        image = np.asarray(io.imread(path))
    except (OSError, ValueError) as error:
        raise FormatError(f"'{path}' cannot be read as an image: {error}.") from error
    if image.ndim != 2:
        raise FormatError(f"'{path}' has the shape {image.shape}; one grey plane is needed.")
    return image


def _stored(experiment: Experiment, field: dict[str, Any]) -> dict[str, Any]:
    """The flat field that the microscope stored: a polynomial, as Harmony writes it."""
    rows = experiment.catalogue.acquisitions().set_index("id")
    profiles = rows.loc[field["acquisition"], "facts"]["metadata"].get("flat_field", {})
    name = field["channel"]
    text = profiles.get(name) or profiles.get(name.partition("_")[2])
    if not text:
        raise FormatError("the microscope stored no flat field for it. Choose another method.")
    return {"flat": harmony_flat_field(text), "dark": np.zeros(field["size"])}


def harmony_flat_field(text: str) -> Floats:
    """Flat field (y, x) of mean 1 from Harmony's FlatfieldProfile.

    Row n of the coefficients belongs to the terms xⁿ, xⁿ⁻¹ y, … yⁿ of pixels that count from
    `Origin` in units of 1 / `Scale`.

    Raises
    ------
    FormatError
        It is no such profile.
    """
    try:
        profile = yaml.safe_load(text)["Background"]["Profile"]
        width, height = profile["Dims"]
        x, y = (
            (np.arange(size) - origin) * scale
            for size, origin, scale in zip(
                (width, height), profile["Origin"], profile["Scale"], strict=True
            )
        )
        flat = np.zeros((height, width))
        for degree, row in enumerate(profile["Coefficients"]):
            for power, coefficient in enumerate(row):
                flat += coefficient * y[:, None] ** power * x[None, :] ** (degree - power)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the profile of the microscope is not understood: {error!r}.") from error
    if not (flat > 0).all():
        raise FormatError("the profile of the microscope is not greater than 0 everywhere.")
    return np.asarray(flat / flat.mean())
