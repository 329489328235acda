"""jterator: a pipeline over sites; labels and features out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from napari_tmaps import __version__
from napari_tmaps.errors import FormatError, MissingError, NotFoundError, PipelineError
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline import CheckedPipeline, check, run_site
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.images import OriginalImage, SiteImage, close_readers, open_readers
from napari_tmaps.store.plan import image_plans, source_folders
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.streams.atomic import remove, write_json
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow.local import default_workers
from napari_tmaps.workflow.step import (
    Batch,
    BatchArguments,
    JobResult,
    Step,
    failure,
    split,
)

Site = tuple[str, str, int]


class JteratorArguments(BatchArguments):
    """Arguments of jterator."""

    batch_size: Annotated[int, Field(ge=1, description="sites per job")] = 100


class PipelineRunner(Step):
    """Runs one pipeline over all sites, or over chosen ones.

    Parameters
    ----------
    pipeline
        Checked here against the channels and objects of the experiment, before any image is read.
    sites
        (plate, well, site) of the sites to analyse; None means all.

    Raises
    ------
    PipelineError
        The pipeline cannot run on this experiment.
    """

    name = "jterator"
    Arguments = JteratorArguments

    def __init__(
        self,
        experiment: Experiment,
        pipeline: PipelineDescription,
        *,
        sites: Sequence[tuple[str, str, int]] | None = None,
    ) -> None:
        super().__init__(experiment)
        self.pipeline = pipeline
        self._chosen = None if sites is None else set(sites)
        self._checked = check(
            pipeline,
            channels=experiment.catalogue.channel_names(),
            objects=tuple(experiment.catalogue.object_types()["name"]),
        )
        corrected = [item.name for item in pipeline.input.channels if item.correct]
        if corrected:
            raise PipelineError(
                f"Pipeline '{pipeline.name}' asks for illumination correction of "
                f"{', '.join(corrected)}, but the experiment has no illumination statistics. Set "
                "'correct: false' for these channels."
            )

        cycles = experiment.catalogue.channels().set_index("name")["cycle"]
        self._cycles = {item.name: int(cycles[item.name]) for item in pipeline.input.channels}

    @property
    def _parts(self) -> Path:
        return self.experiment.path / "workflow" / self.name

    def create_run_batches(self, args: JteratorArguments) -> list[Batch]:
        """Batches of sites that were not analysed like this yet.

        Raises
        ------
        NotFoundError
            There are no converted images.
        """
        experiment = self.experiment
        sites = experiment.catalogue.sites()
        if sites.empty:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no sites yet. Convert it first: "
                f"tmaps convert {experiment.path.name}."
            )
        rows = [(row[0], row[1], int(row[2])) for row in sites[SITE].to_numpy().tolist()]
        if self._chosen is not None:
            rows = [row for row in rows if row in self._chosen]
        known = experiment.catalogue.analysed()
        images = self._images(rows)
        work = []
        for row in rows:
            digests = {cycle: image["source"] for cycle, image in images[row].items()}
            key = self._key(digests)
            if known.get((self.pipeline.name, *row)) != key:
                work.append({"site": list(row), "key": key, "images": images[row]})
        common = {
            "sources": source_folders(experiment),
            "version": experiment.catalogue.get("ngff_version"),
            "pipeline": self.pipeline.model_dump(mode="json"),
            "channels": self._cycles,
        }
        remove(self._parts)
        return [
            {"job": number, "units": len(part), "work": list(part), **common}
            for number, part in enumerate(split(work, args.batch_size, default_workers()), 1)
        ]

    def _images(self, rows: Sequence[Site]) -> dict[Site, dict[str, dict[str, Any]]]:
        """For each site and cycle the digest of its image, and its plan if it is not converted."""
        cycles = sorted(set(self._cycles.values()))
        found: dict[Site, dict[str, dict[str, Any]]] = {row: {} for row in rows}
        unconverted = set()
        for row in rows:
            folder = self.experiment.plate(row[0])
            for cycle in cycles:
                try:
                    found[row][str(cycle)] = {"source": folder.image(*row[1:], cycle).source}
                except NotFoundError:
                    unconverted.add(row)
                except FormatError:
                    # Damaged: the job will say so.
                    found[row][str(cycle)] = {"source": ""}
        if unconverted:
            for plan in image_plans(self.experiment, sorted(unconverted)):
                images = found[plan["plate"], plan["well"], plan["site"]]
                if plan["cycle"] in cycles:
                    images.setdefault(str(plan["cycle"]), {"source": plan["source"], "plan": plan})
        return found

    def _key(self, digests: dict[str, str]) -> str:
        """What the result of a site depends on: its images, the pipeline and the program."""
        text = json.dumps([digests, self.pipeline.model_dump(mode="json"), __version__])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Analyse the sites of one batch; a site that fails does not stop the others.

        Raises
        ------
        StorageError
            The disk is full or refuses: no further site could be written either.
        """
        checked = check(PipelineDescription.model_validate(batch["pipeline"]))
        readers = open_readers(batch["sources"])
        failures: list[dict[str, Any]] = []
        done: list[list[Any]] = []
        tables: dict[str, list[pd.DataFrame]] = {}
        try:
            for work in batch["work"]:
                plate, well, site = work["site"]
                folder = PlateFolder(
                    self.experiment.path / "plates" / f"{plate}.ome.zarr", batch["version"]
                )
                try:
                    features = _analyse(checked, folder, work, batch["channels"], readers)
                except (PipelineError, MissingError, NotFoundError, FormatError) as error:
                    failures.append(failure(plate, well, site, error))
                    continue
                for name, table in features.items():
                    tables.setdefault(name, []).append(table)
                digests = {cycle: image["source"] for cycle, image in work["images"].items()}
                done.append([plate, well, site, work["key"], digests])
        finally:
            close_readers(readers)
        features_store = FeatureStore(self.experiment.path / "features")
        parts = {}
        for name, pieces in tables.items():
            part = self._parts / name / f"{batch['job']:06d}.parquet"
            features_store.write_part(part, pieces)
            parts[name] = str(part.relative_to(self.experiment.path))
        return JobResult(failures, {"done": done, "parts": parts})

    def collect_job_output(
        self, results: Sequence[JobResult], args: JteratorArguments
    ) -> list[Progress]:
        """Put the tables into place and store what the experiment now has."""
        catalogue, features = self.experiment.catalogue, self.experiment.features
        done = [tuple(row) for result in results for row in result.facts["done"]]
        failures = [item for result in results for item in result.failures]
        catalogue.set_failures(self.name, failures)
        notes = []
        if not results:
            notes.append(Progress(self.name, 0, 0, "All sites are analysed already."))
        names = [item.name for item in self.pipeline.output.objects]
        catalogue.set_analysed(self.pipeline.name, done, names)
        for name in names:
            parts = [
                self.experiment.path / result.facts["parts"][name]
                for result in results
                if name in result.facts["parts"]
            ]
            features.collect(name, parts, [row[:3] for row in done])
            if name in features.object_types():
                catalogue.set_object_type(
                    name, self.pipeline.name, features.count(name), len(features.columns(name))
                )
        remove(self._parts)
        if done:
            write_json(
                self.experiment.path / "metadata" / f"pipeline-{self.pipeline.name}.json",
                {
                    "program": f"napari-tmaps {__version__}",
                    "pipeline": self.pipeline.model_dump(mode="json"),
                    "sites": len(done),
                    "failed_sites": len(failures),
                },
            )
        return notes

    def delete_previous_job_output(self) -> None:
        """Remove the tables of the pipeline's objects; labels are replaced by the next run."""
        for item in self.pipeline.output.objects:
            self.experiment.features.remove(item.name)


def _analyse(
    checked: CheckedPipeline,
    folder: PlateFolder,
    work: dict[str, Any],
    channels: dict[str, int],
    readers: dict[str, PlaneReader],
) -> dict[str, pd.DataFrame]:
    """Analyse one site over all its time points: store its labels, return its features."""
    plate, well, site = work["site"]
    images: dict[int, SiteImage] = {
        int(cycle): OriginalImage(image["plan"], readers)
        if "plan" in image
        else folder.image(well, site, int(cycle))
        for cycle, image in work["images"].items()
    }
    for channel, cycle in channels.items():
        if cycle not in images:
            raise MissingError(f"Well {well} site {site} has no image of channel '{channel}'.")
    labels: dict[str, list[np.ndarray]] = {}
    features: dict[str, list[pd.DataFrame]] = {}
    for t in range(max(image.times for image in images.values())):
        pixels = {
            name: _plane_or_stack(images[cycle].read_channel(name, t))
            for name, cycle in channels.items()
        }
        objects = {
            item.name: _plane_or_stack(folder.read_labels(well, site, item.name)[t])
            for item in checked.description.input.objects
        }
        result = run_site(checked, pixels, objects)
        for name, array in result.objects.items():
            labels.setdefault(name, []).append(array if array.ndim == 3 else array[np.newaxis])
        for name, table in result.tables.items():
            table = table.reset_index()
            for column, value in (("t", t), ("site", site), ("well", well), ("plate", plate)):
                table.insert(0, column, value)
            features.setdefault(name, []).append(table)
    place = next(iter(images.values()))
    for name, arrays in labels.items():
        folder.write_labels(
            well,
            site,
            name,
            np.stack(arrays),
            pixel_size_um=place.pixel_size_um,
            translation_um=place.translation_um,
        )
    return {name: pd.concat(tables, ignore_index=True) for name, tables in features.items()}


def _plane_or_stack(array: np.ndarray) -> np.ndarray:
    """Modules see (y, x) where there is one z plane, else (z, y, x)."""
    return array[0] if array.shape[0] == 1 else array
