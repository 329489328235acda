"""`tmaps pipeline …`: check, try, run, import and export pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.named import (
    experiment_folder,
    named_images,
    named_pipeline,
    named_sites,
    what_is_known,
)
from napari_tmaps.cli.options import AsJson, Verbose
from napari_tmaps.errors import ExistsError

if TYPE_CHECKING:
    from napari_tmaps.pipeline.imported import Note

app = typer.Typer(
    help="Check, try, run, import and export pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PipelineText = Annotated[
    str,
    typer.Argument(metavar="PIPELINE", help="Pipeline file (.yaml), or the name of a ready one."),
]
ExperimentText = Annotated[
    str | None, typer.Option("--experiment", help="Folder, name or number of an experiment.")
]
Out = Annotated[Path, typer.Option(help="Folder to write; made if needed.")]


class Target(StrEnum):
    """What a pipeline can be exported as."""

    SCRIPT = "script"
    NOTEBOOK = "notebook"
    JTERATOR = "jterator"


@app.command(name="list")
def list_pipelines(
    experiment: ExperimentText = None, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    """List the ready pipelines, and those of an experiment."""
    from napari_tmaps.pipeline import load_pipeline, ready_pipelines

    with show.plain_errors(verbose):
        found = [(name, "ready", each) for name, each in ready_pipelines().items()]
        if experiment is not None:
            files = sorted((experiment_folder(experiment) / "pipelines").glob("*.yaml"))
            found += [(path.stem, "experiment", load_pipeline(path)) for path in files]
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "where": where,
            "channels": [channel.name for channel in each.input.channels],
            "objects": [objects.name for objects in each.output.objects],
            "steps": len(each.pipeline),
        }
        for name, where, each in found
    ]
    if as_json:
        show.as_json(rows)
        return
    for row in rows:
        made = ", ".join(row["objects"]) or "nothing"
        typer.echo(f"{row['name']:<20} {', '.join(row['channels'])} -> {made}")


@app.command()
def check(
    pipeline: PipelineText,
    experiment: ExperimentText = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Check a pipeline before any image is read: exit code 0 if it can run."""
    from napari_tmaps.pipeline import check as checked
    from napari_tmaps.pipeline import find_problems
    from napari_tmaps.store.experiment import Experiment

    with show.plain_errors(verbose):
        folder = None if experiment is None else experiment_folder(experiment)
        description = named_pipeline(pipeline, folder)
        known: dict[str, Any] = {"channels": None, "objects": None}
        if folder is not None:
            with Experiment.open(folder) as opened:
                known = what_is_known(opened)
        problems = find_problems(description, **known)
        hints = () if problems else checked(description, **known).hints
    if as_json:
        found = {"pipeline": description.name, "hints": list(hints)}
        show.as_json({**found, "problems": [asdict(p) for p in problems]})
    else:
        for problem in problems:
            typer.secho(str(problem), fg=typer.colors.RED)
        for hint in hints:
            typer.secho(hint, fg=typer.colors.YELLOW)
        if not problems:
            typer.echo(f"'{description.name}' can run: {len(list(description.active()))} steps.")
    if problems:
        raise typer.Exit(1)


@app.command()
def run(
    pipeline: PipelineText,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="CHANNEL=FILE...",
            help="Image file of each channel, or of labels of each object type that goes in.",
        ),
    ],
    out: Out = Path("results"),
    pixel_size: Annotated[
        float | None, typer.Option(min=0.0001, help="Size of a pixel in y and x, micrometers.")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a pipeline on image files: TYPE.tif (labels) and TYPE.csv (features) for each type."""
    from napari_tmaps.pipeline import check as checked
    from napari_tmaps.pipeline import run_site
    from napari_tmaps.pipeline.debug import write_objects

    with show.plain_errors(verbose):
        ready = checked(named_pipeline(pipeline, None)).sized((None, pixel_size, pixel_size))
        given = named_images(images, [*ready.channels, *ready.input_objects])
        result = run_site(ready, given, given)
        files = write_objects(result, out)
    if as_json:
        found = {
            "pipeline": ready.description.name,
            "objects": {name: len(table) for name, table in result.tables.items()},
            "features": {name: list(table.columns) for name, table in result.tables.items()},
            "seconds": {name: round(spent, 4) for name, spent in result.seconds.items()},
            "files": [str(path) for path in files],
        }
        show.as_json(found)
        return
    for name, table in result.tables.items():
        typer.echo(f"{name}: {len(table)} objects, {len(table.columns)} columns")
    for path in files:
        typer.echo(f"Wrote '{path}'.")


@app.command()
def debug(
    pipeline: PipelineText,
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT|CHANNEL=FILE", help="Experiment, or the first image file."
        ),
    ],
    images: Annotated[
        list[str] | None, typer.Argument(metavar="CHANNEL=FILE...", help="More image files.")
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(help="Site as WELL/NUMBER or PLATE/WELL/NUMBER, e.g. B03/1. Repeat."),
    ] = None,
    time: Annotated[int, typer.Option("--time", "-t", min=0, help="Time point, from 0.")] = 0,
    out: Out = Path("debug"),
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a pipeline on chosen sites, and write all that each step makes, with pictures.

    Nothing is written into the experiment.
    """
    from napari_tmaps.pipeline import check as checked
    from napari_tmaps.pipeline.debug import debug_site
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.store.inputs import site_inputs

    failed = False
    folders: list[Path] = []
    with show.plain_errors(verbose):
        if "=" in experiment and not Path(experiment).exists():
            ready = checked(named_pipeline(pipeline, None))
            given = named_images(
                [experiment, *(images or [])], [*ready.channels, *ready.input_objects]
            )
            failed, _ = show_steps(debug_site(ready, given, given, out), as_json)
            folders.append(out)
        else:
            folder = experiment_folder(experiment)
            with Experiment.open(folder) as opened:
                ready = checked(named_pipeline(pipeline, folder), **what_is_known(opened))
                for place in named_sites(opened, site or []):
                    plate, well, number = place
                    inputs = site_inputs(opened, ready.description.input, *place, time)
                    into = out / f"{plate}_{well}_{number}_t{time}"
                    typer.echo(f"{plate}, {well} site {number}:", err=as_json)
                    sized = ready.sized(inputs.pixel_size_um)
                    steps = debug_site(sized, inputs.images, inputs.objects, into)
                    one_failed, _ = show_steps(steps, as_json)
                    failed |= one_failed
                    folders.append(into)
    if as_json:
        logs = [json.loads((each / "log.json").read_text(encoding="utf-8")) for each in folders]
        sites = [{"folder": str(e), **log} for e, log in zip(folders, logs, strict=True)]
        show.as_json(sites)
    else:
        for each in folders:
            typer.echo(f"Wrote '{each}'.")
    if failed:
        raise typer.Exit(1)


def show_steps(events: Iterable[Any], quiet: bool) -> tuple[bool, int]:
    """A line for each step; whether one failed, and how many there were."""
    failed, count = False, 0
    for event in events:
        count += 1
        failed |= event.failed
        if event.failed:
            typer.secho(event.message, fg=typer.colors.RED, err=True)
        elif not quiet:
            typer.echo(f"  {event.done}/{event.total} {event.stage}")
    return failed, count


@app.command(name="import")
def import_pipeline(
    path: Annotated[
        Path,
        typer.Argument(
            help="jterator project (folder, pipeline.yaml or .pipe.yaml), or a pipeline of "
            "CellProfiler (.cppipe, .json)."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Pipeline file to write; by default <name>.yaml.")
    ] = None,
    white: Annotated[
        float,
        typer.Option(
            min=1,
            help="CellProfiler only: the intensity that is 1 there; 255 for images of 8 bit, 4095 "
            "for 12 bit.",
        ),
    ] = 65535,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Translate a pipeline of TissueMAPS or CellProfiler, and say what became of each part."""
    from napari_tmaps.pipeline import find_problems, save_pipeline
    from napari_tmaps.pipeline.cellprofiler import load_cellprofiler
    from napari_tmaps.pipeline.jterator_project import load_project
    from napari_tmaps.store.names import safe_name

    with show.plain_errors(verbose):
        foreign = path.suffix.lower() in (".cppipe", ".json")
        imported = load_cellprofiler(path, white=white) if foreign else load_project(path)
        file = out or Path(f"{safe_name(imported.pipeline.name)}.yaml")
        _new(file)
        save_pipeline(imported.pipeline, file)
        problems = [str(problem) for problem in find_problems(imported.pipeline)]
    if as_json:
        found = {"file": str(file), "notes": [asdict(note) for note in imported.notes]}
        show.as_json({**found, "problems": problems})
        return
    _show_notes(imported.notes)
    typer.echo(f"Wrote '{file}': {len(imported.pipeline.pipeline)} steps.")
    if problems:
        typer.secho("It cannot run as it is:", fg=typer.colors.YELLOW)
        for problem in problems:
            typer.echo(f"- {problem}")


@app.command(name="export")
def export_pipeline(
    pipeline: PipelineText,
    to: Annotated[Target, typer.Option(help="What to write.")] = Target.SCRIPT,
    out: Annotated[
        Path | None, typer.Option(help="File (.py, .ipynb), or folder of the jterator project.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write a pipeline as Python script, Jupyter notebook or TissueMAPS jterator project."""
    from napari_tmaps.pipeline import to_script
    from napari_tmaps.pipeline.jterator_project_export import save_project
    from napari_tmaps.pipeline.notebook import to_notebook
    from napari_tmaps.store.names import safe_name
    from napari_tmaps.streams.atomic import write_text

    with show.plain_errors(verbose):
        description = named_pipeline(pipeline, None)
        name = safe_name(description.name)
        if to is Target.JTERATOR:
            path = out or Path(name)
            _show_notes(save_project(description, path))
        else:
            path = out or Path(f"{name}{'.py' if to is Target.SCRIPT else '.ipynb'}")
            _new(path)
            script = to is Target.SCRIPT
            write_text(path, to_script(description) if script else to_notebook(description))
    typer.echo(f"Wrote '{path}'.")


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="File to write; else it is printed.")] = None,
    verbose: Verbose = False,
) -> None:
    """The JSON schema of pipeline files, with which editors complete and check them."""
    from napari_tmaps.pipeline.schema import pipeline_schema
    from napari_tmaps.streams.atomic import write_text

    with show.plain_errors(verbose):
        text = json.dumps(pipeline_schema(), indent=2, ensure_ascii=False)
        if out is not None:
            write_text(out, text + "\n")
    typer.echo(text if out is None else f"Wrote '{out}'.")


# --- helpers -------------------------------------------------------------------------------


def _new(path: Path) -> None:
    if path.exists():
        raise ExistsError(f"'{path}' exists. Choose another name with --out.")


def _show_notes(notes: Iterable[Note]) -> None:
    colours = {"left out": typer.colors.YELLOW, "approximated": typer.colors.CYAN}
    for note in notes:
        typer.secho(str(note), fg=colours.get(note.state))
