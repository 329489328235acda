"""Send a workflow off: step after step, by one coordinator, so that it can be gone on with.

What a submission needs is stored with it. A killed one loses at most the jobs under way: the
next run puts the results of finished jobs in place first, and skips whatever is up to date.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import dropwhile
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_tmaps.errors import InputError, NotFoundError, TmapsError, unknown
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import WellName
from napari_tmaps.model.workflow import WorkflowDescription
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.description import check_description, part_of, workflow_of
from napari_tmaps.workflow.engines import LIMITS_NEED_PROCESSES, Engine, EngineChoice, are_given
from napari_tmaps.workflow.lock import WORKFLOW, coordinating, is_asked_to_stop
from napari_tmaps.workflow.phases import run_phases
from napari_tmaps.workflow.step import BatchArguments, Site, Step
from napari_tmaps.workflow.steps import STEPS, find_step


class Subset(BaseModel):
    """Which sites to work on; what is left out means all.

    Wells and sites are resolved when a step begins, for the first steps find out what there is
    and therefore see all files.

    Attributes
    ----------
    random, seed
        So many sites, drawn at random but always the same; 0 means all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wells: Annotated[
        tuple[str, ...], Field(description="only these wells, e.g. B03, C04; empty: all")
    ] = ()
    sites: Annotated[
        tuple[int, ...], Field(description="only sites of these numbers, in each well; empty: all")
    ] = ()
    random: Annotated[
        int, Field(ge=0, description="so many of these sites, drawn at random; 0: all")
    ] = 0
    seed: Annotated[
        int, Field(ge=0, description="another number draws other sites, the same draws the same")
    ] = 0

    @property
    def unused(self) -> frozenset[str]:
        """Fields that change nothing beside the others."""
        return frozenset(() if self.random else ("seed",))

    def choose(self, sites: pd.DataFrame) -> list[Site] | None:
        """The chosen sites (plate, well, site) of an experiment; None means all.

        Raises
        ------
        NotFoundError
            There is no such well or site.
        """
        if sites.empty or not (self.wells or self.sites or self.random):
            return None
        wells = {str(WellName.parse(name)) for name in self.wells}
        for name in sorted(wells - set(sites["well"])):
            raise unknown("well", name, sites["well"].unique())
        for number in sorted(set(self.sites) - set(sites["site"])):
            raise unknown("site", number, sorted(sites["site"].unique()))
        rows = [
            (plate, well, int(site))
            for plate, well, site in sites[SITE].to_numpy().tolist()
            if (not wells or well in wells) and (not self.sites or site in self.sites)
        ]
        if self.random:
            chosen = random.Random(self.seed).sample(range(len(rows)), min(self.random, len(rows)))
            rows = [rows[index] for index in sorted(chosen)]
        return rows


class Request(BaseModel):
    """All that a submission was sent off with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: WorkflowDescription
    subset: Subset = Subset()
    engine: EngineChoice = EngineChoice()


def steps_done(experiment: Experiment) -> list[str]:
    """Names of the steps whose last run is through, whatever single sites did."""
    jobs = experiment.catalogue.jobs()
    through = jobs[(jobs["phase"] == "collect") & (jobs["state"] == "TERMINATED")]
    return [step.name for step in STEPS if step.name in set(through["step"])]


def prepare(
    experiment: Experiment,
    description: WorkflowDescription | None = None,
    *,
    start: str | None = None,
    until: str | None = None,
    subset: Subset | None = None,
    engine: EngineChoice | None = None,
) -> Request:
    """Check all that can be checked before anything runs.

    Parameters
    ----------
    description
        None takes `workflow.yaml` of the experiment, or the default of its type.
    start, until
        Names of a stage or step: run only from there, and up to there.

    Raises
    ------
    TmapsError
        Something does not fit; the message says all of it.
    """
    description = part_of(description or workflow_of(experiment), start=start, until=until)
    if description.type != experiment.workflow_type:
        raise InputError(
            f"The workflow is of type '{description.type}', but '{experiment.name}' is of type "
            f"'{experiment.workflow_type}'."
        )
    arguments = check_description(description, done=steps_done(experiment))
    if not arguments:
        raise InputError("No step of the workflow is active: there is nothing to do.")
    for name, args in arguments.items():
        find_step(name)(experiment).check(args)
    return Request(
        description=description, subset=subset or Subset(), engine=engine or EngineChoice()
    )


def submit(experiment: Experiment, request: Request) -> Iterator[Progress]:
    """Run a workflow to its end, in this process; see `prepare`.

    Yields progress; events with `failed` tell of sites and jobs that could not be done. Closing
    the generator stops it, as `kill` does; `resume` then goes on.

    Raises
    ------
    ExistsError
        Something else is at work on the experiment.
    TmapsError
        A step as a whole cannot go on.
    """
    with coordinating(experiment.path, WORKFLOW):
        number = experiment.catalogue.add_submission(
            created=f"{datetime.now():%Y-%m-%d %H:%M:%S}",
            state="SUBMITTED",
            request=request.model_dump(mode="json"),
            steps={step.name: "NEW" for step in request.description.active()},
        )
        yield from _run(experiment, number, request, {})


def resume(experiment: Experiment, engine: EngineChoice | None = None) -> Iterator[Progress]:
    """Go on with the last submission where it stopped; jobs and sites that failed are repeated.

    Parameters
    ----------
    engine
        None takes the same as before.

    Raises
    ------
    NotFoundError
        Nothing was submitted yet.
    ExistsError
        It is still running, or something else is at work on the experiment.
    """
    last_submission(experiment)  # who cannot go on shall not seem to be at work
    with coordinating(experiment.path, WORKFLOW):
        number, request, steps = last_submission(experiment)
        if engine is not None:
            request = request.model_copy(update={"engine": engine})
        yield from _run(experiment, number, request, steps)


def last_submission(experiment: Experiment) -> tuple[int, Request, dict[str, str]]:
    """Number, request and states of the steps of the last submission.

    Raises
    ------
    NotFoundError
        Nothing was submitted yet, or by another version.
    """
    table = experiment.catalogue.submissions()
    if table.empty:
        raise NotFoundError(
            f"'{experiment.name}' has no submission yet. Send the workflow off first: tmaps "
            f"workflow {experiment.path} submit."
        )
    row: Any = table.iloc[-1].to_dict()
    try:
        request = Request.model_validate(row["request"])
    except ValidationError as error:
        raise NotFoundError(
            "The last submission was made by another version of napari-tmaps. Submit again."
        ) from error
    return int(row["id"]), request, row["steps"]


def _run(
    experiment: Experiment, number: int, request: Request, known: dict[str, str]
) -> Iterator[Progress]:
    catalogue = experiment.catalogue
    through = steps_done(experiment)
    arguments = check_description(request.description, done=[*through, *known])
    # What was cleaned up since, or has new files to work on, is begun again.
    again = {name for name, state in known.items() if state == "TERMINATED"} - set(through)
    steps = {name: "NEW" if name in again else known.get(name, "NEW") for name in arguments}
    state, message = "STOPPED", ""
    catalogue.update_submission(number, state="RUNNING", message="")
    try:
        limits = [step.submission_args for step in request.description.active()]
        choice = request.engine.within(limits)
        threads = not are_given(limits) and all(
            find_step(name)(experiment).frees_interpreter(arguments[name])
            for name in _from_first_open(steps)
        )
        if choice != request.engine:
            yield Progress("workflow", 0, 0, LIMITS_NEED_PROCESSES)
        with choice.make(threads=threads) as engine:
            for name in _from_first_open(steps):
                steps[name] = "STOPPED"  # unless it gets through
                catalogue.update_submission(number, steps={**steps, name: "RUNNING"})
                failures = yield from _run_step(
                    experiment, find_step(name), arguments[name], request, engine
                )
                if failures is None:
                    yield Progress(name, 0, 0, "Stopped; 'resume' goes on.", failed=True)
                    return
                # A step with failures is repeated by resume: what is done will be skipped.
                steps[name] = "FAILED" if failures else "TERMINATED"
        state = "TERMINATED"
    except TmapsError as error:
        state, message = "FAILED", str(error)
        raise
    finally:
        catalogue.update_submission(number, state=state, steps=steps, message=message)


def _run_step(
    experiment: Experiment,
    kind: type[Step],
    args: BatchArguments,
    request: Request,
    engine: Engine,
) -> Generator[Progress, None, int | None]:
    """Run one step; returns the number of failures, or None if it was asked to stop."""
    limits = next(
        step.submission_args for step in request.description.active() if step.name == kind.name
    )
    sites = request.subset.choose(experiment.catalogue.sites())
    failures = 0
    with closing(run_phases(kind(experiment, sites=sites), args, engine, limits)) as events:
        for event in events:
            failures += event.failed
            yield event
            if is_asked_to_stop(experiment.path):
                return None
    return failures


def _from_first_open(steps: Mapping[str, str]) -> list[str]:
    """The steps from the first that is not through: those after it depend on it."""
    return list(dropwhile(lambda name: steps[name] == "TERMINATED", steps))
