"""`tmaps save` and `omexml`: pixels and metadata for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose
from napari_tmaps.errors import InputError


def save(
    experiment: ExperimentPath,
    out: Annotated[Path, typer.Option(help="File or folder to write: .ome.tiff or .ome.zarr.")],
    well: Annotated[
        str, typer.Option(help="Well, e.g. B03; several parted by commas; empty: the whole plate.")
    ] = "",
    site: Annotated[int, typer.Option(help="Number of the site; 0: all.")] = 0,
    plate: Annotated[str | None, typer.Option(help="Plate, if there are several.")] = None,
    selection: Annotated[
        str, typer.Option(help="Only objects of a selection, as TYPE:NAME, e.g. Cells:mitotic.")
    ] = "",
    version: Annotated[str, typer.Option(help="Of OME-Zarr: 0.5 or 0.4.")] = "0.5",
    compression: Annotated[
        str, typer.Option(help="auto, zlib, lzw, zstd, blosc or none.")
    ] = "auto",
    chunk: Annotated[int, typer.Option(help="Longest side of a chunk or tile, in pixels.")] = 512,
    shards: Annotated[bool, typer.Option(help="OME-Zarr 0.5: one file a plane.")] = True,
    levels: Annotated[int, typer.Option(help="Pyramid levels; 0: as the size asks for.")] = 0,
    replace: Annotated[bool, typer.Option(help="Replace what is there already.")] = False,
    verify: Annotated[bool, typer.Option(help="Read all again and compare each pixel.")] = False,
    verbose: Verbose = False,
) -> None:
    """Save a site, wells or a plate as OME-TIFF or OME-Zarr: channels, labels, tables and JSON."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.store.export import SaveChoice, options_for, proving, saving

    object_type, _, chosen = selection.partition(":")
    wells = tuple(name.strip() for name in well.split(",") if name.strip())
    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        options = options_for(
            out,
            version=version,
            compression=compression,
            chunk=chunk,
            shards=shards,
            levels=levels,
            replace=replace,
        )
        choice = SaveChoice(plate or _only_plate(opened), wells, site, object_type, chosen)
        for path in show.ended(saving(opened, choice, out, options)):
            typer.echo(f"Wrote '{path}'.")
        if verify:
            planes = show.ended(proving(opened, choice, out, options))
            typer.echo(f"All {planes} planes are the same when read again.")


def omexml(
    experiment: ExperimentPath,
    out: Annotated[Path, typer.Option(help="File to write: .ome.xml.")],
    plate: Annotated[str | None, typer.Option(help="Plate, if there are several.")] = None,
    acquisition: Annotated[str, typer.Option(help="Name of the acquisition.")] = "acquisition01",
    verbose: Verbose = False,
) -> None:
    """Write what is known of an acquisition as one OME-XML document."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.streams.atomic import write_text
    from napari_tmaps.workflow.metaextract import acquisition_omexml

    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        text = acquisition_omexml(opened, plate or _only_plate(opened), acquisition)
        write_text(out, text)
        typer.echo(f"Wrote '{out}'.")


def _only_plate(experiment: Any) -> str:
    names = experiment.plate_names()
    if len(names) != 1:
        raise InputError(
            f"The experiment has {len(names)} plates ({', '.join(names)}); choose one with --plate."
        )
    return str(names[0])
