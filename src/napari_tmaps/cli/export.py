"""`tmaps export`: objects for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose


class Aggregate(StrEnum):
    """How the objects of a well become one value."""

    MEDIAN = "median"
    MEAN = "mean"
    STD = "std"


class Program(StrEnum):
    """What is trained."""

    CELLPOSE = "cellpose"
    STARDIST = "stardist"
    PIXELS = "pixels"


def export(
    experiment: ExperimentPath,
    object_type: Annotated[str, typer.Argument(metavar="TYPE", help="Object type, e.g. Nuclei.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="What to write: .csv, .parquet, .h5ad or .zarr (AnnData), .geojson (outlines, for "
            "QuPath), or with --crops a folder."
        ),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="Only these features and results, separated by commas.")
    ] = "",
    where: Annotated[str, typer.Option(help="Only objects for which this filter holds.")] = "",
    gate: Annotated[
        list[str] | None, typer.Option(help="Only objects in this gate. Repeat for all of several.")
    ] = None,
    selection: Annotated[
        list[str] | None, typer.Option(help="Only objects of this selection; likewise.")
    ] = None,
    of_class: Annotated[
        list[str] | None,
        typer.Option("--class", help="Only objects of this class of a result, e.g. sizes=large."),
    ] = None,
    wells: Annotated[bool, typer.Option("--wells", help="One row a well.")] = False,
    aggregate: Annotated[
        Aggregate, typer.Option(help="With --wells: how its objects become one value.")
    ] = Aggregate.MEDIAN,
    over_time: Annotated[
        bool, typer.Option("--over-time", help="With --wells: a row for each time point of a well.")
    ] = False,
    plate: Annotated[str, typer.Option(help="Outlines: of this plate.")] = "",
    site: Annotated[
        str,
        typer.Option(help="Outlines: of one site, in its pixels, e.g. B03/2; else of the map."),
    ] = "",
    classes: Annotated[
        str, typer.Option(help="Outlines and crops: a column of classes, e.g. sizes:class.")
    ] = "",
    crops: Annotated[
        int, typer.Option(help="A picture of each object, of so many pixels a side.")
    ] = 0,
    masked: Annotated[
        bool, typer.Option("--masked", help="Crops: only the object, 0 around it.")
    ] = False,
    npy: Annotated[bool, typer.Option("--npy", help="Crops: NPY instead of OME-TIFF.")] = False,
    training: Annotated[
        Program | None,
        typer.Option(
            help="Corrected objects with their images, as Cellpose or StarDist learn from, or as "
            "strokes for train-pixels. With --crops: squares of that side around what was "
            "corrected, else whole sites."
        ),
    ] = None,
    channels: Annotated[
        str, typer.Option(help="Training data: of these channels, separated by commas; else all.")
    ] = "",
    into_plate: Annotated[
        bool,
        typer.Option("--into-plate", help="Tables within the OME-Zarr plate, as ngio reads them."),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write objects with features, results and plate map for other programs."""
    with show.plain_errors(verbose):
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.tools.exporting import Export, Kind, export_objects
        from napari_tmaps.tools.population import Population, class_of

        kind: Kind = "objects"
        if into_plate:
            kind = "plate"
        elif training is not None:
            kind = "training"
        elif crops:
            kind = "crops"
        elif wells:
            kind = "wells"
        wanted = Export(
            kind=kind,
            columns=_names(columns),
            where=where,
            of=(
                *(Population("gate", name) for name in gate or ()),
                *(Population("selection", name) for name in selection or ()),
                *map(class_of, of_class or ()),
            ),
            plate=plate,
            site=site,
            classes=classes,
            aggregate=aggregate.value,
            over_time=over_time,
            size_px=crops or (0 if training else 64),
            masked=masked,
            as_arrays=npy,
            program=training.value if training else "cellpose",
            channels=_names(channels),
        )
        with Experiment.open(experiment) as opened:
            typer.echo(show.ended(export_objects(opened, object_type, out, wanted)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
