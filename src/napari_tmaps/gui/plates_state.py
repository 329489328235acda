"""Plates and acquisitions with their status, worked out from tables: pure values, no Qt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

Image = tuple[str, str, int, int]
"""Plate, well, site, cycle."""
SHARED = (
    "Cannot be removed: its sites, images and objects share tables with all others. Make a new "
    "experiment without it instead."
)


class Status(StrEnum):
    """How far the import of an acquisition is; the value is the word that is shown.

    `IN_PLACE` is complete, too: nothing is to be copied.
    """

    WAITING = "waiting"
    IMPORTING = "importing"
    FAILED = "failed"
    IN_PLACE = "read in place"
    COMPLETE = "complete"


@dataclass(frozen=True)
class AcquisitionRow:
    """One run of the microscope over a plate.

    Attributes
    ----------
    images
        Number of planes that there are.
    folder
        Of the microscope.
    kept
        Why it cannot be removed; "" if it can.
    """

    plate: str
    name: str
    status: Status
    images: int
    folder: str
    kept: str


@dataclass(frozen=True)
class PlateRow:
    """One plate with its acquisitions; its status is that of the one that lags most."""

    name: str
    description: str
    acquisitions: tuple[AcquisitionRow, ...]

    @property
    def status(self) -> Status:
        """Failed if anything is, else the status of whatever is least far."""
        order = (Status.FAILED, Status.IMPORTING, Status.WAITING, Status.IN_PLACE, Status.COMPLETE)
        found = {each.status for each in self.acquisitions}
        return next((status for status in order if status in found), Status.WAITING)

    @property
    def images(self) -> int:
        """Number of planes that there are."""
        return sum(each.images for each in self.acquisitions)

    @property
    def kept(self) -> str:
        """Why it cannot be removed; "" if it can."""
        return next((each.kept for each in self.acquisitions if each.kept), "")


def plate_rows(
    plates: pd.DataFrame,
    acquisitions: pd.DataFrame,
    acquired: pd.DataFrame,
    *,
    laid_out: Collection[int] = (),
    converted: Collection[Image] = (),
    failed: Collection[tuple[str, str, int]] = (),
    importing: bool = False,
) -> tuple[PlateRow, ...]:
    """The tree of an experiment.

    Parameters
    ----------
    plates, acquisitions, acquired
        Tables of the catalogue.
    laid_out
        Acquisitions (id) that the layout holds.
    converted
        Images that are in the plates.
    failed
        Sites (plate, well, site) that the import could not do.
    importing
        True while images are converted.
    """
    by_number = dict(iter(acquired.groupby("acquisition_id")))
    rows: dict[str, list[AcquisitionRow]] = {name: [] for name in plates["name"]}
    for row in acquisitions.to_dict("records"):
        plate, known = row["plate"], row["id"] in laid_out
        own = by_number.get(row["id"], acquired.iloc[:0])
        images = [
            (plate, str(well), int(site), int(cycle))
            for well, site, cycle in own[["well", "site", "cycle"]].itertuples(index=False)
        ]
        there = sum(image in converted for image in images)
        if any(image[:3] in failed for image in images):
            status = Status.FAILED
        elif known and there == len(images):
            status = Status.COMPLETE
        elif importing:
            status = Status.IMPORTING
        else:
            status = Status.IN_PLACE if known and not there else Status.WAITING
        rows[plate].append(
            AcquisitionRow(
                plate,
                str(row["name"]),
                status,
                int(own["planes"].sum()),
                str(row["root"]),
                SHARED if known else "",
            )
        )
    described = dict(zip(plates["name"], plates["description"], strict=True))
    return tuple(PlateRow(name, described[name], tuple(own)) for name, own in rows.items())
