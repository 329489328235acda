"""The button that offers all exports: tables, outlines, pictures, a report, a research object."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.rocrate import write_crate
from napari_tmaps.tools.exporting import Export, export_objects
from napari_tmaps.tools.population import Population
from napari_tmaps.workflow.report import write_report


@dataclass(frozen=True)
class Offer:
    """An entry of the menu.

    Attributes
    ----------
    name
        Of the file that is proposed; "{}" stands for the type of the objects. "" if nobody has to
        say where.
    endings
        Of files that can be written; none for a folder.
    export
        What is written of the objects; None for what is about the experiment.
    """

    text: str
    tip: str
    name: str = ""
    endings: str = ""
    export: Export | None = None


OFFERS = {
    "objects": Offer(
        "Table of objects…",
        "All objects with features, results and plate map",
        "{}.csv",
        "Tables (*.csv *.parquet);;AnnData (*.h5ad *.zarr)",
        Export("objects"),
    ),
    "wells": Offer(
        "Table of wells…",
        "The median of each feature over the objects of a well, with the plate map",
        "{} wells.csv",
        "Tables (*.csv *.parquet)",
        Export("wells"),
    ),
    "outlines": Offer(
        "Outlines for QuPath…",
        "Polygons of the objects of the plate that is shown, on its map",
        "{}.geojson",
        "GeoJSON (*.geojson)",
        Export("objects"),
    ),
    "crops": Offer(
        "Pictures of objects…",
        "A folder with a picture of 64 × 64 pixels of each object, e.g. for machine learning",
        "{} crops",
        "",
        Export("crops"),
    ),
    "plate": Offer(
        "Tables within the plates",
        "As ngio and Fractal read them, beside the images of the OME-Zarr plates",
        export=Export("plate"),
    ),
    "report": Offer(
        "Report of the experiment…",
        "One HTML file: pictures, plates, quality, settings, methods with citations, versions",
        "report.html",
        "HTML (*.html)",
    ),
    "crate": Offer(
        "Description for archives (RO-Crate)",
        "Describes the folder of the experiment in ro-crate-metadata.json",
    ),
}


OF_OBJECTS = ("objects", "wells", "outlines", "crops")
"""What can be written of some of the objects."""


class ExportButton(QPushButton):
    """Asks what to write, and where.

    Parameters
    ----------
    keys
        Which of `OFFERS`.

    Signals
    -------
    requested
        A key of `OFFERS`, and a path, or None where nobody has to say where.
    """

    requested = Signal(str, object)

    def __init__(self, keys: Iterable[str] = OFFERS, parent: QWidget | None = None) -> None:
        super().__init__("Export", parent)
        self.setToolTip("Write objects for other programs, or a report of the experiment")
        self.object_type = ""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for key in keys:
            offer = OFFERS[key]
            if key == "report":
                menu.addSeparator()
            action = menu.addAction(offer.text)
            assert action is not None, "a menu gives its actions"
            action.setToolTip(offer.tip)
            action.triggered.connect(lambda _=False, key=key: self._on_chosen(key))
        self.setMenu(menu)

    def _on_chosen(self, key: str) -> None:
        offer, chosen = OFFERS[key], ""
        if offer.name:
            chosen, _ = QFileDialog.getSaveFileName(
                self,
                offer.text.removesuffix("…"),
                offer.name.format(self.object_type),
                offer.endings or "Folder (*)",
            )
            if not chosen:
                return
        self.requested.emit(key, Path(chosen) if chosen else None)


def write(
    key: str,
    path: Path | None,
    experiment: Experiment,
    object_type: str,
    *,
    plate: str,
    classes: str = "",
    where: str = "",
    of: tuple[Population, ...] = (),
) -> Generator[Progress, None, str]:
    """Write one of `OFFERS`.

    Parameters
    ----------
    plate
        Outlines are of this one.
    classes
        Column of classes that colours outlines and goes along with pictures; "" for none.
    where, of
        Only some of the objects; see `Export`.

    Returns
    -------
    str
        What was written, in a sentence.
    """
    export = OFFERS[key].export
    if export is not None:
        if key not in ("outlines", "crops"):  # tables have all columns
            classes = ""
        wanted = replace(export, plate=plate, classes=classes, where=where, of=of)
        return (yield from export_objects(experiment, object_type, path, wanted))
    if path is None:
        yield Progress("description", 0, 0)
        return f"Wrote '{write_crate(experiment)}'."
    yield from write_report(experiment, path)
    return f"Wrote '{path}'; any browser shows it."
