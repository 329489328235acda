"""The commands of tmaps. Each is a thin door to a function that scripts call as well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_tmaps.cli import experiments, show, streams, workflow
from napari_tmaps.cli.analysing import analyse, pipelines
from napari_tmaps.cli.corrections import corrections
from napari_tmaps.cli.editing_metadata import edit_metadata
from napari_tmaps.cli.export import export
from napari_tmaps.cli.features import features
from napari_tmaps.cli.foreign import import_objects
from napari_tmaps.cli.importing import add, convert, create, scan
from napari_tmaps.cli.info import info, status
from napari_tmaps.cli.modules import modules, train_pixels
from napari_tmaps.cli.options import Verbose
from napari_tmaps.cli.pipeline import app as pipeline_app
from napari_tmaps.cli.programs import attach_steps
from napari_tmaps.cli.renaming import rename_acquisition, rename_channel, rename_plate
from napari_tmaps.cli.report import report
from napari_tmaps.cli.saving import omexml, save
from napari_tmaps.cli.serve import app as serve_app
from napari_tmaps.cli.tool import plate_map, results, tool
from napari_tmaps.model.version import __version__

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


attach_steps(app)
app.add_typer(workflow.app, name="workflow", rich_help_panel="Steps of the workflow")
app.add_typer(experiments.app, name="experiments")
app.add_typer(pipeline_app, name="pipeline")
app.add_typer(streams.app)
app.add_typer(serve_app)


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

        with show.plain_errors(False):
            allow_folders(own)
    if version:
        typer.echo(f"napari-tmaps {__version__}")
        raise typer.Exit


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

    with show.plain_errors(verbose):
        run_demo(folder, window=window)


for _command in (
    demo, scan, create, add, convert, analyse, features, modules, train_pixels, tool, results,
    plate_map, export, report, corrections, import_objects, save, omexml, info, status, pipelines,
    rename_channel,
    rename_plate,
    rename_acquisition,
    edit_metadata,
):  # fmt: skip
    app.command()(_command)
