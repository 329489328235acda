"""A setting is changed while somebody looks: our preview against running it all again.

The site is that of `site/…`. Each round changes a setting to a value that no cache knows. "Visible"
is a window of 1080 × 810 pixels in the middle of the site; "site" is all of it. The other way
runs scikit-image on the same pixels, from the start, as a script would.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import check, iter_site, run_site
from napari_tmaps.pipeline.cache import Cache, step_key
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


Change = tuple[str, Any]


def _otsu_factors() -> Callable[[], Change]:
    steps = count(1)
    # around the threshold itself, never twice the same
    return lambda: ("correction_factor", 1 + 1e-4 * next(steps))


def _sizes() -> Callable[[], Change]:
    steps = count()
    return lambda: ("filter_size", 2 + next(steps) % 2)


def _contest(
    step: str, change: Callable[[], Change], last: str, objects: str, *, visible: bool
) -> Contest:
    peer, site = _peer("skimage_idiom"), _site()
    images = {name: image.copy() for name, image in site.images.items()}
    for image in images.values():
        image.flags.writeable = False
    base: PipelineDescription = _pipeline("nuclei_and_cells").description
    cache = Cache(4 * 2**30)
    run_site(check(base, ["DAPI", "Actin"]), images, cache=cache)
    # Sizes are few: what was made of them before is not to be found. What does not depend on them
    # is known, as to somebody who has looked at the pipeline before.
    apart = next(s for s in check(base, ["DAPI", "Actin"]).steps if s.name == "smooth_cells")
    key = step_key(apart.spec, apart.settings, {"image": cache.image_key(images["Actin"])})
    unchanged = cache.get(key)
    assert unchanged is not None
    truth = {"Nuclei": site.nuclei, "Cells": site.cells}[objects]
    seen = np.ascontiguousarray(truth[VIEW]) if visible else truth

    def ours() -> Any:
        name, value = change()
        if step == "smooth_nuclei":
            cache.forget()
            cache.put(key, unchanged)
        changed = check(set_setting(base, step, name, value), ["DAPI", "Actin"])
        if not visible:
            *_, end = iter_site(changed, images, cache=cache, upto=last)
            return next(iter(end.values.values()))
        steps = iter_region(changed, images, {}, VIEW, upto=last, cache=cache)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return next(iter(end.value.values.values()))

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
        clock="cpu",
    )
