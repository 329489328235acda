"""Which metadata are corrected, beside what the microscope's files say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tmaps.model.metadata_edits import FIELDS, value_text
from napari_tmaps.model.overlay import RECORDED, TOP, Overlay, Row, value_in
from napari_tmaps.model.words import counted

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

_ALIKE = 1e-3
"""Sizes that differ by a smaller part are the same."""


def edited(experiment: Experiment) -> list[dict[str, Any]]:
    """The values that are corrected now: of, field, recorded, edited, when, who."""
    rows = experiment.catalogue.acquisitions(RECORDED)[["id", "plate", "name"]].to_numpy()
    names = {number: f"{plate} {name}" for number, plate, name in rows}
    latest: dict[tuple[Any, ...], Row] = {}
    for row in experiment.catalogue.metadata_edits():
        of = names.get(row["acquisition"]) if row["channel"] is None else row["channel"]
        latest.pop((of, row["field"]), None)
        if of is not None and row["new"] is not None:
            latest[of, row["field"]] = row
    return [
        {
            "of": of,
            "field": field,
            "recorded": row["recorded"],
            "edited": row["new"],
            "when": row["when"],
            "who": row["who"],
        }
        for (of, field), row in latest.items()
    ]


def interruption(experiment: Experiment) -> list[str]:
    """Says so where corrections are not carried out in all files yet."""
    if experiment.catalogue.former_overlay() is None:
        return []
    rows = experiment.catalogue.metadata_edits()
    text = (
        f"The last correction of metadata ({counted(len(rows), 'value')} in all) is not carried "
        "out yet: some files still have the former values. If nobody is at it, the next step, or "
        "the next correction, finishes it."
    )
    return [text]


def size_notes(experiment: Experiment) -> list[str]:
    """Plates whose acquisitions have other sizes than each other, in sentences."""
    return [
        f"The {FIELDS[field].title} of plate '{plate}' is {told}. They lie in one picture, which "
        "is drawn by the first: correct the wrong one (tmaps edit-metadata EXPERIMENT --plate "
        f"{shlex.quote(plate)})."
        for plate, field, told in differences(experiment, experiment.catalogue.overlay())
    ]


def differences(experiment: Experiment, overlay: Overlay) -> Iterator[tuple[str, str, str]]:
    """Plates and fields in which acquisitions differ, and how: "1 µm in 'a', but 2 µm in 'b'"."""
    depths = experiment.catalogue.depths()
    for plate, table in experiment.catalogue.acquisitions(overlay).groupby("plate"):
        for field in TOP:
            sizes = {
                row["name"]: value_in(row["facts"], field)
                for row in table.to_dict("records")
                if field != "z_step_um" or depths.get(row["id"], 1) > 1
            }
            first = next(iter(sizes), "")
            for name, size in sizes.items():
                if not _alike(sizes[first], size):
                    one, other = (value_text(field, value) for value in (sizes[first], size))
                    yield str(plate), field, f"{one} in '{first}', but {other} in '{name}'"
                    break


def _alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.allclose(one, other, rtol=_ALIKE, atol=0))
