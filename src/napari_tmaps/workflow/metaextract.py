"""metaextract: what is known of each microscope file, as OME-XML.

The documents lie in zip archives, one a job: `metadata/<plate>/<acquisition>/omexml-000001.zip`,
each entry called like its file. 100,000 single-plane files make a thousand archives rather than
100,000 more files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.streams.omexml import planes_omexml
from napari_tmaps.workflow.local import default_workers
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step, split


class MetaextractArguments(BatchArguments):
    """Arguments of metaextract."""

    batch_size: Annotated[int, Field(ge=1, description="image files per job")] = 100


def _folder(experiment: Experiment, plate: str, acquisition: str) -> Path:
    return experiment.path / "metadata" / plate / acquisition


class MetadataExtractor(Step):
    """Writes OME-XML for each microscope file."""

    name = "metaextract"
    Arguments = MetaextractArguments
    has_collect_phase = False

    def create_run_batches(self, args: MetaextractArguments) -> list[Batch]:
        """Batches of files, acquisition by acquisition; finished archives are left alone."""
        batches: list[Batch] = []
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            planes = self.experiment.catalogue.source_planes(acquisition=row["id"])
            planes = planes[~planes["missing"]]
            folder = _folder(self.experiment, row["plate"], row["name"])
            files = list(planes["path"].unique())
            by_path = dict(iter(planes.drop(columns="acquisition_id").groupby("path")))
            for number, names in enumerate(split(files, args.batch_size, default_workers()), 1):
                target = folder / f"omexml-{number:06d}.zip"
                if target.exists():
                    continue
                batches.append(
                    {
                        "job": len(batches) + 1,
                        "units": len(names),
                        "target": str(target.relative_to(self.experiment.path)),
                        "facts": row["facts"],
                        "files": {
                            name: by_path[name].to_dict("list") for name in names
                        },
                    }
                )
        return batches

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Write one archive."""
        target = self.experiment.path / batch["target"]
        with (
            replacing(target) as temporary,
            disk_errors(target),
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, planes in batch["files"].items():
                text = planes_omexml(name, pd.DataFrame(planes), batch["facts"])
                archive.writestr(f"{name}.ome.xml", text)
        return JobResult()

    def collect_job_output(
        self, results: Sequence[JobResult], args: MetaextractArguments
    ) -> list[Progress]:
        """Nothing to collect."""
        return []

    def delete_previous_job_output(self) -> None:
        """Remove the archives."""
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            remove(_folder(self.experiment, row["plate"], row["name"]))


def read_omexml(
    experiment: Experiment, plate: str, acquisition: str
) -> Iterator[tuple[str, str]]:
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
