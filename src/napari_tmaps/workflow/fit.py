"""Whether a pipeline fits the images of the plates, by what was recorded: no pixel is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from napari_tmaps.errors import FormatError, NotFoundError, PipelineError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.recorded import Recorded, common_times, never_together, numbers_text
from napari_tmaps.pipeline import CheckedPipeline
from napari_tmaps.pipeline.depths import check_depths
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.sites import Locator, Site, planes_of


def check_images(
    experiment: Experiment,
    checked: CheckedPipeline,
    sites: Sequence[Site],
    cycles: Mapping[str, int],
) -> None:
    """Refuse a pipeline that can analyse no time point, or cannot take the stacks of a plate.

    Parameters
    ----------
    sites
        Those that will be analysed.
    cycles
        Of each channel of the pipeline.

    Raises
    ------
    PipelineError
        With what to do.
    """
    recorded = _recorded(experiment, cycles)
    for first in {site[0]: site for site in reversed(sites)}.values():
        known = recorded.get(first[0])
        if not known:
            continue  # its jobs will say so
        times = {name: own.t for name, own in known.items()}
        if not common_times(times):
            raise PipelineError(
                f"Pipeline '{checked.description.name}' cannot run on plate '{first[0]}'. "
                f"{never_together(times)} Leave one of them out, or analyse them by a pipeline "
                "each."
            )
        # Images that were projected have fewer planes than the microscope recorded.
        most = _most_planes(experiment, first, set(cycles.values()))
        check_depths(
            checked, {name: min(len(own.z), most[cycles[name]]) for name, own in known.items()}
        )


def times_left_out(experiment: Experiment, pipeline: PipelineDescription) -> list[str]:
    """A sentence for each plate of which some time points, but not all, cannot be analysed."""
    sentences = []
    names = [item.name for item in pipeline.input.channels]
    for plate, known in _recorded(experiment, names).items():
        times = {name: own.t for name, own in known.items()}
        every, common = frozenset().union(*times.values()), common_times(times)
        fewer = [f"'{name}'" for name, own in times.items() if own != every]
        if fewer and common:
            sentences.append(
                f"{plate}: analysed at t = {numbers_text(common)} only, for {' and '.join(fewer)} "
                f"of the pipeline {'was' if len(fewer) == 1 else 'were'} not recorded at all "
                f"{len(every)} time points."
            )
    return sentences


def _recorded(experiment: Experiment, channels: Collection[str]) -> dict[str, dict[str, Recorded]]:
    """Where some channels have planes, by plate."""
    found: dict[str, dict[str, Recorded]] = {}
    for (plate, _), known in experiment.catalogue.recorded().items():
        own = {name: where for name, where in known.items() if name in channels}
        found.setdefault(plate, {}).update(own)
    return found


def _most_planes(experiment: Experiment, site: Site, cycles: set[int]) -> dict[int, int]:
    version = experiment.catalogue.get("ngff_version")
    images = Locator(experiment).find([site], cycles)[site]
    most = dict.fromkeys(cycles, 1)  # for images that are missing; their job will say so
    for cycle in cycles & {int(key) for key in images}:
        with suppress(NotFoundError, FormatError):
            most[cycle] = planes_of(experiment.path, site, cycle, images[str(cycle)], version)
    return most
