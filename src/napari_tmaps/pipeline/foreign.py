"""Objects that another program found, and what it measured of them, taken into an experiment.

They are objects like all others: labels beside the images, a row each in the table of their type.
No pipeline made them, so no analysis replaces them; pipelines may start from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import ExistsError, InputError, NotFoundError, unknown
from napari_tmaps.pipeline.tables import make_table
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.gates import GateStore
from napari_tmaps.store.results import ResultStore
from napari_tmaps.streams.atomic import disk_errors, remove

ELSEWHERE = ""
"""What the catalogue has as the pipeline of such objects."""
_KEPT, _RESULTS = ("features/{}", "gates/{}.json", "selections/{}.parquet"), "results/{}"
"""What an experiment keeps of a type, beside labels; results tell the type, too."""
_MOST = 2**31 - 1
_BORDER = "is_border"


def create_type(experiment: Experiment, name: str) -> None:
    """Begin an object type without objects.

    Raises
    ------
    InputError
        It cannot be a name of objects.
    ExistsError
        There are objects of that name.
    """
    _check_new(experiment, name)
    experiment.catalogue.set_object_type(name, ELSEWHERE, 0, 0)


def _check_new(experiment: Experiment, name: str) -> None:
    if not name.isidentifier() or not name.isascii():
        raise InputError(
            f"'{name}' cannot be the name of objects. Use letters, digits and _, beginning with a "
            "letter, e.g. Nuclei."
        )
    if name in [*experiment.catalogue.object_types()["name"]]:
        raise ExistsError(f"There are objects of type '{name}' already. Choose another name.")
    if name in experiment.catalogue.channel_names():
        raise ExistsError(f"There is a channel '{name}' already. Choose another name.")


def rename_type(experiment: Experiment, old: str, new: str) -> None:
    """Give objects that another program found another name, with all that is known of them.

    Gates, selections and results go along. What was interrupted is finished by doing it again.

    Raises
    ------
    NotFoundError, InputError
        There are none, a pipeline made them, they were corrected by hand, or the name is none.
    ExistsError
        There are objects, or a channel, of that name.
    """
    _check_foreign(experiment, old)
    if new == old:
        return
    _check_new(experiment, new)
    if any(edit.place.object_type == old for edit in Corrections(experiment).edits()):
        raise InputError(
            f"The {old} were corrected by hand, and the corrections go by that name. Keep it."
        )
    for plate in experiment.plate_names():
        folder = experiment.plate(plate)
        for well in experiment.wells(plate):
            for site in experiment.sites(plate, well)["site"]:
                folder.rename_labels(well, int(site), old, new)
    for kept in _KEPT:
        path = experiment.path / kept.format(old)
        if path.exists():
            with disk_errors(path):
                path.replace(experiment.path / kept.format(new))
    ResultStore(experiment.path / "results").move(old, new)
    experiment.catalogue.rename_object_type(old, new)


def rename_feature(experiment: Experiment, object_type: str, old: str, new: str) -> None:
    """Give a feature that another program measured another name; gates on it follow.

    Raises
    ------
    NotFoundError
        There are no such objects, or no such feature.
    InputError
        A pipeline measures these objects, it cannot be the name of a feature, or a gate filters
        by it.
    ExistsError
        There is a feature of that name.
    """
    columns = _check_foreign_feature(experiment, object_type, old)
    if new == old:
        return
    _check_feature(new)
    if new in columns:
        raise ExistsError(f"The {object_type} have a feature '{new}' already. Choose another name.")
    GateStore(experiment.path / "gates").rename_column(object_type, old, new)
    experiment.features.rename_column(object_type, old, new)


def forget_feature(experiment: Experiment, object_type: str, name: str) -> None:
    """Remove a feature that another program measured, of all objects.

    Raises
    ------
    NotFoundError
        There are no such objects, or no such feature.
    InputError
        A pipeline measures these objects, or a gate looks at the feature.
    """
    columns = _check_foreign_feature(experiment, object_type, name)
    users = GateStore(experiment.path / "gates").users_of(object_type, name)
    if users:
        raise InputError(f"The gate '{users[0]}' looks at '{name}'. Change or remove it first.")
    experiment.features.remove_column(object_type, name)
    count = experiment.features.count(object_type)
    experiment.catalogue.set_object_type(object_type, ELSEWHERE, count, len(columns) - 1)


def _check_foreign_feature(experiment: Experiment, object_type: str, name: str) -> list[str]:
    """All features, once it is known that another program measured this one."""
    _check_foreign(experiment, object_type)
    columns = list(experiment.features.columns(object_type))
    if name not in columns or name == _BORDER:
        raise unknown("feature", name, [each for each in columns if each != _BORDER])
    return columns


def _check_feature(name: str) -> None:
    if name in (*INDEX, _BORDER) or not name.strip():
        raise InputError(f"'{name}' cannot be the name of a feature. Choose another one.")


def forget_type(experiment: Experiment, name: str) -> None:
    """Remove objects of a type that another program found, with all that is known of them.

    Gates, selections and results go along. What was interrupted is finished by doing it again.

    Raises
    ------
    NotFoundError, InputError
        There are none, or a pipeline made them.
    """
    _check_foreign(experiment, name)
    for plate in experiment.plate_names():
        folder = experiment.plate(plate)
        for well in experiment.wells(plate):
            for site in experiment.sites(plate, well)["site"]:
                folder.remove_labels(well, int(site), [name])
    for kept in (*_KEPT, _RESULTS):
        remove(experiment.path / kept.format(name))
    experiment.catalogue.forget_objects([name])


def put_labels(experiment: Experiment, place: SiteObjects, labels: npt.NDArray[np.integer]) -> int:
    """Store the objects of a site at one time point; those that were there are replaced.

    Parameters
    ----------
    labels
        Whole numbers of shape ([z,] y, x) of the site's image; 0 is background.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    NotFoundError
        There is no such object type or site.
    InputError
        A pipeline makes these objects, or the labels do not fit the image.
    """
    _check_foreign(experiment, place.object_type)
    folder = experiment.plate(place.plate)
    with closing(experiment.site_image(place.plate, place.well, place.site)) as image:
        if not 0 <= place.t < image.times:
            raise NotFoundError(f"There is no time point {place.t}; there are {image.times}.")
        stack = _fitting(experiment, place, labels)
        if place.object_type in folder.label_names(place.well, place.site):
            whole = folder.read_labels(place.well, place.site, place.object_type)
        else:
            whole = np.zeros((image.times, *stack.shape), np.int32)
        if whole.shape[1:] != stack.shape:
            raise InputError(
                f"Labels of {place} have the shape {whole.shape[1:]} (z, y, x) at other time "
                f"points, these {stack.shape}."
            )
        whole[place.t] = stack
        folder.write_labels(
            place.well,
            place.site,
            place.object_type,
            whole,
            pixel_size_um=image.pixel_size_um,
            translation_um=image.translation_um,
            time_step_s=image.time_step_s,
        )
    table = make_table(place.object_type, stack[0] if len(stack) == 1 else stack, [])
    _put_rows(experiment, place, table)
    return len(table)


def put_values(
    experiment: Experiment,
    place: SiteObjects,
    labels: Sequence[int],
    values: Mapping[str, Sequence[float]],
) -> None:
    """Store what another program measured of objects of a site, as features.

    Features that are new are NaN for all objects that were not measured; values of features that
    are there are replaced.

    Parameters
    ----------
    labels
        Of the objects, each once.
    values
        Feature → a number for each of the labels.

    Raises
    ------
    NotFoundError
        There is no such object type, site or object.
    InputError
        A pipeline makes these objects, or the values do not fit.
    """
    _check_foreign(experiment, place.object_type)
    whole = experiment.features.read_site(place.object_type, *place[1:4])
    whole = whole[whole.index.get_level_values("t") == place.t]
    here = whole.droplevel(["plate", "well", "site", "t"])
    if len(set(labels)) != len(labels):
        raise InputError(f"Values of {place} name an object twice.")
    lost = sorted(set(labels) - set(here.index))
    if lost:
        raise NotFoundError(
            f"There is no object {lost[0]} among the {place}, but values of it are given. Store "
            "the labels first."
        )
    for name, numbers in values.items():
        _check_feature(name)
        if len(numbers) != len(labels):
            raise InputError(
                f"Feature '{name}' has {len(numbers)} values for {len(labels)} objects."
            )
    new = pd.DataFrame(
        {k: np.asarray(v, np.float64) for k, v in values.items()}, index=list(labels)
    )
    table = here.reindex(columns=[*here.columns, *(k for k in values if k not in here.columns)])
    table.loc[new.index, new.columns] = new
    _put_rows(experiment, place, table)


def _check_foreign(experiment: Experiment, name: str) -> None:
    types = experiment.catalogue.object_types().set_index("name")["pipeline"]
    if name not in types.index:
        raise unknown("object type", name, types.index)
    if types[name] != ELSEWHERE:
        raise InputError(
            f"The {name} are made by the pipeline '{types[name]}', which would replace what comes "
            "from elsewhere. Choose another name for your objects."
        )


def _fitting(
    experiment: Experiment, place: SiteObjects, labels: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Labels as (z, y, x), int32."""
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "iu":
        raise InputError(
            f"Labels are whole numbers of shape (y, x) or (z, y, x); these are {labels.dtype} of "
            f"shape {labels.shape}."
        )
    sites = experiment.sites(place.plate, place.well)
    (row,) = sites[sites["site"] == place.site].to_dict("records")
    size = (int(row["height"]), int(row["width"]))
    if labels.shape[-2:] != size:
        raise InputError(
            f"Labels of {place} are {labels.shape[-2]} × {labels.shape[-1]} pixels (y, x), the "
            f"image is {size[0]} × {size[1]}."
        )
    if labels.size and (labels.min() < 0 or labels.max() > _MOST):
        raise InputError(f"Labels are numbers from 0 to {_MOST}; these go beyond.")
    stack = labels if labels.ndim == 3 else labels[np.newaxis]
    return np.ascontiguousarray(stack, dtype=np.int32)


def _put_rows(experiment: Experiment, place: SiteObjects, table: pd.DataFrame) -> None:
    rows = table.rename_axis("label").reset_index()
    rows = rows.assign(plate=place.plate, well=place.well, site=place.site, t=place.t)
    features = experiment.features
    features.replace_site(place.object_type, place[1:4], place.t, rows[[*INDEX, *table.columns]])
    experiment.catalogue.set_object_type(
        place.object_type,
        ELSEWHERE,
        features.count(place.object_type),
        len(features.columns(place.object_type)),
    )
