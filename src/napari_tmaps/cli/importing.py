"""`tmaps scan`, `create`, `add`, `convert`: from the folder of a microscope to plates."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import AsJson, Threads, Verbose
from napari_tmaps.errors import InputError

if TYPE_CHECKING:
    from napari_tmaps.model.planes import Scan

NewExperiment = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT", help="Folder to make (….tmaps).")
]
Pattern = Annotated[
    str | None,
    typer.Option(
        help="Regular expression for file names with the named groups well, site, channel, z, t, "
        "plate or cycle, e.g. '(?P<well>[A-H]\\d\\d)_s(?P<site>\\d+)_w(?P<channel>\\d)'."
    ),
]
Vendor = Annotated[
    str | None, typer.Option(help="Name of the microscope format, if it is not recognised rightly.")
]
Profile = Annotated[
    Path | None,
    typer.Option(help="Import profile (.yaml): pattern, names, pixel size, exclusions, shifts …"),
]


class WorkflowType(StrEnum):
    """Types of experiments."""

    CANONICAL = "canonical"
    MULTIPLEXING = "multiplexing"


class StitchLayout(StrEnum):
    """Orders in which the sites of a well were recorded."""

    HORIZONTAL = "horizontal"
    ZIGZAG_HORIZONTAL = "zigzag_horizontal"
    VERTICAL = "vertical"
    ZIGZAG_VERTICAL = "zigzag_vertical"


def scan(
    folder: Annotated[Path, typer.Argument(help="Folder or file that the microscope wrote.")],
    pattern: Pattern = None,
    vendor: Vendor = None,
    profile: Profile = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write the import report: .json or .txt, with every missing image."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write the table of all images that were found, .csv.")
    ] = None,
    trial: Annotated[
        bool,
        typer.Option(
            "--try",
            help="Only say what the pattern makes of the names, at once; without --pattern, of "
            "each that you type.",
        ),
    ] = False,
    as_json: AsJson = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if anything odd was found.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Say what a folder holds: plates, wells, sites, channels, pixel size, oddities.

    Nothing is written and no pixel is read. Exits with 1 if images are damaged or claimed twice.
    """
    with show.plain_errors(verbose):
        if trial:
            _try_patterns(folder, pattern)
            return
        found = _scan(folder, pattern, vendor, profile)
        summary = found.summary()
        if report is not None:
            _write_report(found, report)
        if table is not None:
            from napari_tmaps.streams.atomic import disk_errors, replacing

            with replacing(table) as temporary, disk_errors(table):
                found.planes.to_csv(temporary, index=False)
    if as_json:
        show.as_json(summary)
    else:
        show.facts(show.summary_rows(summary))
        show.oddities(summary["oddities"])
    serious = {oddity.kind for oddity in found.oddities} & {"unreadable", "duplicate"}
    if serious or (strict and found.oddities):
        raise typer.Exit(1)


def _try_patterns(folder: Path, pattern: str | None) -> None:
    """What a pattern, or each that is typed, makes of the names of a folder."""
    from napari_tmaps.vendors.listing import list_files
    from napari_tmaps.vendors.preview import preview

    names = list_files(folder).images()
    typer.echo(f"{len(names)} images" + (f", e.g. {names[0]}" if names else ""))
    if pattern is not None:
        typer.echo(preview(names, pattern))
        return
    while typed := typer.prompt("Pattern (empty: end)", default="", show_default=False):
        typer.echo(preview(names, typed))


def create(
    experiment: NewExperiment,
    name: Annotated[str | None, typer.Option(help="Name; by default that of the folder.")] = None,
    description: Annotated[str, typer.Option(help="What the experiment is about.")] = "",
    workflow_type: Annotated[
        WorkflowType, typer.Option(help="multiplexing: each acquisition is a staining cycle.")
    ] = WorkflowType.CANONICAL,
    ngff_version: Annotated[
        str, typer.Option(help="Version of OME-Zarr: 0.5, or 0.4 for older programs.")
    ] = "0.5",
    verbose: Verbose = False,
) -> None:
    """Make a new, empty experiment."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.store.known import remember

    with (
        show.plain_errors(verbose),
        Experiment.create(
            experiment,
            name=name,
            description=description,
            workflow_type=workflow_type.value,
            ngff_version=ngff_version,
        ) as made,
    ):
        number = remember(made).number
        typer.echo(f"Made experiment '{made.name}' in '{made.path}', number {number} of your list.")
        typer.echo(f"Next: tmaps add {experiment} FOLDER")


def add(
    experiment: ExperimentPath,
    folder: Annotated[Path, typer.Argument(help="Folder or file that the microscope wrote.")],
    plate: Annotated[
        str | None, typer.Option(help="Name of the plate; by default that of the microscope.")
    ] = None,
    acquisition: Annotated[
        str, typer.Option(help="Name of this run of the microscope over the plate.")
    ] = "acquisition01",
    plate_format: Annotated[
        int | None, typer.Option(help="Wells of the plate: 1 (slide), 6 … 96, 384, 1536.")
    ] = None,
    pattern: Pattern = None,
    vendor: Vendor = None,
    profile: Profile = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="The acquisition is known, but its folder has changed."),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Register a folder of the microscope as an acquisition of a plate; no pixel is read."""
    from napari_tmaps.model.wells import PlateFormat
    from napari_tmaps.store.experiment import Experiment

    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        found = _scan(folder, pattern, vendor, profile)
        if profile is not None:
            _state_grid(opened, profile)
        names = opened.add(
            found,
            plate=plate,
            acquisition=acquisition,
            plate_format=None if plate_format is None else PlateFormat.of(plate_format),
            update=update,
        )
        summary = found.summary()
        show.facts(show.summary_rows(summary) | {"Plates": ", ".join(names)})
        rows = opened.catalogue.acquisitions()
        rows = rows[rows["plate"].isin(names) & (rows["name"] == acquisition)]
        told = [item["message"] for facts in rows["facts"] for item in facts["oddities"]]
        show.oddities(list(dict.fromkeys(told)))
        typer.echo(f"Next: tmaps convert {experiment}")


def convert(
    experiment: ExperimentPath,
    stitch_layout: Annotated[
        StitchLayout | None,
        typer.Option(help="Order of the sites of a well, where stage positions are missing."),
    ] = None,
    n_vertical: Annotated[
        int | None, typer.Option(min=1, help="Rows of the grid of sites, likewise.")
    ] = None,
    n_horizontal: Annotated[
        int | None, typer.Option(min=1, help="Columns of the grid of sites, likewise.")
    ] = None,
    mip: Annotated[
        bool | None, typer.Option("--mip/--no-mip", help="Project z planes to their maximum.")
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Copy nothing: pixels stay in the microscope's files."),
    ] = False,
    workers: Threads = None,
    verbose: Verbose = False,
) -> None:
    """Turn the microscope's files into OME-Zarr plates. An interrupted run goes on."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow import convert as convert_experiment

    stated = {
        "stitch_layout": stitch_layout and stitch_layout.value,
        "n_vertical": n_vertical,
        "n_horizontal": n_horizontal,
        "mip": mip,
    }
    layout = {name: value for name, value in stated.items() if value is not None}
    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        failures, _ = show.follow(
            convert_experiment(opened, in_place=in_place, workers=workers, **layout)
        )
        for plate in opened.plate_names():
            where = "read in place" if in_place else opened.plate(plate).path
            typer.echo(f"Plate '{plate}': {where}")
    show.finish(failures, experiment)


def _scan(folder: Path, pattern: str | None, vendor: str | None, profile: Path | None) -> Scan:
    from napari_tmaps.vendors import scan as scan_folder
    from napari_tmaps.vendors.profile import load_profile

    corrections = None if profile is None else load_profile(profile)
    return scan_folder(folder, pattern=pattern, vendor=vendor, profile=corrections)


def _state_grid(experiment: Any, profile: Path) -> None:
    """Keep the order of sites that a profile states; the conversion asks for it."""
    from napari_tmaps.vendors.profile import load_profile

    grid = load_profile(profile).grid
    if grid is not None:
        known = experiment.catalogue.get("metaconfig", {})
        experiment.catalogue.set("metaconfig", {**known, **grid.model_dump()})


def _write_report(found: Scan, path: Path) -> None:
    """The import report, as its ending asks."""
    from napari_tmaps.model.report import import_report, report_text
    from napari_tmaps.streams.atomic import write_text

    content = import_report(found)
    if path.suffix.lower() == ".json":
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    elif path.suffix.lower() == ".txt":
        write_text(path, report_text(content))
    else:
        raise InputError(f"The report '{path.name}' should end in .json or .txt.")
