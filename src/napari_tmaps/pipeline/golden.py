"""How well a pipeline finds the objects that a person corrected: corrections as its tests."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.measure.agreement import Agreement, object_f1
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.run import run_site
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.inputs import site_inputs


class Golden(NamedTuple):
    """How well a pipeline did at one place.

    Attributes
    ----------
    found, true
        Numbers of objects: of the pipeline, and of the person.
    matched
        Pairs of them that share at least half of their pixels.
    """

    place: SiteObjects
    found: int
    true: int
    matched: int


def golden(
    place: SiteObjects, truth_labels: npt.NDArray[Any], found_labels: npt.NDArray[Any]
) -> Golden:
    """Compare what a pipeline found at a place with what a person corrected there.

    Parameters
    ----------
    truth_labels
        Of `Corrections.truth`.
    found_labels
        Of the same shape, or without the axis z.

    Raises
    ------
    InputError
        The shapes differ.
    """
    found_labels = found_labels.reshape((-1, *found_labels.shape[-2:]))
    score = object_f1(truth_labels, found_labels)
    number, true = (int(np.unique(all_[all_ > 0]).size) for all_ in (found_labels, truth_labels))
    return Golden(place, number, true, matched=round(score.precision * number))


def pooled(scores: Iterable[Golden]) -> Agreement:
    """All objects of several places together; what is empty on both sides agrees."""
    each = list(scores)
    found, true, matched = (
        sum(getattr(score, name) for score in each) for name in ("found", "true", "matched")
    )
    if not found or not true:
        both = float(found == true)
        return Agreement(both, both, both)
    return Agreement(2 * matched / (found + true), matched / found, matched / true)


def score_corrections(
    experiment: Experiment, pipeline: PipelineDescription
) -> Generator[Progress, None, list[Golden]]:
    """Run a pipeline on all sites that were corrected, and compare; nothing is stored.

    Returns
    -------
    list
        One for each place with corrections of a type that the pipeline finds; `pooled` makes one
        number of them.

    Raises
    ------
    InputError
        There are no corrections of what it finds.
    PipelineError
        The pipeline does not fit the experiment, or a step failed.
    """
    names = {item.name for item in pipeline.output.objects}
    corrections = Corrections(experiment)
    places = [place for place in corrections.corrected() if place.object_type in names]
    if not places:
        raise InputError(
            f"No {' or '.join(sorted(names)) or 'objects'} are corrected yet. Correct some on a "
            "site, and save."
        )
    checked = check(
        pipeline,
        channels=experiment.catalogue.channel_names(),
        objects=tuple(experiment.catalogue.object_types()["name"]),
    )
    sites = list(dict.fromkeys(place[1:] for place in places))
    scores = []
    for n, (plate, well, site, t) in enumerate(sites):
        yield Progress("corrected sites", n, len(sites), f"{plate} {well} site {site}")
        inputs = site_inputs(experiment, pipeline.input, plate, well, site, t)
        result = run_site(checked.sized(inputs.pixel_size_um), inputs.images, inputs.objects)
        window = experiment.shifts.window(plate, well, site)
        for place in places:
            if place[1:] == (plate, well, site, t):
                truth = corrections.truth(place)
                if window is not None:
                    truth = window.cut(truth, -1)
                scores.append(golden(place, truth, result.objects[place.object_type]))
    yield Progress("corrected sites", len(sites), len(sites))
    return scores
