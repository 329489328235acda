"""`tmaps rename-channel`."""

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
