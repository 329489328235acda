"""imextract: pixels from the microscope's files into the OME-Zarr plate, plane by plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.images import (
    T_OF_CHANNELS,
    Z_OF_CHANNELS,
    close_readers,
    describe,
    open_readers,
    read_planned,
)
from napari_tmaps.store.names import UPLOADS
from napari_tmaps.store.plan import (
    ImagePlan,
    PlannedPlane,
    image_plans,
    source_folders,
)
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.streams.atomic import remove
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.step import (
    Batch,
    BatchArguments,
    JobResult,
    Site,
    Step,
    failure,
    failures_of,
    split,
)

_ATTRIBUTES: tuple[Literal["source", "z_of_channels", "t_of_channels"], ...] = (
    "source",
    Z_OF_CHANNELS,
    T_OF_CHANNELS,
)
"""What of its plan an image keeps."""
_AT_A_TIME = 2
"""Images of a job: while the disk takes one, the next is read and packed."""


@dataclass(frozen=True)
class _Outcome:
    """What became of an image of a batch: of which, and the planes it lacks."""

    number: int
    written: bool
    failures: list[dict[str, Any]]
    gaps: list[dict[str, Any]]


class ImextractArguments(BatchArguments):
    """Arguments of imextract."""

    batch_size: Annotated[int, Field(ge=1, description="image acquisition sites per job")] = 100
    delete: Annotated[
        bool,
        Field(
            description="remove the microscope files that were uploaded into the experiment, once "
            "all images are converted; files anywhere else are never touched"
        ),
    ] = False


class ImageExtractor(Step):
    """Writes one image a site and cycle; sites that are up to date are left alone."""

    name = "imextract"
    stage = "image_conversion"
    requires = ("metaconfig",)
    all_done = "All images are there already."
    Arguments = ImextractArguments

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """The sites of a batch, one for each of their images."""
        return [(image["plate"], image["well"], image["site"]) for image in batch["images"]]

    def create_run_batches(self, args: ImextractArguments) -> Iterator[Batch]:
        """Batches of sites whose image is not there yet, or was made from other files.

        Raises
        ------
        NotFoundError
            metaconfig has not run.
        """
        version = self.experiment.catalogue.get("ngff_version")
        folders = {name: self._folder(name, version) for name in self.experiment.plate_names()}
        begun = {name: folder for name, folder in folders.items() if folder.path.is_dir()}
        images = (
            plan
            for plan in image_plans(self.experiment)
            if self.is_chosen(plan["plate"], plan["well"], plan["site"])
            and not (plan["plate"] in begun and self._up_to_date(plan, begun[plan["plate"]]))
        )
        sources = source_folders(self.experiment)
        for number, part in enumerate(split(images, args.batch_size, default_workers()), 1):
            yield {
                "job": number,
                "units": len(part),
                "version": version,
                "sources": sources,
                "images": part,
            }

    def _folder(self, plate: str, version: str) -> PlateFolder:
        # By path alone: jobs do not touch the catalogue.
        return PlateFolder(self.path / "plates" / f"{plate}.ome.zarr", version)

    def _up_to_date(self, image: ImagePlan, folder: PlateFolder) -> bool:
        try:
            info = folder.info(image["well"], image["site"], image["cycle"])
        except (NotFoundError, FormatError):
            return False
        # A plane that could not be read last time is tried again.
        wanted = {(plane["t"], plane["c"], plane["z"]) for plane in image["planes"]}
        return not wanted & info.missing and info.attributes.get("source") == image["source"]

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Convert the sites of one batch; a site that fails does not stop the others.

        Raises
        ------
        StorageError
            The disk is full or refuses: no further site could be written either.
        """
        coming = iter(enumerate(batch["images"]))
        outcomes: list[_Outcome] = []
        threads_s = 0.0
        with ThreadPoolExecutor(_AT_A_TIME, "tmaps-imextract") as pool:
            tasks = [pool.submit(self._convert, batch, coming) for _ in range(_AT_A_TIME)]
        for task in tasks:
            done, spent_s = task.result()
            outcomes += done
            threads_s += spent_s
        outcomes.sort(key=lambda outcome: outcome.number)
        return JobResult(
            [failure for outcome in outcomes for failure in outcome.failures],
            {
                "gaps": [gap for outcome in outcomes for gap in outcome.gaps],
                "written": [_key(batch["images"][o.number]) for o in outcomes if o.written],
            },
            threads_s,
        )

    def _convert(
        self, batch: Batch, coming: Iterator[tuple[int, ImagePlan]]
    ) -> tuple[list[_Outcome], float]:
        """Convert images as long as there are some that no other thread took.

        Returns
        -------
        list, float
            What became of them, and the processor time that it took.
        """
        start_s = thread_time()
        readers = open_readers(batch["sources"])
        outcomes = []
        try:
            for number, image in coming:
                self.go_on()
                where = (image["plate"], image["well"], image["site"])
                try:
                    lost = self._write(image, readers, batch["version"])
                except (FormatError, MissingError) as error:
                    outcomes.append(_Outcome(number, False, [failure(*where, error)], []))
                    continue
                failures = [failure(*where, cause) for _, cause in lost]
                gaps = [_gap(image, plane, cause) for plane, cause in lost]
                outcomes.append(_Outcome(number, True, failures, gaps))
        except BaseException:
            for _ in coming:  # the others end, too
                pass
            raise
        finally:
            close_readers(readers)
        return outcomes, thread_time() - start_s

    def _write(
        self, image: ImagePlan, readers: dict[str, PlaneReader], version: str
    ) -> list[tuple[PlannedPlane, Exception]]:
        """Write one image; returns the planes that could not be read, with the reason.

        An unreadable plane becomes a gap of an otherwise good image. Planes that disagree in size
        or type cannot lie in one image: that fails the site.
        """
        planes = iter(image["planes"])
        lost: list[tuple[PlannedPlane, Exception]] = []
        pixels, first = None, None
        for plane in planes:
            try:
                pixels, first = read_planned(plane, readers), plane
                break
            except (FormatError, MissingError) as error:
                lost.append((plane, error))
        if pixels is None or first is None:
            raise lost[0][1]
        times, channels, depth = image["shape"]
        pixel_size, corner = image["pixel_size_um"], image["translation_um"]
        with self._folder(image["plate"], version).image_writer(
            image["well"],
            image["site"],
            image["cycle"],
            shape=(times, channels, depth, *pixels.shape),
            dtype=pixels.dtype,
            channels=[Channel(**channel) for channel in image["channels"]],
            pixel_size_um=(pixel_size[0], pixel_size[1], pixel_size[2]),
            translation_um=(corner[0], corner[1], corner[2]),
            time_step_s=image["time_step_s"],
            attributes={key: image[key] for key in _ATTRIBUTES if key in image},
        ) as writer:
            writer.write_plane(first["t"], first["c"], first["z"], pixels)
            for plane in planes:
                try:
                    other = read_planned(plane, readers)
                except (FormatError, MissingError) as error:
                    lost.append((plane, error))
                    continue
                if other.shape != pixels.shape or other.dtype != pixels.dtype:
                    raise FormatError(
                        f"'{plane['sources'][0][1]}' is {describe(other)}, but "
                        f"'{first['sources'][0][1]}' of the same site is {describe(pixels)}. The "
                        "planes of a site must agree in size and bit depth: exclude one of them."
                    )
                writer.write_plane(plane["t"], plane["c"], plane["z"], other)
        return lost

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Write the metadata of plates and wells; record gaps."""
        experiment = self.experiment
        version = experiment.catalogue.get("ngff_version")
        images = experiment.catalogue.acquired()[["plate", "well", "site", "cycle"]]
        cycles = experiment.catalogue.recorded()
        for plate, group in images.drop_duplicates().groupby("plate"):
            folder = self._folder(str(plate), version)
            written = [
                (well, int(site), int(cycle))
                for _, well, site, cycle in group.itertuples(index=False, name=None)
                if folder.image_path(well, int(site), int(cycle)).is_dir()
            ]
            last = max(cycle for name, cycle in cycles if name == plate)
            rounds = [f"cycle {number}" for number in range(last + 1)]
            plate_format = experiment.catalogue.plate_format(str(plate))
            folder.write_layout(str(plate), plate_format, written, rounds)
        gaps = [gap for result in results for gap in result.facts["gaps"]]
        redone = (tuple(image) for result in results for image in result.facts["written"])
        experiment.catalogue.forget_gaps(self.name, redone)
        experiment.catalogue.add_gaps(pd.DataFrame(gaps), self.name)
        experiment.catalogue.set_failures(self.name, failures_of(results))
        return self._delete_uploads(version) if batch["args"]["delete"] else []

    def _delete_uploads(self, version: str) -> list[Progress]:
        """Remove the uploaded microscope files, if nothing is left to be made of them."""
        whole = all(
            self._up_to_date(plan, self._folder(plan["plate"], version))
            for plan in image_plans(self.experiment)
        )
        uploads = (self.path / UPLOADS).resolve()
        notes = []
        for row in self.experiment.catalogue.acquisitions().to_dict("records"):
            root = Path(row["root"]).resolve()
            damaged = any(item["kind"] == "unreadable" for item in row["facts"]["oddities"])
            if not root.is_relative_to(uploads):
                text = f"were not uploaded but lie in '{root}': they stay."
            elif damaged or not whole:
                text = "stay: some images could not be made of them yet."
            else:
                planes = self.experiment.catalogue.source_planes(acquisition=row["id"])
                for path in planes.loc[~planes["missing"], "path"].unique():
                    remove(root / path)
                text = "are deleted, as asked."
            about = f"The microscope files of {row['plate']} {row['name']}"
            notes.append(Progress(self.name, 0, 0, f"{about} {text}"))
        return notes

    def delete_previous_job_output(self) -> None:
        """Remove the plates, and with them the labels: objects have to be made anew."""
        self.experiment.catalogue.forget_analysed()
        for name in self.experiment.plate_names():
            remove(self.experiment.plate(name).path)


def _key(image: ImagePlan) -> tuple[str, str, int, int]:
    return image["plate"], image["well"], image["site"], image["cycle"]


def _gap(image: ImagePlan, plane: PlannedPlane, cause: Exception) -> dict[str, Any]:
    plate, well, site, cycle = _key(image)
    return {
        "plate": plate,
        "well": well,
        "site": site,
        "cycle": cycle,
        "channel": image["channels"][plane["c"]]["name"],
        "z": plane["z"],
        "t": plane["t"],
        "reason": str(cause),
    }
