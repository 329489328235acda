"""Objects of another program from its files: a list of label images, a table of values.

    well,site,labels                    well,site,label,Area,Class
    B03,1,masks/B03_1.tif               B03,1,1,411.5,2
    B03,2,masks/B03_2.png               B03,1,2,380.0,1

Both may have columns plate (where there are several) and t.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import WellName
from napari_tmaps.pipeline.foreign import create_type, put_labels, put_values
from napari_tmaps.pipeline.pictures import read_picture
from napari_tmaps.store.corrections import SiteObjects
from napari_tmaps.store.experiment import Experiment

_PLACE = ("plate", "well", "site", "t")


def import_labels(experiment: Experiment, object_type: str, table: Path) -> Iterator[Progress]:
    """Store the label images that a CSV file lists, one event each; a bad one is told.

    Parameters
    ----------
    table
        Columns well, site, labels (TIFF or PNG; from the folder of the table), plate and t where
        they are needed.

    Raises
    ------
    NotFoundError, FormatError, InputError
        The table is not there, or is no such table; or a pipeline makes these objects.
    """
    rows = _read(experiment, table, ("labels",))
    if object_type not in [*experiment.catalogue.object_types()["name"]]:
        create_type(experiment, object_type)
    for done, row in enumerate(rows.to_dict("records"), 1):
        place = _place(object_type, row)
        path = table.parent / str(row["labels"])
        message, failed = "", False
        try:
            put_labels(experiment, place, read_picture(path))
        except (NotFoundError, FormatError, InputError) as error:
            message, failed = f"'{row['labels']}': {error}", True
        yield Progress("objects", done, len(rows), message, failed=failed)


def import_values(experiment: Experiment, object_type: str, table: Path) -> Iterator[Progress]:
    """Store the values of a CSV file as features, one event a site; a bad one is told.

    Parameters
    ----------
    table
        Columns well, site, label, plate and t where they are needed; all others are features.

    Raises
    ------
    NotFoundError, FormatError, InputError
        The table is not there, or is no such table.
    """
    rows = _read(experiment, table, ("label",))
    features = [name for name in rows.columns if name not in (*_PLACE, "label")]
    for name in features:
        if rows[name].dtype.kind not in "iufb":
            raise InputError(f"Column '{name}' of '{table}' has text; features are numbers.")
    groups = list(rows.groupby(list(_PLACE), sort=False))
    for done, (_, part) in enumerate(groups, 1):
        place = _place(object_type, part.iloc[0].to_dict())
        message, failed = "", False
        try:
            values = {name: part[name].to_numpy(float) for name in features}
            put_values(experiment, place, [int(n) for n in part["label"]], values)  # type: ignore[arg-type]
        except (NotFoundError, InputError) as error:
            message, failed = str(error), True
        yield Progress("features", done, len(groups), message, failed=failed)


def _read(experiment: Experiment, table: Path, more: tuple[str, ...]) -> pd.DataFrame:
    if not table.is_file():
        raise NotFoundError(f"There is no file '{table}'. Check the path.")
    try:
        rows = pd.read_csv(table, dtype={"well": str, "plate": str, "labels": str})
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"'{table}' is no table in CSV: {error}.") from error
    lost = [name for name in ("well", "site", *more) if name not in rows.columns]
    if lost:
        raise InputError(
            f"'{table}' has no column '{lost[0]}'; it has {', '.join(map(str, rows.columns))}."
        )
    plates = experiment.plate_names()
    if "plate" not in rows.columns:
        if len(plates) != 1:
            raise InputError(
                f"The experiment has {len(plates)} plates; '{table}' needs a column 'plate'."
            )
        rows["plate"] = plates[0]
    rows["t"] = rows["t"] if "t" in rows.columns else 0
    for name in ("site", "t", *(n for n in more if n == "label")):
        if rows[name].dtype.kind not in "iu":
            raise InputError(f"Column '{name}' of '{table}' must have whole numbers only.")
    rows["well"] = [str(WellName.parse(str(well))) for well in rows["well"]]
    return rows


def _place(object_type: str, row: Mapping[Any, Any]) -> SiteObjects:
    plate, well, site, t = (row[name] for name in _PLACE)
    return SiteObjects(object_type, str(plate), str(well), int(site), int(t))
