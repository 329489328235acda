"""What a map is made of, so that it is known whether it is up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from napari_tmaps.store.corrections import Corrections
from napari_tmaps.store.mapplan import MapPlan
from napari_tmaps.store.plan import digest
from napari_tmaps.store.sites import Locator

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment


def well_sources(
    experiment: Experiment,
    plan: MapPlan,
    settings: Mapping[str, Any],
    digests: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """What the map of each well is made of, as JSON values, and a digest for each layer of it.

    Parameters
    ----------
    settings
        "align", and the channels that are "corrected".
    digests
        Digests of images to take in the place of others.

    Yields
    ------
    dict
        well; sites, each with site, images (see store.sites) and shifts; keys: layer → digest. A
        layer is "channel:<name>" or "labels:<object type>".
    """
    sites = [
        (plan.plate, well, site.site)
        for well, placed in plan.sites_of_wells.items()
        for site in placed
    ]
    cycles = sorted({facts["cycle"] for facts in plan.channels})
    others = digests or {}
    located = Locator(experiment).find_all(sites, cycles)
    entries = experiment.illumination.entries() if settings["corrected"] else ()
    types = experiment.catalogue.object_types()
    pipelines = dict(zip(types["name"], types["pipeline"], strict=True))
    analysed = experiment.catalogue.analysed()
    by_hand: dict[tuple[str, str], list[int]] = {}
    for edit in Corrections(experiment).edits():
        if edit.place.plate == plan.plate and not edit.is_undone:
            by_hand.setdefault((edit.place.object_type, edit.place.well), []).append(edit.number)
    for well, found in groupby(located, key=lambda item: item[0][1]):
        items: list[dict[str, Any]] = []
        for (_, _, number), images in found:
            window = experiment.shifts.window(plan.plate, well, number)
            use = window is not None and settings["align"]
            shifts = dict(window.shifts) if use and window is not None else {}
            items.append(
                {
                    "site": number,
                    "images": images,
                    "shifts": {str(cycle): list(shift) for cycle, shift in shifts.items()},
                }
            )
        keys = {}
        for facts in plan.channels:
            name, cycle = facts["name"], str(facts["cycle"])
            fields = [entry.folder for entry in entries if entry.channel == name]
            made = [item["images"].get(cycle, {}).get("source") for item in items]
            sources = [
                [item["site"], others.get(source, source), item["shifts"]]
                for item, source in zip(items, made, strict=True)
            ]
            used = fields if name in settings["corrected"] else []
            keys[f"channel:{name}"] = digest([sources, used])
        for name, pipeline in pipelines.items():
            done = [analysed.get((pipeline, plan.plate, well, item["site"])) for item in items]
            if any(done):
                changes = by_hand.get((name, well), [])
                keys[f"labels:{name}"] = digest([done, changes] if changes else done)
        yield {"well": well, "sites": items, "keys": keys}
