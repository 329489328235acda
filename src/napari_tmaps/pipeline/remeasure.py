"""Objects that were corrected by hand, measured again by the pipeline that made them."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator
from dataclasses import replace

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.model.pipeline import ObjectInput, ObjectOutput, PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.run import iter_site
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.inputs import site_inputs
from napari_tmaps.store.prepared import plane_or_stack
from napari_tmaps.store.results import ResultStore


def made_by(experiment: Experiment, object_type: str) -> PipelineDescription:
    """The pipeline that made the objects of a type, as it was then.

    Raises
    ------
    NotFoundError
        No pipeline of this experiment made them.
    FormatError
        What was recorded of it is damaged.
    """
    types = experiment.catalogue.object_types().set_index("name")["pipeline"]
    name = types.get(object_type)
    path = experiment.path / "metadata" / f"pipeline-{name}.json"
    if name is None or not path.is_file():
        raise NotFoundError(
            f"It is not known which pipeline made the '{object_type}', so changed objects cannot "
            "be measured. Run a pipeline that starts from them."
        )
    try:
        return PipelineDescription.model_validate(json.loads(path.read_text("utf-8"))["pipeline"])
    except (ValueError, KeyError) as error:
        raise FormatError(f"'{path}' is damaged: {error}. Run the pipeline again.") from error


def remeasure(
    experiment: Experiment, place: SiteObjects, touched: Collection[int]
) -> Generator[Progress, None, pd.DataFrame]:
    """Measure some objects of a site anew, and put their rows in the place of the old ones.

    Only the steps that measure these objects run, and those that they read images from; the
    objects are those that are stored.

    Parameters
    ----------
    touched
        Labels, also of objects that are gone.

    Returns
    -------
    DataFrame
        The new rows, index label.

    Raises
    ------
    NotFoundError
        No pipeline of this experiment made them.
    PipelineError
        The pipeline does not fit the experiment any more.
    MissingError
        An image that it needs is missing.
    """
    object_type, plate, well, site, t = place
    description = made_by(experiment, object_type)
    known = tuple(experiment.catalogue.object_types()["name"])
    catalogue = experiment.catalogue
    channels = (*catalogue.channel_names(), *catalogue.former_names())
    checked = check(description, channels, known)
    names = [item.name for item in description.output.objects]
    measuring = measuring_of(checked, object_type)
    total = len(measuring.steps) + 1
    yield Progress("reading the images", 0, total)
    inputs = site_inputs(experiment, description.input, plate, well, site, t)
    window = experiment.shifts.window(plate, well, site)
    there = experiment.plate(plate).label_names(well, site)
    stored: dict[str, np.ndarray] = dict(inputs.objects)
    for name in {*names} & {*there}:
        labels = experiment.labels(plate, well, site, name, t=t)
        stored[name] = plane_or_stack(labels if window is None else window.cut(labels, -1))
    steps = iter_site(measuring.sized(inputs.pixel_size_um), inputs.images, stored)
    done = 0
    while True:
        try:
            made = next(steps)
        except StopIteration as end:
            table: pd.DataFrame = end.value.tables[object_type]
            break
        done += 1
        yield Progress(made.step.name, done, total)
    rows = table[table.index.isin(list(touched))]
    if window is not None:
        rows = window.moved(rows)
    whole = rows.reset_index().assign(plate=plate, well=well, site=site, t=t)
    whole = whole[[*INDEX, *rows.columns]]
    experiment.features.replace_rows(object_type, (plate, well, site), t, list(touched), whole)
    experiment.catalogue.set_count(object_type, experiment.features.count(object_type))
    yield Progress("tables", total, total)
    return rows


def measuring_of(checked: CheckedPipeline, object_type: str) -> CheckedPipeline:
    """The part of a pipeline that measures a type; its objects are given, not found anew."""
    given = {*checked.output_objects, *checked.input_objects}
    needed: set[str] = set()
    steps: list[Step] = []
    for step in reversed(checked.steps):
        outputs = {name: item for name, item in step.outputs.items() if item not in given}
        measures = step.target is not None and step.target.objects == object_type
        if measures or needed & set(outputs.values()):
            # What is given must not be written over by what the step finds.
            hidden = {name: f"{item} as found" for name, item in step.outputs.items()}
            steps.append(replace(step, outputs=hidden | outputs))
            needed |= {item for item in step.inputs.values() if item not in given}
    steps.reverse()
    read = {item for step in steps for item in step.inputs.values()} | {object_type}
    description = checked.description
    channels = [item for item in description.input.channels if item.name in read]
    return replace(
        checked,
        description=description.model_copy(
            update={
                "input": description.input.model_copy(
                    update={
                        "channels": tuple(channels),
                        "objects": tuple(ObjectInput(name=name) for name in sorted(given & read)),
                    }
                ),
                "output": description.output.model_copy(
                    update={"objects": (ObjectOutput(name=object_type),)}
                ),
            }
        ),
        steps=tuple(steps),
    )


def derived_from(checked: CheckedPipeline, object_type: str) -> list[str]:
    """Other types of a pipeline that are found, or measured, with the help of a type."""
    reached: set[str] = {object_type}
    types: dict[str, None] = {}
    for step in checked.steps:
        own = object_type in step.outputs.values()
        if reached & set(step.inputs.values()) and not own:
            reached |= set(step.outputs.values())
            if step.target is not None:
                types.setdefault(step.target.objects)
        for item in step.outputs.values():
            if item in reached and item in checked.output_objects:
                types.setdefault(item)
    return [name for name in types if name != object_type]


def outdated(experiment: Experiment) -> list[str]:
    """What was made of objects before they were corrected, one sentence each."""
    last: dict[str, str] = {}
    for edit in Corrections(experiment).edits():
        if not edit.is_undone:
            last[edit.place.object_type] = edit.when
    found = []
    store = ResultStore(experiment.path / "results")
    for object_type, when in last.items():
        try:
            others = derived_from(check(made_by(experiment, object_type)), object_type)
        except (NotFoundError, FormatError):
            others = []
        if others:
            found.append(
                f"{', '.join(others)}: found or measured with {object_type} as they were before "
                "they were corrected."
            )
        about = [store.about(object_type, name) for name in store.names(object_type)]
        old = [f"'{each.name}'" for each in about if each.created < when]
        if old:
            found.append(
                f"Results of {object_type} that are older than a correction: {', '.join(old)}. Run "
                "the tools again to have new objects in them."
            )
    return found
