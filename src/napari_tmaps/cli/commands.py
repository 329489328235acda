"""The commands of tmaps. Each is a thin door to a function that scripts call as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_tmaps.cli import experiments, show, streams, workflow
from napari_tmaps.cli.corrections import corrections
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.export import export
from napari_tmaps.cli.features import features
from napari_tmaps.cli.foreign import import_objects
from napari_tmaps.cli.modules import modules, train_pixels
from napari_tmaps.cli.pipeline import app as pipeline_app
from napari_tmaps.cli.programs import attach_steps
from napari_tmaps.cli.report import report
from napari_tmaps.cli.serve import app as serve_app
from napari_tmaps.cli.tool import plate_map, results, tool
from napari_tmaps.errors import InputError
from napari_tmaps.model.version import __version__

if TYPE_CHECKING:
    from napari_tmaps.model.planes import Scan

app = typer.Typer(
    help="From the folder that a microscope wrote to objects, features and answers.\n\n"
    "A first look: [bold]tmaps demo[/bold].  A plate of your own: [bold]tmaps scan[/bold] FOLDER, "
    "then create, add, convert, analyse and features.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NewExperiment = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT", help="Folder to make (….tmaps).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Threads to use; by default one for each processor."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")]
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


attach_steps(app)
app.add_typer(workflow.app, name="workflow", rich_help_panel="Steps of the workflow")
app.add_typer(experiments.app, name="experiments")
app.add_typer(pipeline_app, name="pipeline")
app.add_typer(streams.app)
app.add_typer(serve_app)

_errors: Callable[[bool], AbstractContextManager[None]] = show.plain_errors


@app.callback(invoke_without_command=True)
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    own: Annotated[
        list[Path] | None,
        typer.Option("--modules", help="Folder of your own modules, for this run. Repeat."),
    ] = None,
) -> None:
    if own:
        from napari_tmaps.modules.own import allow_folders

        with _errors(False):
            allow_folders(own)
    if version:
        typer.echo(f"napari-tmaps {__version__}")
        raise typer.Exit


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where to put the sample plate and its results.")
    ] = Path("demo"),
    window: Annotated[
        bool, typer.Option(help="Open napari at the end, or save its picture without a display.")
    ] = True,
    verbose: Verbose = False,
) -> None:
    """Make a sample plate, run everything on it, and show it in napari."""
    from napari_tmaps.cli.demo import run_demo

    with _errors(verbose):
        run_demo(folder, window=window)


@app.command()
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
    as_json: AsJson = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if anything odd was found.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Say what a folder holds: plates, wells, sites, channels, pixel size, oddities.

    Nothing is written and no pixel is read. Exits with 1 if images are damaged or claimed twice.
    """
    with _errors(verbose):
        found = _scan(folder, pattern, vendor, profile)
        summary = found.summary()
        if report is not None:
            _write_report(found, report)
        if table is not None:
            from napari_tmaps.streams.atomic import disk_errors, replacing

            with replacing(table) as temporary, disk_errors(table):
                found.planes.to_csv(temporary, index=False)
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        show.facts(show.summary_rows(summary))
        show.oddities(summary["oddities"])
    serious = {oddity.kind for oddity in found.oddities} & {"unreadable", "duplicate"}
    if serious or (strict and found.oddities):
        raise typer.Exit(1)


@app.command()
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
        _errors(verbose),
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


@app.command()
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

    with _errors(verbose), Experiment.open(experiment) as opened:
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
        show.oddities(summary["oddities"])
        typer.echo(f"Next: tmaps convert {experiment}")


@app.command()
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
    workers: Workers = None,
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
    with _errors(verbose), Experiment.open(experiment) as opened:
        failures, _ = show.follow(
            convert_experiment(opened, in_place=in_place, workers=workers, **layout)
        )
        for plate in opened.plate_names():
            where = "read in place" if in_place else opened.plate(plate).path
            typer.echo(f"Plate '{plate}': {where}")
    _finish(failures, experiment)


@app.command()
def analyse(
    experiment: ExperimentPath,
    pipeline: Annotated[
        str,
        typer.Option(help="Pipeline file (.yaml), or the name of a ready one (tmaps pipelines)."),
    ],
    wells: Annotated[
        str | None, typer.Option(help="Only these wells, separated by commas, e.g. B02,C03.")
    ] = None,
    workers: Workers = None,
    verbose: Verbose = False,
) -> None:
    """Run a pipeline over the plates: segment objects and measure them. Finished sites are kept."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow import analyse as analyse_experiment
    from napari_tmaps.workflow.jterator import find_pipeline

    with _errors(verbose), Experiment.open(experiment) as opened:
        description = find_pipeline(opened.path, pipeline)
        failures, _ = show.follow(
            analyse_experiment(opened, description, sites=_sites(opened, wells), workers=workers)
        )
        for row in opened.catalogue.object_types().to_dict("records"):
            if row["pipeline"] == description.name:
                typer.echo(f"{row['name']}: {row['objects']} objects, {row['features']} features")
    _finish(failures, experiment)


app.command()(features)
app.command()(modules)
app.command()(train_pixels)
for _command in (tool, results, plate_map, export, report, corrections, import_objects):
    app.command()(_command)


@app.command()
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
    with _errors(verbose), Experiment.open(experiment) as opened:
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


@app.command()
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

    with _errors(verbose), Experiment.open(experiment) as opened:
        text = acquisition_omexml(opened, plate or _only_plate(opened), acquisition)
        write_text(out, text)
        typer.echo(f"Wrote '{out}'.")


@app.command()
def info(experiment: ExperimentPath, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Say what an experiment holds: plates, wells, objects, features, gaps and failures."""
    from napari_tmaps.store.experiment import Experiment

    with _errors(verbose), Experiment.open(experiment) as opened:
        content = opened.info()
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    rows = {"Experiment": content["name"], **show.summary_rows(content)}
    rows["Objects"] = (
        "\n".join(
            f"{name}: {count} objects, {content['features'][name]} features"
            + (" (stale: the images have changed since)" if name in content["stale"] else "")
            for name, count in content["objects"].items()
        )
        or "none yet (tmaps analyse)"
    )
    rows["Missing"] = _gaps(content["missing"])
    rows["Failed sites"] = (
        "\n".join(
            f"{item['step']}: {item['plate']} {item['well']} site {item['site']}: {item['message']}"
            for item in content["failures"][:20]
        )
        or "none"
    )
    show.facts(rows)
    show.oddities(content["oddities"])


@app.command()
def status(
    experiment: ExperimentPath,
    as_json: AsJson = False,
    wells: workflow.WellMap = False,
    verbose: Verbose = False,
) -> None:
    """Say where the workflow stands, step by step and well by well."""
    from napari_tmaps.cli.status import report

    with _errors(verbose):
        report(experiment, as_json=as_json, wells=wells)


@app.command()
def pipelines(verbose: Verbose = False) -> None:
    """List the ready pipelines, with what they make."""
    from napari_tmaps.pipeline import ready_pipelines

    with _errors(verbose):
        for name, description in ready_pipelines().items():
            made = ", ".join(item.name for item in description.output.objects)
            needs = ", ".join(item.name for item in description.input.channels)
            typer.echo(f"{name}: makes {made} from {needs}")
            if description.description:
                typer.echo(f"  {description.description}")


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


def _finish(failures: int, experiment: Path) -> None:
    if failures:
        typer.secho(
            f"{failures} problems; see above or 'tmaps info {experiment}'. All the rest is done.",
            fg=typer.colors.RED,
            err=True,
        )
        raise typer.Exit(1)


def _gaps(gaps: list[dict[str, Any]], most: int = 20) -> str:
    lines = [
        f"{gap['plate']} {gap['well']} site {gap['site']} {gap['channel']} z {gap['z']} "
        f"t {gap['t']}: {gap['reason']}"
        for gap in gaps[:most]
    ]
    if len(gaps) > most:
        lines.append(f"and {len(gaps) - most} more (--json lists all)")
    return "\n".join(lines) or "none"


def _only_plate(experiment: Any) -> str:
    names = experiment.plate_names()
    if len(names) != 1:
        raise InputError(
            f"The experiment has {len(names)} plates ({', '.join(names)}); choose one with --plate."
        )
    return str(names[0])


def _sites(experiment: Any, wells: str | None) -> list[tuple[str, str, int]] | None:
    """(plate, well, site) of the chosen wells on all plates."""
    if wells is None:
        return None
    from napari_tmaps.errors import unknown
    from napari_tmaps.model.wells import WellName

    table = experiment.catalogue.sites()
    chosen = {str(WellName.parse(name)) for name in wells.split(",")}
    for name in sorted(chosen - set(table["well"])):
        raise unknown("well", name, table["well"].unique())
    part = table[table["well"].isin(chosen)]
    return [(row.plate, row.well, int(row.site)) for row in part.itertuples()]
