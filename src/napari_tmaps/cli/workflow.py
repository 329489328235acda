"""`tmaps workflow EXPERIMENT …`, also installed as tm_workflow: all steps, one after another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import (
    CONTEXT,
    AsJson,
    Called,
    Cluster,
    Depth,
    EngineKind,
    EngineOption,
    Interval,
    Scheduler,
    Workers,
    before,
)
from napari_tmaps.cli.status import report, show_plan
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.words import counted

if TYPE_CHECKING:
    from napari_tmaps.model.progress import Progress
    from napari_tmaps.workflow.door import Workflow
    from napari_tmaps.workflow.submission import Request

app = typer.Typer(
    help="Run the whole workflow, or parts of it: submit, look, stop, go on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=CONTEXT,
)

Stage = Annotated[str | None, typer.Option("--stage", "-s", help="Stage or step to begin with.")]
Until = Annotated[str | None, typer.Option(help="Stage or step to end with.")]
Wells = Annotated[str, typer.Option(help="Only these wells, separated by commas, e.g. B02,C03.")]
Sites = Annotated[str, typer.Option(help="Only sites of these numbers, separated by commas.")]
Random = Annotated[int, typer.Option(min=0, help="Only so many sites, drawn at random.")]
Pipeline = Annotated[
    str, typer.Option(help="Pipeline to run: its name in the experiment, a ready one or a file.")
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Go on in the background, also without this terminal.")
]
WellMap = Annotated[bool, typer.Option("--wells", help="With a map of the wells.")]
File = Annotated[Path, typer.Option("--file", "-f", help="Workflow file (.yaml).")]


app.callback()(before)


@app.command()
def submit(
    context: typer.Context,
    stage: Stage = None,
    until: Until = None,
    pipeline: Pipeline = "",
    wells: Wells = "",
    sites: Sites = "",
    random: Random = 0,
    engine: EngineOption = EngineKind.DASK,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    cluster: Cluster = "",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Write nothing: say what would be done, and try it on one site."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer of --dry-run as JSON.")
    ] = False,
    detach: Detach = False,
    depth: Depth = 1,
    interval: Interval = 10,
) -> None:
    """Run the workflow. What is up to date is skipped."""
    from napari_tmaps.workflow.door import Experiment
    from napari_tmaps.workflow.engines import EngineChoice

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        flow = experiment.workflow
        request = flow.request(
            stage=stage,
            until=until,
            pipeline=pipeline,
            wells=_listed(wells),
            sites=_numbers(sites),
            random=random,
            engine=EngineChoice(
                kind=engine.value, workers=workers, scheduler=scheduler, cluster=cluster
            ),
        )
        if dry_run:
            show_plan(flow.dry_run(request), as_json=as_json)
        elif detach:
            _detach(flow, request)
        else:
            _follow(flow, flow.send(request), depth, interval, called.text)


@app.command()
def resubmit(
    context: typer.Context,
    stage: Stage = None,
    depth: Depth = 1,
    interval: Interval = 10,
    detach: Detach = False,
) -> None:
    """Run the workflow as last time, from a stage or step on. What is up to date is skipped."""
    from napari_tmaps.workflow.door import Experiment

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        flow = experiment.workflow
        request = flow.repeated(stage)
        if detach:
            _detach(flow, request)
        else:
            _follow(flow, flow.send(request), depth, interval, called.text)


@app.command()
def resume(
    context: typer.Context,
    engine: Annotated[EngineKind | None, typer.Option(help="Another engine than before.")] = None,
    detach: Detach = False,
    depth: Depth = 1,
    interval: Interval = 10,
) -> None:
    """Go on where the last submission stopped; jobs and sites that failed are tried again."""
    from napari_tmaps.workflow.door import Experiment
    from napari_tmaps.workflow.engines import EngineChoice

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        flow = experiment.workflow
        if detach:
            _detach(flow, None)
            return
        choice = None if engine is None else EngineChoice(kind=engine.value)
        _follow(flow, flow.resume(choice), depth, interval, called.text)


@app.command()
def status(
    context: typer.Context,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Until the workflow ends.")] = False,
    interval: Interval = 10,
    wells: WellMap = False,
) -> None:
    """Say where the workflow stands."""
    called: Called = context.obj
    with show.plain_errors(called.verbose):
        report(called.folder, as_json=as_json, wells=wells, watch_s=interval if watch else None)


@app.command()
def kill(
    context: typer.Context,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until it has stopped.")] = 60,
) -> None:
    """Stop the workflow, wherever it runs. 'resume' goes on."""
    from napari_tmaps.workflow.door import Experiment

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        stopped = experiment.workflow.kill(wait)
    typer.echo("It has stopped; 'resume' goes on." if stopped else "It will stop soon.")


@app.command()
def log(
    context: typer.Context,
    step: Annotated[str, typer.Option("--step", "-s", help="Step; else the whole workflow.")] = "",
    job: Annotated[int, typer.Option("--job", "-j", min=1, help="Number of the job.")] = 1,
) -> None:
    """Print the log of a job, or of a workflow that runs in the background."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow.batches import StepFolder
    from napari_tmaps.workflow.detached import log_path
    from napari_tmaps.workflow.steps import find_step

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        if step:
            text = StepFolder(experiment.path, find_step(step).name).log("run", job)
        elif log_path(experiment.path).is_file():
            text = log_path(experiment.path).read_text(encoding="utf-8")
        else:
            raise NotFoundError("No workflow was sent into the background yet; see --step.")
        typer.echo(text, nl=False)


@app.command()
def download(
    context: typer.Context,
    file: File,
    tissuemaps: Annotated[
        bool, typer.Option("--tissuemaps", help="Without arguments that TissueMAPS does not have.")
    ] = False,
) -> None:
    """Write the workflow into a file, with all arguments, to be edited."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow.description import workflow_of, write_document
    from napari_tmaps.workflow.tissuemaps import for_tissuemaps

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        description = workflow_of(experiment)
        document, notes = description.document(), list[str]()
        if tissuemaps:
            document, notes = for_tissuemaps(description)
        write_document(document, file)
        for note in notes:
            typer.echo(note)
        typer.echo(f"Wrote '{file}'.")


@app.command()
def upload(context: typer.Context, file: File) -> None:
    """Take a workflow file, of ours or of TissueMAPS, as that of the experiment."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow.description import FILE, check_description, load_workflow
    from napari_tmaps.workflow.submission import steps_done

    called: Called = context.obj
    with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
        check_description(load_workflow(file), done=steps_done(experiment))
        shutil.copyfile(file, experiment.path / FILE)
        typer.echo(f"'{experiment.name}' has the workflow of '{file}' now.")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in _listed(text)]
    except ValueError as error:
        raise InputError(f"--sites is '{text}', but must be numbers, e.g. 1,2,5.") from error


def _follow(
    flow: Workflow, events: Iterator[Progress], depth: int, interval: float, called: str
) -> None:
    failures, _ = show.follow(show.paced(events, interval), quiet=depth == 0)
    if not failures:
        return
    text = f"It was stopped. 'tmaps workflow {called} resume' goes on."
    if flow.status()["submission"]["state"] != "STOPPED":
        text = (
            f"{counted(failures, 'problem')}; see 'tmaps workflow {called} status' and 'tmaps info "
            f"{called}'. 'tmaps workflow {called} resume' tries again."
        )
    typer.secho(text, fg=typer.colors.RED, err=True)
    raise typer.Exit(1)


def _detach(flow: Workflow, request: Request | None) -> None:
    process = flow.detach(request)
    path = flow.experiment.path
    typer.echo(
        f"The workflow runs in the background (process {process}). Look: tmaps workflow {path} "
        f"status --watch. Stop: tmaps workflow {path} kill."
    )
