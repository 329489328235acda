"""`tmaps rename-channel`, `tmaps rename-plate`, `tmaps rename-acquisition`."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose


def rename_channel(
    experiment: ExperimentPath,
    old: Annotated[str, typer.Argument(help="Name of the channel.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    verbose: Verbose = False,
) -> None:
    """Give a channel another name in images, maps and pipelines; nothing is converted anew."""
    with show.plain_errors(verbose):
        from napari_tmaps.workflow.door import Experiment

        with Experiment.open(experiment) as opened:
            opened.rename_channel(old, new)
    typer.echo(f"The channel '{old}' is called '{new}'.")


def rename_plate(
    experiment: ExperimentPath,
    old: Annotated[str, typer.Argument(help="Name of the plate.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    verbose: Verbose = False,
) -> None:
    """Give a plate another name in images, maps and tables; nothing is made anew."""
    with show.plain_errors(verbose):
        from napari_tmaps.workflow.door import Experiment

        with Experiment.open(experiment) as opened:
            opened.rename_plate(old, new)
    typer.echo(f"The plate '{old}' is called '{new}'.")


def rename_acquisition(
    experiment: ExperimentPath,
    plate: Annotated[str, typer.Argument(help="Name of the plate.")],
    old: Annotated[str, typer.Argument(help="Name of the acquisition.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    verbose: Verbose = False,
) -> None:
    """Give an acquisition of a plate another name."""
    with show.plain_errors(verbose):
        from napari_tmaps.workflow.door import Experiment

        with Experiment.open(experiment) as opened:
            opened.rename_acquisition(plate, old, new)
    typer.echo(f"The acquisition '{old}' of plate '{plate}' is called '{new}'.")
