"""A setting is changed while somebody looks: our preview against running it all again.

The site is that of `site/…`. Each round changes a setting to a value that no cache knows. "Visible"
is a window of 1080 × 810 pixels in the middle of the site; "site" is all of it. The other way
runs scikit-image on the same pixels, from the start, as a script would.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import finish
from napari_tmaps.pipeline import CheckedPipeline, check, iter_site, run_site
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.edit import set_setting
from napari_tmaps.pipeline.region import iter_region
from rows_site import _peer, _pipeline, _site
from timing import Contest

VIEW = (slice(675, 1485), slice(540, 1620))
_LABELS = "register_nuclei"


def threshold_visible(folder: Path, full: bool) -> Contest:
    """Another threshold of the nuclei, their labels in the window."""
    return _contest("threshold_nuclei", _otsu_factors(), _LABELS, "Nuclei", visible=True)


def threshold_site(folder: Path, full: bool) -> Contest:
    """Another threshold of the nuclei, their labels on the site."""
    return _contest("threshold_nuclei", _otsu_factors(), _LABELS, "Nuclei", visible=False)


def first_module_visible(folder: Path, full: bool) -> Contest:
    """Another smoothing, nuclei and cells in the window."""
    return _contest("smooth_nuclei", _sizes(), "segment_cells", "Cells", visible=True)


def first_module_site(folder: Path, full: bool) -> Contest:
    """Another smoothing, nuclei and cells on the site."""
    return _contest("smooth_nuclei", _sizes(), "segment_cells", "Cells", visible=False)


class Setting(NamedTuple):
    """A setting of a step, a value that was tried before, and those that are tried now."""

    name: str
    tried: float
    new: Iterator[float]


def _otsu_factors() -> Setting:
    # around the threshold itself, never twice the same
    return Setting("correction_factor", 0.9, (1 + 1e-4 * step for step in count(1)))


def _sizes() -> Setting:
    return Setting("filter_size", 1, cycle((3, 4)))


def _contest(step: str, settings: Setting, last: str, objects: str, *, visible: bool) -> Contest:
    peer, site = _peer("skimage_idiom"), _site()
    images = {name: image.copy() for name, image in site.images.items()}
    for image in images.values():
        image.flags.writeable = False
    base: PipelineDescription = _pipeline("nuclei_and_cells").description
    cache = Cache(4 * 2**30)
    name, tried, change = settings

    def changed(value: Any) -> CheckedPipeline:
        return check(set_setting(base, step, name, value), ["DAPI", "Actin"])

    def look() -> None:
        """Know what somebody knows who looked at the pipeline and tried one value."""
        cache.forget()
        run_site(check(base, ["DAPI", "Actin"]), images, cache=cache, upto=last)
        finish(iter_region(changed(tried), images, {}, VIEW, upto=last, cache=cache))

    look()
    truth = {"Nuclei": site.nuclei, "Cells": site.cells}[objects]
    seen = np.ascontiguousarray(truth[VIEW]) if visible else truth

    def ours() -> Any:
        new = changed(next(change))
        if visible:
            found = finish(iter_region(new, images, {}, VIEW, upto=last, cache=cache))
            assert found is not None, "no value comes twice without a look between"
            return next(iter(found.values.values()))
        *_, end = iter_site(new, images, cache=cache, upto=last)
        return next(iter(end.values.values()))

    def theirs() -> Any:
        crops = {name: image[VIEW] if visible else image for name, image in images.items()}
        if objects == "Nuclei":
            return peer.segment_nuclei(crops["DAPI"])
        return peer.segment(crops)[objects]

    return Contest(
        f"{peer.NAME}, all again",
        ours,
        theirs,
        accuracy=lambda mine, other: object_f1(seen, mine).f1,
        accuracy_is="F1",
        peer_accuracy=lambda other: object_f1(seen, other).f1,
        before=look,
        clock="cpu",
    )
