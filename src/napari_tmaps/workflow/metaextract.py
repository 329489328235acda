"""metaextract: what is known of each microscope file, as OME-XML.

The documents lie in zip archives, one a job: `metadata/<plate>/<acquisition>/omexml-000001.zip`,
each entry called like its file. 100,000 single-plane files make a thousand archives rather than
100,000 more files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import dense
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts
from napari_tmaps.streams.omexml_writer import image_omexml
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step

_FLOATS = dict.fromkeys(("stage_y_um", "stage_x_um", "stage_z_um", "time_s"), float)


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

    def create_run_batches(self, args: MetaextractArguments) -> list[Batch]:
        """Batches of files, acquisition by acquisition; finished archives are left alone."""
        batches: list[Batch] = []
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
                batches.append(
                    {
                        "job": len(batches) + 1,
                        "units": part["path"].nunique(),
                        "target": str(target.relative_to(self.path)),
                        "facts": facts,
                        "planes": {name: _plain(column) for name, column in part.items()},
                    }
                )
        return batches

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Write one archive.

        Files whose image size is unknown, because they are damaged, get no document.
        """
        target = self.path / batch["target"]
        with (
            replacing(target) as temporary,
            disk_errors(target),
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            planes = pd.DataFrame(batch["planes"]).astype(_FLOATS)
            for name, table in planes.groupby("path", sort=False):
                if (table["height"] > 0).all():
                    archive.writestr(f"{name}.ome.xml", _document(table, batch["facts"]))
        return JobResult()

    def delete_previous_job_output(self) -> None:
        """Remove the archives."""
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            remove(_folder(self.experiment, row["plate"], row["name"]))


def _plain(column: pd.Series) -> list[Any]:
    """Values for JSON, which knows no NaN."""
    values: list[Any] = column.tolist()
    return [None if value != value else value for value in values]


def _document(planes: pd.DataFrame, facts: dict[str, Any]) -> str:
    """OME-XML of planes: an image for each site."""
    channels = {item["name"]: Channel(**item) for item in facts["channels"]}
    images = []
    for (well, site), part in planes.groupby(["well", "site"], sort=False):
        names = [name for name in channels if name in set(part["channel"])]
        z, t = dense(part["z"]), dense(part["t"])
        first = part.iloc[0]
        images.append(
            OmeImage(
                name=f"{well} site {site}",
                shape=(
                    int(t.max()) + 1,
                    len(names),
                    int(z.max()) + 1,
                    int(first["height"]),
                    int(first["width"]),
                ),
                dtype=np.dtype(str(first["dtype"])),
                pixel_size_um=(facts["z_step_um"], *(facts["pixel_size_um"] or (None, None))),
                channels=tuple(channels[name] for name in names),
                planes=tuple(
                    PlaneFacts(
                        int(row["t"]),
                        names.index(row["channel"]),
                        int(row["z"]),
                        (
                            _known(row["stage_z_um"]),
                            _known(row["stage_y_um"]),
                            _known(row["stage_x_um"]),
                        ),
                        _known(row["time_s"]),
                        channels[row["channel"]].exposure_ms,
                    )
                    for row in part.assign(t=t, z=z).to_dict("records")
                ),
                plate=str(first["plate"]) or "plate",
                well=WellName.parse(str(well)),
                site=max(int(str(site)) - 1, 0),
            )
        )
    return image_omexml(*images, with_pixels=False)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
    return _document(known.assign(plate=plate), rows[name]["facts"])
