"""Trials for the pipeline widget: which sites, which values, in which pipeline. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_tmaps.errors import MissingError
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.probes import Probes
from napari_tmaps.gui.tuning import upto
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.modules.spec import SettingSpec
from napari_tmaps.pipeline import check
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.region import View
from napari_tmaps.pipeline.trials import Inputs, Trial, Tried, run_trials, sweep, sweep_values
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.inputs import site_inputs
from napari_tmaps.store.sites import Site


@dataclass(frozen=True, slots=True)
class TriedProgress(Progress):
    """A trial that is through."""

    tried: Tried | None = None


@dataclass(frozen=True)
class Sweep:
    """One setting of one step with several values, on the site that is shown."""

    step: str
    setting: str
    values: tuple[Any, ...]


def sweep_of(pipeline: PipelineDescription, step: str, setting: SettingSpec) -> Sweep:
    """The values of a setting that are worth comparing."""
    call = next(call for call in pipeline.pipeline if call.name == step)
    present = call.settings.get(setting.name, setting.default)
    return Sweep(step, setting.name, tuple(sweep_values(setting, present)))


def sweep_trials(
    what: Sweep, pipeline: PipelineDescription, chosen: str, scene: Scene
) -> list[Trial]:
    """Trials of a sweep; what is shown is what the chosen step makes."""
    inputs: Inputs = (scene.images, scene.objects)
    return sweep(
        pipeline,
        what.step,
        what.setting,
        what.values,
        lambda changed: upto(changed, scene, chosen),
        lambda: inputs,
    )


def probe_trials(
    what: Probes, pipeline: PipelineDescription, chosen: str, experiment: Experiment
) -> list[Trial]:
    """Trials of a pipeline as far as the chosen step.

    Raises
    ------
    PipelineError
        That part of the pipeline cannot run.
    """
    names = [call.name for call in pipeline.pipeline]
    part = pipeline.model_copy(update={"pipeline": pipeline.pipeline[: names.index(chosen) + 1]})
    made = {item for call in part.pipeline for item in call.outputs.values()}
    kept = tuple(objects for objects in part.output.objects if objects.name in made)
    part = part.model_copy(update={"output": part.output.model_copy(update={"objects": kept})})
    checked = check(
        part,
        experiment.catalogue.channel_names(),
        tuple(experiment.catalogue.object_types()["name"]),
    )

    def reader(site: Site) -> Callable[[], Inputs]:
        def read() -> Inputs:
            inputs = site_inputs(experiment, part.input, *site)
            return inputs.images, inputs.objects

        return read

    return [
        Trial(f"{site[1]} site {site[2]}", checked, reader(site), group)
        for site, group in zip(what.sites, what.groups, strict=True)
    ]


def try_out(
    what: Sweep | Probes,
    pipeline: PipelineDescription,
    chosen: str,
    scene: Scene,
    cache: Cache,
    part: View | None = None,
) -> Generator[Progress, None, int]:
    """Run trials one by one; returns how many there were.

    Parameters
    ----------
    part
        Rows and columns of a site that the pictures show.

    Raises
    ------
    TmapsError
        Nothing can be tried.
    """
    if isinstance(what, Sweep):
        trials = sweep_trials(what, pipeline, chosen, scene)
        if not trials:
            raise MissingError("The pipeline cannot run as far as this step; see the marks.")
        yield from _run(trials, cache, part)
        return len(trials)
    with Experiment.open(Path(what.experiment)) as experiment:
        trials = probe_trials(what, pipeline, chosen, experiment)
        yield from _run(trials, cache, part)
    return len(trials)


def _run(
    trials: Sequence[Trial], cache: Cache, part: View | None
) -> Generator[Progress, None, None]:
    yield Progress("trials", 0, len(trials))
    for done, tried in enumerate(run_trials(trials, cache=cache, part=part), start=1):
        yield TriedProgress("trials", done, len(trials), tried.trial.title, tried=tried)
