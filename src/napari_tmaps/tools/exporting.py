"""One door to all exports of objects: what is written follows from the ending of the file."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_tmaps.errors import InputError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import WellName
from napari_tmaps.model.words import counted
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export_anndata import write_objects_anndata
from napari_tmaps.store.export_crops import write_crops
from napari_tmaps.store.export_geojson import one_plate, write_geojson
from napari_tmaps.store.export_ngio import write_plate_tables
from napari_tmaps.store.export_training import MANIFEST, For, write_training
from napari_tmaps.store.export_wells import Aggregate, well_table, write_wells
from napari_tmaps.store.feature_export import write_objects
from napari_tmaps.store.feature_table import Mask
from napari_tmaps.store.plate_map import load_plate_map
from napari_tmaps.tools.population import Population, members
from napari_tmaps.tools.run import open_data, results_of
from napari_tmaps.tools.values import ToolData

ENDINGS = (".csv", ".parquet", ".h5ad", ".zarr", ".geojson")
Kind = Literal["objects", "wells", "crops", "plate", "training"]


@dataclass(frozen=True, slots=True)
class Export:
    """What to write.

    Attributes
    ----------
    kind
        objects: a table, an AnnData or outlines, as the ending says. wells: a row a well. crops: a
        folder of pictures. plate: tables within the plate, as ngio reads them. training: a folder
        of corrected sites with their labels.
    columns
        Only these; all if there are none.
    where
        Only objects for which this filter holds.
    of
        Only objects that belong to all of these gates, selections and classes.
    plate, site
        For outlines: of which plate; of which site ("B03/2"), else of the whole map.
    classes
        For outlines and crops: a column of classes, e.g. "sizes:class".
    aggregate
        How the objects of a well become one value.
    over_time
        For wells: a row for each time point.
    size_px, masked, as_arrays
        For crops: their side, whether all but the object is 0, and NPY instead of OME-TIFF.
        Training data are squares of that side around what was corrected; whole sites with 0.
    program, channels
        For training data: what is trained with them, and of which channels; all if none are named.
    """

    kind: Kind = "objects"
    columns: tuple[str, ...] = ()
    where: str = ""
    of: tuple[Population, ...] = ()
    plate: str = ""
    site: str = ""
    classes: str = ""
    aggregate: Aggregate = "median"
    over_time: bool = False
    size_px: int = 64
    masked: bool = False
    as_arrays: bool = False
    program: For = "cellpose"
    channels: tuple[str, ...] = ()


def export_objects(
    experiment: Experiment, object_type: str, out: Path | None, wanted: Export
) -> Generator[Progress, None, str]:
    """Write objects for other programs.

    Parameters
    ----------
    out
        File or folder; not needed for tables within the plate.

    Returns
    -------
    str
        What was written, in a sentence.

    Raises
    ------
    InputError, NotFoundError
        What is asked for does not fit, or is not there; nothing is written then.
    StorageError
        The disk refuses; nothing half-written is left.
    """
    written: int
    if wanted.kind == "training":
        if out is None:
            raise InputError("Say where to write: --out FOLDER.")
        written = yield from write_training(
            experiment,
            object_type,
            out,
            program=wanted.program,
            channels=wanted.channels,
            crop_px=wanted.size_px,
        )
        kind = f"of corrected {object_type} for {wanted.program}"
        return f"Wrote {counted(written, 'image')} {kind} to '{out}', with {MANIFEST}."
    data = open_data(experiment, object_type)
    table = data.table
    if wanted.kind == "plate" and (wanted.where or wanted.of):
        raise InputError(
            "Tables within the plate hold all objects of their images: they cannot be of a filter, "
            "gate, selection or class. Write a file instead."
        )
    if wanted.kind == "plate":
        images = yield from write_plate_tables(experiment, table)
        return f"Wrote tables of '{object_type}' into {images} images of the plates."
    if out is None:
        raise InputError("Say where to write: --out FILE.")
    ending = out.suffix.lower()
    if wanted.kind in ("objects", "wells") and ending not in ENDINGS:
        raise InputError(f"'{out.name}' should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    rows, gone = _rows(data, wanted), _gone(data, wanted)
    columns = wanted.columns
    classes = (wanted.classes,) if wanted.classes else ()
    if wanted.kind == "crops":
        written = yield from write_crops(
            experiment,
            table,
            out,
            size_px=wanted.size_px,
            columns=(*columns, *classes),
            rows=rows,
            masked=wanted.masked,
            file_format="npy" if wanted.as_arrays else "tiff",
        )
        return f"Wrote {written} crops of '{object_type}' to '{out}', with manifest.csv.{gone}"
    if wanted.kind == "wells":
        yield Progress("wells", 0, 0)
        plate_map = load_plate_map(experiment.path, experiment.plate_names())
        wells = well_table(
            table,
            columns=columns,
            of_wells=() if plate_map is None else plate_map.columns,
            rows=rows,
            aggregate=wanted.aggregate,
            over_time=wanted.over_time,
        )
        write_wells(out, wells)
        lines = "time points of wells" if wanted.over_time else "wells"
        return f"Wrote {len(wells)} {lines} of '{object_type}' to '{out}'.{gone}"
    if ending == ".geojson":
        plate = one_plate(experiment, wanted.plate)
        written = yield from write_geojson(
            experiment,
            table,
            out,
            plate=plate,
            site=_site(wanted.site),
            columns=columns,
            rows=rows,
            classes=wanted.classes,
            colors=_colors(experiment, object_type, wanted.classes),
        )
        return f"Wrote the outlines of {written} objects of type '{object_type}' to '{out}'.{gone}"
    yield Progress("objects", 0, 0)
    if ending in (".h5ad", ".zarr"):
        written = write_objects_anndata(
            table, out, columns=columns, rows=rows, experiment=experiment.name
        )
    else:
        written = write_objects(table, out, columns=columns, rows=rows)
    return f"Wrote {written} objects of type '{object_type}' to '{out}'.{gone}"


def _rows(data: ToolData, wanted: Export) -> Mask | None:
    """The objects that are written; None for all."""
    chosen = [Population("filter", wanted.where)] if wanted.where else []
    masks = [members(each, data) for each in (*chosen, *wanted.of)]
    return np.logical_and.reduce(masks) if masks else None


def _gone(data: ToolData, wanted: Export) -> str:
    """What is to be told of selections whose objects are gone since an analysis."""
    said = ""
    for each in wanted.of:
        if each.kind == "selection":
            found, lost = data.selections[each.name].rows(data.table)
            if len(lost):
                said += (
                    f" {len(lost)} of {len(found) + len(lost)} objects of the selection "
                    f"'{each.name}' are gone since an analysis."
                )
    return said


def _site(text: str) -> tuple[str, int] | None:
    """ "B03/2" → ("B03", 2)."""
    if not text:
        return None
    well, _, number = text.partition("/")
    if not number.isdigit():
        raise InputError(f"'{text}' is no site; write well and number, e.g. B03/2.")
    return str(WellName.parse(well)), int(number)


def _colors(experiment: Experiment, object_type: str, classes: str) -> dict[str, str]:
    """Colours of the classes of a result; none for other columns."""
    store = results_of(experiment)
    result = classes.partition(":")[0]
    return store.about(object_type, result).colors if result in store.names(object_type) else {}
