"""`tmaps analyse` and `pipelines`: run a pipeline over the plates."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Threads, Verbose


def analyse(
    experiment: ExperimentPath,
    pipeline: Annotated[
        str,
        typer.Option(help="Pipeline file (.yaml), or the name of a ready one (tmaps pipelines)."),
    ],
    wells: Annotated[
        str | None, typer.Option(help="Only these wells, separated by commas, e.g. B02,C03.")
    ] = None,
    workers: Threads = None,
    verbose: Verbose = False,
) -> None:
    """Run a pipeline over the plates: segment objects and measure them. Finished sites are kept."""
    from napari_tmaps.pipeline.find import find_pipeline
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow import analyse as analyse_experiment

    with show.plain_errors(verbose), Experiment.open(experiment) as opened:
        description = find_pipeline(opened.path, pipeline)
        failures, _ = show.follow(
            analyse_experiment(opened, description, sites=_sites(opened, wells), workers=workers)
        )
        for row in opened.catalogue.object_types().to_dict("records"):
            if row["pipeline"] == description.name:
                typer.echo(f"{row['name']}: {row['objects']} objects, {row['features']} features")
    show.finish(failures, experiment)


def pipelines(verbose: Verbose = False) -> None:
    """List the ready pipelines, with what they make."""
    from napari_tmaps.pipeline import ready_pipelines

    with show.plain_errors(verbose):
        for name, description in ready_pipelines().items():
            made = ", ".join(item.name for item in description.output.objects)
            needs = ", ".join(item.name for item in description.input.channels)
            typer.echo(f"{name}: makes {made} from {needs}")
            if description.description:
                typer.echo(f"  {description.description}")


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
