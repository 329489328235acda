"""What an experiment holds, as JSON values and as a page of a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from napari_tmaps.model.platesvg import plate_svg
from napari_tmaps.model.wells import sorted_wells
from napari_tmaps.model.words import counted
from napari_tmaps.store.edited_values import edited, interruption, size_notes

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment


def info(experiment: Experiment) -> dict[str, Any]:
    """What the experiment holds, as JSON values; see `tmaps info`."""
    sites, gaps = experiment.catalogue.sites(), experiment.catalogue.gaps()
    acquisitions, types = experiment.catalogue.acquisitions(), experiment.catalogue.object_types()
    planes = experiment.catalogue.source_planes() if len(acquisitions) else pd.DataFrame()
    facts: Sequence[Mapping[str, Any]] = list(acquisitions["facts"])
    counts = sites.groupby(["plate", "well"])["site"].count().groupby("well").max()
    oddities = [item["message"] for fact in facts for item in fact["oddities"]]
    oddities += list(experiment.catalogue.get("layout_notes", []))
    oddities += [*size_notes(experiment), *interruption(experiment)]
    cycles = planes["cycle"].nunique() if len(planes) else 0
    if experiment.workflow_type == "multiplexing":
        cycles = int(experiment.catalogue.channels()["cycle"].nunique())
    return {
        "name": experiment.name,
        "vendor": ", ".join(dict.fromkeys(acquisitions["vendor"])) or None,
        "plates": experiment.plate_names(),
        "acquisitions": [
            {"plate": row.plate, "name": row.name_, "folder": row.root, "vendor": row.vendor}
            for row in acquisitions.rename(columns={"name": "name_"}).itertuples()
        ],
        "wells": sorted_wells(sites["well"].unique()),
        "sites_per_well": {well: int(counts[well]) for well in sorted_wells(counts.index)},
        "channels": experiment.catalogue.channel_names(),
        "size_z": int(planes["z"].max()) + 1 if len(planes) else 0,
        "size_t": _size_t(planes, acquisitions),
        "z_planes": _most(experiment, "z"),
        "time_points": _most(experiment, "t"),
        "cycles": cycles,
        "image_size": _first(list(pair) for pair in sites[["height", "width"]].to_numpy().tolist()),
        "dtype": _first(value for value in planes["dtype"] if value) if len(planes) else None,
        "pixel_size_um": _first(fact["pixel_size_um"] for fact in facts),
        "z_step_um": _first(fact["z_step_um"] for fact in facts),
        "edited": edited(experiment),
        "planes": int((~planes["missing"]).sum()) if len(planes) else 0,
        "oddities": oddities,
        "missing": gaps.to_dict("records"),
        "failures": experiment.catalogue.failures().to_dict("records"),
        "objects": {row.name_: int(row.objects) for row in _named(types)},
        "features": {row.name_: int(row.features) for row in _named(types)},
        "jobs": {
            str(state): int(number)
            for state, number in experiment.catalogue.jobs()["state"].value_counts().items()
        },
        "stale": [row.name_ for row in _named(types) if row.stale],
    }


def html(experiment: Experiment) -> str:
    """What the experiment holds, and its plates as pictures."""
    facts = info(experiment)
    rows = {
        "Channels": ", ".join(facts["channels"]),
        "Planes": str(facts["planes"]),
        "Objects": ", ".join(f"{n} {name}" for name, n in facts["objects"].items()) or "none yet",
        "Features": ", ".join(f"{n} of {name}" for name, n in facts["features"].items()),
    }
    table = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td>{escape(text)}</td></tr>"
        for name, text in rows.items()
        if text
    )
    sites = experiment.catalogue.sites()
    plates = []
    for plate in experiment.plate_names():
        counts = sites.loc[sites["plate"] == plate, "well"].value_counts()
        wells = {str(well): counted(int(n), "site") for well, n in counts.items()}
        picture = plate_svg(experiment.catalogue.plate_format(plate), wells, plate)
        plates.append(f"<figure><figcaption>{escape(plate)}</figcaption>{picture}</figure>")
    return f"<b>{escape(experiment.name)}</b><table>{table}</table>{''.join(plates)}"


def _named(table: pd.DataFrame) -> list[Any]:
    return list(table.rename(columns={"name": "name_"}).itertuples())


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _size_t(planes: pd.DataFrame, acquisitions: pd.DataFrame) -> int:
    if planes.empty:
        return 0
    offsets = acquisitions.set_index("id")["t_offset"]
    return int((planes["t"] + planes["acquisition_id"].map(offsets)).max()) + 1


def _most(experiment: Experiment, axis: Literal["z", "t"]) -> dict[str, int]:
    """Number of z planes or time points of each channel; of several plates the largest counts."""
    images = list(experiment.catalogue.recorded().values())
    return {
        name: max(len(getattr(own[name], axis)) if name in own else 0 for own in images)
        for name in experiment.catalogue.channel_names()
    }
