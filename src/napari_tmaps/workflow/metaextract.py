"""metaextract: what is known of each microscope file, as OME-XML.

The documents lie in zip archives, one a job: `metadata/<plate>/<acquisition>/omexml-000001.zip`,
each entry called like its file. 100,000 single-plane files make a thousand archives rather than
100,000 more files.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts
from napari_tmaps.streams.omexml_writer import image_omexml
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step

NAMESPACE = "napari-tmaps/acquisition"
"""Of the annotation with all that the microscope says."""


class MetaextractArguments(BatchArguments):
    """Arguments of metaextract."""

    batch_size: Annotated[int, Field(ge=1, description="image files per job")] = 100


def _folder(experiment: Experiment, plate: str, acquisition: str) -> Path:
    return experiment.path / "metadata" / plate / acquisition


class MetadataExtractor(Step):
    """Writes OME-XML for each microscope file."""

    name = "metaextract"
    stage = "image_conversion"
    Arguments = MetaextractArguments
    has_collect_phase = False

    def create_run_batches(self, args: MetaextractArguments) -> Iterator[Batch]:
        """Batches of files, acquisition by acquisition; finished archives are left alone."""
        job = 0
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            planes = self.experiment.catalogue.source_planes(acquisition=row["id"])
            planes = planes[~planes["missing"]]
            folder = _folder(self.experiment, row["plate"], row["name"])
            codes, _ = pd.factorize(planes["path"])
            facts = {key: row["facts"][key] for key in ("channels", "z_step_um", "pixel_size_um")}
            parts = planes.drop(columns="acquisition_id").groupby(codes // args.batch_size)
            for number, (_, part) in enumerate(parts, 1):
                target = folder / f"omexml-{number:06d}.zip"
                if target.exists():
                    continue
                job += 1
                yield {
                    "job": job,
                    "units": part["path"].nunique(),
                    "target": str(target.relative_to(self.path)),
                    "facts": facts,
                    "planes": {name: _plain(column) for name, column in part.items()},
                }

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Write one archive.

        Files whose image size is unknown, because they are damaged, get no document.
        """
        target = self.path / batch["target"]
        with (
            replacing(target) as temporary,
            disk_errors(target),
            zipfile.ZipFile(temporary, "w") as archive,
        ):
            for name, planes in _grouped(_rows(batch["planes"]), "path").items():
                if all(row["height"] > 0 for row in planes):
                    # Not with the time of now: the same files give the same archive.
                    entry = zipfile.ZipInfo(f"{name}.ome.xml")
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, _document(planes, batch["facts"]))
        return JobResult()

    def delete_previous_job_output(self) -> None:
        """Remove the archives."""
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            remove(_folder(self.experiment, row["plate"], row["name"]))


def _plain(column: pd.Series) -> list[Any]:
    """Values for JSON, which knows no NaN."""
    values: list[Any] = column.tolist()
    return [None if value != value else value for value in values]


_Row = dict[str, Any]
"""A source plane; rows of plain values, for a table a file takes a hundred times as long."""


def _rows(columns: Mapping[Any, Sequence[Any]]) -> Iterator[_Row]:
    """The rows of a table that is given by its columns."""
    values = zip(*columns.values(), strict=True)
    return (dict(zip(columns, row, strict=True)) for row in values)


def _grouped(rows: Iterable[_Row], *names: str) -> dict[Any, list[_Row]]:
    """Rows by the values of those columns, in the order in which they come."""
    key = itemgetter(*names)
    groups: dict[Any, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _document(
    planes: Iterable[_Row],
    facts: dict[str, Any],
    plate_size: tuple[int, int] | None = None,
    notes: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """OME-XML of planes: an image for each site."""
    started = _moment(facts.get("metadata", {}).get("started"))
    channels = {item["name"]: Channel(**item) for item in facts["channels"]}
    images = []
    for (well, site), rows in _grouped(planes, "well", "site").items():
        present = {row["channel"] for row in rows}
        names = [name for name in channels if name in present]
        c, z, t = _places(names), _counted(rows, "z"), _counted(rows, "t")
        first = rows[0]
        times = [time for row in rows if (time := _known(row["time_s"])) is not None]
        images.append(
            OmeImage(
                name=f"{well} site {site}",
                shape=(len(t), len(names), len(z), int(first["height"]), int(first["width"])),
                dtype=np.dtype(str(first["dtype"])),
                pixel_size_um=(facts["z_step_um"], *(facts["pixel_size_um"] or (None, None))),
                # Exposures stand with the planes; those that were never recorded have none.
                channels=tuple(replace(channels[name], exposure_ms=None) for name in names),
                acquired=started and started + timedelta(seconds=min(times, default=0)),
                planes=tuple(
                    PlaneFacts(
                        t[row["t"]],
                        c[row["channel"]],
                        z[row["z"]],
                        (
                            _known(row["stage_z_um"]),
                            _known(row["stage_y_um"]),
                            _known(row["stage_x_um"]),
                        ),
                        _known(row["time_s"]),
                        channels[row["channel"]].exposure_ms,
                    )
                    for row in rows
                ),
                plate=str(first["plate"]) or "plate",
                well=WellName.parse(well),
                site=max(int(site) - 1, 0),
                plate_size=plate_size,
            )
        )
    return image_omexml(*images, with_pixels=False, notes=notes)


def _moment(text: Any) -> datetime | None:
    """A moment as ISO 8601 has it; None for other ways, which may be read wrong."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _counted(rows: Iterable[_Row], name: str) -> dict[Any, int]:
    """The values of a column, counted from 0 in their order."""
    return _places(sorted({row[name] for row in rows}))


def _places(values: Iterable[Any]) -> dict[Any, int]:
    return {value: number for number, value in enumerate(values)}


def _known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def read_omexml(experiment: Experiment, plate: str, acquisition: str) -> Iterator[tuple[str, str]]:
    """(microscope file, its OME-XML) of all files of an acquisition.

    Raises
    ------
    NotFoundError
        No such acquisition, or metaextract has not run for it.
    """
    names = [
        f"{row['plate']}/{row['name']}"
        for row in experiment.catalogue.acquisitions().to_dict("records")
    ]
    if f"{plate}/{acquisition}" not in names:
        raise unknown("acquisition", f"{plate}/{acquisition}", names)
    archives = sorted(_folder(experiment, plate, acquisition).glob("omexml-*.zip"))
    if not archives:
        raise NotFoundError(
            f"Acquisition '{acquisition}' of plate '{plate}' has no OME-XML yet. Run metaextract "
            "(tmaps convert EXPERIMENT)."
        )
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.removesuffix(".ome.xml"), archive.read(name).decode()


def acquisition_omexml(experiment: Experiment, plate: str, acquisition: str) -> str:
    """One OME-XML document of a whole acquisition: an image for each site.

    What else the microscope says (objective, operator …) is in an annotation.

    Raises
    ------
    NotFoundError
        No such acquisition.
    """
    rows = {
        f"{row['plate']}/{row['name']}": row
        for row in experiment.catalogue.acquisitions().to_dict("records")
    }
    name = f"{plate}/{acquisition}"
    if name not in rows:
        raise unknown("acquisition", name, rows)
    planes = experiment.catalogue.source_planes(acquisition=rows[name]["id"])
    known = planes[~planes["missing"] & (planes["height"] > 0)]
    columns = {name: column.tolist() for name, column in known.assign(plate=plate).items()}
    form = experiment.catalogue.plate_format(plate)
    facts = rows[name]["facts"]
    notes = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in {"format": rows[name]["vendor"], **facts["metadata"]}.items()
    }
    return _document(_rows(columns), facts, (form.rows, form.columns), {NAMESPACE: notes})
