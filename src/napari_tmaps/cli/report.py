"""`tmaps report`: a run as one HTML file, and as a research object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose


def report(
    experiment: ExperimentPath,
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file to write; by default report.html in the experiment."),
    ] = None,
    text: Annotated[
        bool, typer.Option("--methods", help="Only print the paragraph of methods.")
    ] = False,
    crate: Annotated[
        bool,
        typer.Option("--ro-crate", help="Describe the folder for archives: RO-Crate 1.1."),
    ] = False,
    license_url: Annotated[
        str, typer.Option("--license", help="With --ro-crate: address of the licence of the data.")
    ] = "",
    author: Annotated[str, typer.Option(help="With --ro-crate: who made the data.")] = "",
    verbose: Verbose = False,
) -> None:
    """Write a report of the experiment: pictures, plates, quality, settings, methods, versions."""
    with show.plain_errors(verbose):
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.store.rocrate import write_crate
        from napari_tmaps.workflow.report import described_methods, write_report

        with Experiment.open(experiment) as opened:
            if text:
                found = described_methods(opened)
                typer.echo(found.text + "\n")
                for n, reference in enumerate(found.references, start=1):
                    typer.echo(f"{n}. {reference}")
                return
            path = out or opened.path / "report.html"
            show.ended(write_report(opened, path))
            typer.echo(f"Wrote '{path}'.")
            if crate:
                written = write_crate(opened, license_url=license_url, author=author)
                typer.echo(f"Wrote '{written}'.")
