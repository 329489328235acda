"""How far around a pixel a module looks: what a run on a part of a site has to know.

A module that is not listed may look anywhere, so it runs on whole sites. That is never wrong,
only slower while somebody drags a slider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.pipeline.checked import Step

Settings = Mapping[str, Any]
Image = npt.NDArray[np.unsignedinteger[Any]]

OBJECT_PX = 64
"""Objects are taken to be no wider than this. A wider one may be cut differently in a part of a
site than in the whole; the whole follows, and it is what counts."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a module needs to work on a part of a site as it would on the whole.

    Attributes
    ----------
    pixels
        From the settings to the distance, in pixels, beyond which nothing counts; None if with
        these settings the module has to see everything.
    objects
        Whether it has to see objects as a whole.
    find
        For a module that finds one number on the whole image: from the settings and the image to
        this number.
    found_by
        The settings that this number depends on.
    pin
        From the settings and the number to settings that fix it.
    pinned_by
        The input that `find` has to see whole.
    """

    pixels: Callable[[Settings], int | None]
    objects: bool = False
    find: Callable[[Settings, Image], float] | None = None
    found_by: tuple[str, ...] = ()
    pin: Callable[[Settings, float], dict[str, Any]] | None = None
    pinned_by: str = ""


def _nothing(settings: Settings) -> int:
    return 0


def _smooth(settings: Settings) -> int:
    size = int(settings["filter_size"])
    return {"gaussian": 4 * size + 1, "bilateral": 3 * size + 1}.get(settings["filter_name"], size)


def _otsu(settings: Settings, image: Image) -> float:
    from napari_tmaps.measure.histogram import histogram, otsu

    return float(otsu(histogram(image)))


def _by_method(settings: Settings, image: Image) -> float:
    from napari_tmaps.measure.histogram import histogram
    from napari_tmaps.measure.thresholds import THRESHOLDS

    return float(THRESHOLDS[settings["method"]](histogram(image)))


def _cross_entropy(settings: Settings, image: Image) -> float:
    from napari_tmaps.measure.histogram import histogram, minimum_cross_entropy

    return float(minimum_cross_entropy(histogram(image)))


def _corrected(settings: Settings, found: float) -> dict[str, Any]:
    return _between(settings, found * settings["correction_factor"])


def _global(settings: Settings) -> int | None:
    # Its own smoothing comes before its threshold, which then needs the whole image smoothed.
    return None if settings["smoothing"] else 0


def _secondary(settings: Settings) -> int | None:
    # Where contrast decides, the limits are more than limits of the threshold.
    return 0 if settings["contrast_threshold"] >= 65535 else None


def _between(settings: Settings, threshold: float) -> dict[str, Any]:
    low, high = settings["min_threshold"], settings["max_threshold"]
    if low > high:
        return {}  # the module refuses these, and says why
    threshold = min(max(threshold, low), high)
    return {"min_threshold": threshold, "max_threshold": threshold}


_PIXEL = Reach(_nothing)
_OBJECT = Reach(_nothing, objects=True)

REACHES: dict[str, Reach] = {
    "smooth": Reach(_smooth),
    "invert": _PIXEL,
    "apply_mask": _PIXEL,
    "combine_masks": _PIXEL,
    "clip": _PIXEL,
    "threshold_manual": _PIXEL,
    "threshold_otsu": Reach(_nothing, find=_otsu, pin=_corrected, pinned_by="image"),
    "threshold_global": Reach(
        _global, find=_by_method, found_by=("method",), pin=_corrected, pinned_by="image"
    ),
    "fill": _OBJECT,
    "label": _OBJECT,
    "filter": _OBJECT,
    "expand_or_shrink": Reach(lambda settings: abs(int(settings["n"])) + 1),
    "separate_clumps": _OBJECT,
    "separate_touching": _OBJECT,
    "subtract_objects": _OBJECT,
    "segment_secondary": Reach(
        _secondary, objects=True, find=_cross_entropy, pin=_between, pinned_by="intensity_image"
    ),
    "register_objects": _PIXEL,
}


def margin(steps: Iterable[Step]) -> int:
    """How far around a part of a site these steps look together, in pixels.

    Filters that follow each other add up; objects that are seen as a whole by one step are so by
    the next.

    Parameters
    ----------
    steps
        In the order in which they run; the modules of all of them listed in `REACHES`.
    """
    far: dict[str, int] = {}  # by item
    objects = False
    for step in steps:
        reach = REACHES[step.spec.name]
        before = max((far.get(item, 0) for item in step.inputs.values()), default=0)
        here = before + (reach.pixels(step.settings) or 0)
        far.update(dict.fromkeys(step.outputs.values(), here))
        objects |= reach.objects
    return max(far.values(), default=0) + OBJECT_PX * objects


def used_threshold(module: str, settings: Settings, image: Image) -> float | None:
    """The intensity at which a module parted the image; None if it has no such number.

    Parameters
    ----------
    image
        The whole image that the module worked on, uint8 or uint16.
    """
    if module == "threshold_manual":
        return float(settings["threshold"])
    reach = REACHES.get(module)
    if reach is None or not reach.find or not reach.pin or reach.pixels(settings) is None:
        return None
    pinned = reach.pin(settings, reach.find(settings, image))
    return float(pinned["min_threshold"]) if pinned else None
