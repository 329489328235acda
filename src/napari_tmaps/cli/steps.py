"""The program of one step: init, run, collect, submit, resubmit, info, log, cleanup."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import (
    CONTEXT,
    Called,
    Cluster,
    Depth,
    EngineKind,
    EngineOption,
    Interval,
    Scheduler,
    before,
)
from napari_tmaps.cli.options import Workers as WorkersOption
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.store.experiment import Experiment, is_experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.description import argument_rows
from napari_tmaps.workflow.engines import LIMITS_NEED_PROCESSES, EngineChoice
from napari_tmaps.workflow.job import JobCall, run_job
from napari_tmaps.workflow.lock import coordinating
from napari_tmaps.workflow.phases import collect_step, init_step, run_jobs, salvage
from napari_tmaps.workflow.slurm import slurm_script
from napari_tmaps.workflow.step import BatchArguments, Step, make_arguments
from napari_tmaps.workflow.steps import find_step
from napari_tmaps.workflow.submission import steps_done

FLAGS = {
    "batch_size": "-b", "ref_cycle": "-c", "ref_wavelength": "-w", "illumcorr": "-i",
    "robust_align": "-r", "rescale_percentile": "--clip-percent", "align": "-a", "clip": "-c",
}  # fmt: skip
"""Flags of batch arguments beside their names, as TissueMAPS has them."""


class Phase(StrEnum):
    """Phases that have a log."""

    INIT = "init"
    RUN = "run"
    COLLECT = "collect"


Job = Annotated[int, typer.Option("--job", "-j", min=1, help="Number of the job.")]
MaybeJob = Annotated[int | None, typer.Option("--job", "-j", min=1, help="Number of the run job.")]
OfPhase = Annotated[Phase, typer.Option("--phase", "-p", help="Phase that the job belongs to.")]


def step_app(name: str) -> typer.Typer:
    """The program of a step.

    Raises
    ------
    NotFoundError
        There is no such step.
    """
    step = find_step(name)
    app = typer.Typer(
        help=(step.__doc__ or "").splitlines()[0],
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings=CONTEXT,
    )
    app.callback()(before)
    for verb in (_init, _run, _collect, _submit, _resubmit, _info, _log, _cleanup):
        function, text = verb(step)
        app.command(verb.__name__.strip("_"), help=text)(function)
    return app


_Verb = tuple[Callable[..., None], str]


def _init(step: type[Step]) -> _Verb:
    def init(context: typer.Context, **values: Any) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
            args = make_arguments(step.Arguments, values, called=_option)
            with coordinating(experiment.path, f"{step.name} init"):
                show.follow(salvage(experiment, step))
                jobs = init_step(step(experiment), args)
            typer.echo(f"{step.name}: {counted(jobs, 'job')} for the run phase.")

    text = "Make the batches for parallel processing; what is up to date gets none."
    return _with_options(init, step.Arguments), text


def _run(step: type[Step]) -> _Verb:
    def run(
        context: typer.Context,
        job: Job,
        assume_clean_state: Annotated[
            bool,
            typer.Option(
                "--assume-clean-state", help="Previous output was cleaned up: it always is."
            ),
        ] = False,
    ) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose):
            folder = called.folder
            if not is_experiment(folder):
                raise NotFoundError(f"'{folder}' is no experiment.")
            files = StepFolder(folder, step.name)
            files.batch(job)
            files.start()
            outcome = run_job(JobCall(str(folder), step, job))
            if called.verbosity > 1:
                typer.echo(files.log("run", job), nl=False, err=True)
        if outcome.exitcode:
            typer.secho(f"Error: {outcome.message}", fg=typer.colors.RED, err=True)
            raise typer.Exit(outcome.exitcode)
        for item in outcome.failures:
            typer.echo(f"{item['plate']} {item['well']} site {item['site']}: {item['message']}")
        typer.echo(f"Job {job} of {step.name} is done, in {outcome.seconds:.1f} s.")

    return run, "Run one job on this machine."


def _collect(step: type[Step]) -> _Verb:
    def collect(context: typer.Context) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
            files = StepFolder(experiment.path, step.name)
            lacking = sorted(set(files.jobs()) - set(files.finished()))
            if lacking:
                raise InputError(
                    f"{len(lacking)} of {len(files.jobs())} jobs of {step.name} have not finished, "
                    f"e.g. job {lacking[0]}. Wait for them, or run them: "
                    f"tmaps {step.name} {called.text} run --job {lacking[0]}."
                )
            with coordinating(experiment.path, f"{step.name} collect"):
                show.follow(iter(collect_step(experiment, step)))
            bad = experiment.catalogue.jobs().query(
                "step == @name and exitcode > 0", local_dict={"name": step.name}
            )
            failures = experiment.catalogue.failures()
            count = len(bad) + int((failures["step"] == step.name).sum())
        typer.echo(
            f"{step.name} is collected" + (f", with {counted(count, 'problem')}." if count else ".")
        )
        if count:
            raise typer.Exit(1)

    return collect, "Gather the output of the run jobs, when all have ended."


def _submit(step: type[Step]) -> _Verb:
    def submit(
        context: typer.Context,
        depth: Depth = 1,
        interval: Interval = 10,
        engine: EngineOption = EngineKind.DASK,
        workers: WorkersOption = 0,
        scheduler: Scheduler = "",
        cluster: Cluster = "",
        print_script: Annotated[
            str, typer.Option(metavar="slurm", help="Only print the script of an array job.")
        ] = "",
        **values: Any,
    ) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
            limits = make_arguments(SubmissionArguments, values, called=_option)
            if print_script:
                if print_script != "slurm":
                    raise InputError(f"There is no script for '{print_script}', only for slurm.")
                typer.echo(slurm_script(experiment, step.name, limits), nl=False)
                return
            choice = EngineChoice(
                kind=engine.value, workers=workers, scheduler=scheduler, cluster=cluster
            )
            _process(experiment, step, choice, limits, depth, interval)

    text = "Run all jobs that init has made and collect their output."
    return _with_options(submit, SubmissionArguments), text


def _resubmit(step: type[Step]) -> _Verb:
    def resubmit(
        context: typer.Context,
        depth: Depth = 1,
        interval: Interval = 10,
        engine: EngineOption = EngineKind.DASK,
        workers: WorkersOption = 0,
    ) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
            files = StepFolder(experiment.path, step.name)
            files.collect_batch()
            choice = EngineChoice(kind=engine.value, workers=workers)
            if not files.is_open():
                with coordinating(experiment.path, f"{step.name} resubmit"):
                    files.reopen()
            _process(experiment, step, choice, SubmissionArguments(), depth, interval)

    return resubmit, "Go on with the jobs made before; if all have ended, run all of them again."


def _process(
    experiment: Experiment,
    step: type[Step],
    choice: EngineChoice,
    limits: SubmissionArguments,
    depth: int,
    interval: float,
) -> None:
    def events() -> Iterator[Progress]:
        within = choice.within([limits])
        if within != choice:
            yield Progress(step.name, 0, 0, LIMITS_NEED_PROCESSES)
        with coordinating(experiment.path, step.name), within.make() as engine:
            yield from run_jobs(experiment, step, engine, limits=limits)
            yield from collect_step(experiment, step)

    StepFolder(experiment.path, step.name).collect_batch()
    failures, _ = show.follow(show.paced(events(), interval), quiet=depth == 0)
    if failures:
        typer.secho(f"{counted(failures, 'problem')}.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)


def _info(step: type[Step]) -> _Verb:
    def info(context: typer.Context, job: MaybeJob = None, phase: OfPhase = Phase.RUN) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose):
            files = StepFolder(called.folder, step.name)
            batch = files.collect_batch() if phase is Phase.COLLECT else files.batch(_asked(job))
        show.as_json(batch)

    return info, "Print the batch of a job."


def _log(step: type[Step]) -> _Verb:
    def log(context: typer.Context, job: MaybeJob = None, phase: OfPhase = Phase.RUN) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose):
            files = StepFolder(called.folder, step.name)
            number = _asked(job) if phase is Phase.RUN else None
            typer.echo(files.log(phase.value, number), nl=False)

    return log, "Print the log of a job."


def _asked(job: int | None) -> int:
    if job is None:
        raise InputError("Say which run job: --job N.")
    return job


def _cleanup(step: type[Step]) -> _Verb:
    def cleanup(context: typer.Context) -> None:
        called: Called = context.obj
        with show.plain_errors(called.verbose), Experiment.open(called.folder) as experiment:
            with coordinating(experiment.path, f"{step.name} cleanup"):
                done = [find_step(name) for name in steps_done(experiment)]
                later = [other.name for other in done if step.name in other.requires]
                if later:
                    names = ", ".join(later)
                    typer.echo(f"What these steps made from it stays, but is stale: {names}.")
                perhaps = [other.name for other in done if step.name in other.uses]
                if perhaps:
                    names = ", ".join(perhaps)
                    typer.echo(f"What these steps made stays, but is stale if it used it: {names}.")
                before = _objects(experiment)
                step(experiment).delete_previous_job_output()
                for line in _changes(before, _objects(experiment)):
                    typer.echo(line)
                StepFolder(experiment.path, step.name).clear()
                experiment.catalogue.set_jobs(step.name, [])
            typer.echo(f"The output of {step.name} is removed.")

    return cleanup, "Remove the output of this step."


def _objects(experiment: Experiment) -> dict[str, bool]:
    """Object types, and whether they are stale."""
    types = experiment.catalogue.object_types()
    return dict(zip(types["name"], types["stale"].astype(bool), strict=True))


def _changes(before: dict[str, bool], after: dict[str, bool]) -> Iterator[str]:
    gone = [name for name in before if name not in after]
    stale = [name for name in after if after[name] and not before.get(name)]
    if gone:
        yield f"Removed with their labels and features: {', '.join(gone)}."
    if stale:
        yield f"Stale now, to be made again: {', '.join(stale)}."


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _with_options(
    function: Callable[..., None], model: type[BatchArguments | SubmissionArguments]
) -> Callable[..., None]:
    """The function with an option for each argument of the model instead of its `**values`."""
    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = []
    for row in argument_rows(model):
        flag = f"--{row['name'].replace('_', '-')}"
        names = [f"{flag}/--no-{flag[2:]}" if row["type"] == "bool" else flag]
        names += filter(None, [FLAGS.get(row["name"])])
        kind: Any = {"bool": bool, "int": int, "float": float, "str": str}[row["type"]]
        if row["choices"]:
            kind = Literal[tuple(row["choices"])]
        options.append(
            inspect.Parameter(
                row["name"],
                inspect.Parameter.KEYWORD_ONLY,
                default=row["default"],
                annotation=Annotated[kind, typer.Option(*names, help=row["help"])],
            )
        )

    def called(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)

    called.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    called.__annotations__ = {
        **{p.name: p.annotation for p in own},
        **{p.name: p.annotation for p in options},
    }
    return called
