"""imextract: pixels from the microscope's files into the OME-Zarr plate, plane by plane."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.layout import SITE, final_planes
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.streams.atomic import remove
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow.local import default_workers
from napari_tmaps.workflow.metaconfig import planes_of
from napari_tmaps.workflow.step import (
    Batch,
    BatchArguments,
    JobResult,
    Step,
    failure,
    split,
)

SOURCE = ["acquisition_id", "path", "series", "page"]


class ImextractArguments(BatchArguments):
    """Arguments of imextract."""

    batch_size: Annotated[int, Field(ge=1, description="image acquisition sites per job")] = 100


class ImageExtractor(Step):
    """Writes one image a site and cycle; sites that are up to date are left alone."""

    name = "imextract"
    Arguments = ImextractArguments

    def create_run_batches(self, args: ImextractArguments) -> list[Batch]:
        """Batches of sites whose image is not there yet, or was made from other files.

        Raises
        ------
        NotFoundError
            metaconfig has not run.
        """
        images = [image for image in self._images() if not self._up_to_date(image)]
        acquisitions = self.experiment.catalogue.acquisitions()
        sources = {
            str(row["id"]): {"root": row["root"], "reader": row["reader"]}
            for row in acquisitions.to_dict("records")
        }
        return [
            {
                "job": number,
                "units": len(part),
                "version": self.experiment.catalogue.get("ngff_version"),
                "sources": sources,
                "images": list(part),
            }
            for number, part in enumerate(split(images, args.batch_size, default_workers()), 1)
        ]

    def _folder(self, plate: str, version: str) -> PlateFolder:
        # By path alone: jobs do not touch the catalogue.
        return PlateFolder(self.experiment.path / "plates" / f"{plate}.ome.zarr", version)

    def _up_to_date(self, image: dict[str, Any]) -> bool:
        version = self.experiment.catalogue.get("ngff_version")
        folder = self._folder(image["plate"], version)
        try:
            info = folder.info(image["well"], image["site"], image["cycle"])
        except (NotFoundError, FormatError):
            return False
        # A plane that could not be read last time is tried again.
        wanted = {(plane["t"], plane["c"], plane["z"]) for plane in image["planes"]}
        return not wanted & info.missing and info.attributes.get("source") == image["source"]

    def _images(self) -> Iterator[dict[str, Any]]:
        """What each image is made of, as JSON values."""
        experiment = self.experiment
        sites = {
            (row["plate"], row["well"], row["site"]): row
            for row in experiment.catalogue.sites().to_dict("records")
        }
        if not sites:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no layout yet. Run metaconfig first "
                "(tmaps convert does)."
            )
        mip = bool(experiment.catalogue.get("mip", False))
        table = planes_of(experiment)
        z_steps = {
            row["id"]: row["facts"]["z_step_um"]
            for row in experiment.catalogue.acquisitions().to_dict("records")
        }
        planes = final_planes(table, experiment.workflow_type, mip=mip)
        facts = {channel.name: channel for channel in experiment.channels()}
        order = {name: number for number, name in enumerate(facts)}
        used = planes.groupby(["plate", "cycle"])["channel"].unique()
        channels = {key: sorted(names, key=order.__getitem__) for key, names in used.items()}
        for _, group in planes.groupby([*SITE, "cycle"], sort=False):
            plate, well, site, cycle = group[[*SITE, "cycle"]].iloc[0]
            names = channels[plate, cycle]
            there = group[~group["missing"]]
            # Of sites without any plane nothing can be written; their gaps are recorded.
            if there.empty:
                continue
            first = there.iloc[0]
            place = sites[plate, well, site]
            pixel = (first["pixel_y_um"], first["pixel_x_um"])
            image: dict[str, Any] = {
                "plate": plate,
                "well": well,
                "site": int(site),
                "cycle": int(cycle),
                "shape": [
                    int(group["t"].max()) + 1,
                    len(names),
                    int(group["z"].max()) + 1,
                ],
                "channels": [_plain(facts[name]) for name in names],
                "pixel_size_um": [
                    None if mip else z_steps[first["acquisition_id"]],
                    *(None if np.isnan(size) else float(size) for size in pixel),
                ],
                "translation_um": _first_pixel_um(place, pixel),
                "planes": [
                    {"t": int(t), "c": names.index(channel), "z": int(z), "from": sources}
                    for (t, channel, z), sources in _sources(there)
                ],
            }
            image["source"] = _digest(image)
            yield image

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Convert the sites of one batch; a site that fails does not stop the others.

        Raises
        ------
        StorageError
            The disk is full or refuses: no further site could be written either.
        """
        readers = {
            key: PlaneReader(Path(source["root"]), source["reader"])
            for key, source in batch["sources"].items()
        }
        failures: list[dict[str, Any]] = []
        gaps: list[dict[str, Any]] = []
        written = 0
        try:
            for image in batch["images"]:
                where = (image["plate"], image["well"], image["site"])
                try:
                    lost = self._write(image, readers, batch["version"])
                except (FormatError, MissingError) as error:
                    failures.append(failure(*where, error))
                    continue
                written += 1
                for plane, cause in lost:
                    failures.append(failure(*where, cause))
                    gaps.append(
                        {
                            "plate": image["plate"],
                            "well": image["well"],
                            "site": image["site"],
                            "cycle": image["cycle"],
                            "channel": image["channels"][plane["c"]]["name"],
                            "z": plane["z"],
                            "t": plane["t"],
                            "reason": str(cause),
                        }
                    )
        finally:
            for reader in readers.values():
                reader.close()
        return JobResult(failures, {"gaps": gaps, "written": written})

    def _write(
        self, image: dict[str, Any], readers: dict[str, PlaneReader], version: str
    ) -> list[tuple[dict[str, Any], Exception]]:
        """Write one image; returns the planes that could not be read, with the reason.

        An unreadable plane becomes a gap of an otherwise good image. Planes that disagree in size
        or type cannot lie in one image: that fails the site.
        """
        planes = iter(image["planes"])
        lost: list[tuple[dict[str, Any], Exception]] = []
        pixels, first = None, None
        for plane in planes:
            try:
                pixels, first = _read(plane, readers), plane
                break
            except (FormatError, MissingError) as error:
                lost.append((plane, error))
        if pixels is None or first is None:
            raise lost[0][1]
        times, channels, depth = image["shape"]
        with self._folder(image["plate"], version).image_writer(
            image["well"],
            image["site"],
            image["cycle"],
            shape=(times, channels, depth, *pixels.shape),
            dtype=pixels.dtype,
            channels=[Channel(**channel) for channel in image["channels"]],
            pixel_size_um=tuple(image["pixel_size_um"]),
            translation_um=tuple(image["translation_um"]),
            attributes={"source": image["source"]},
        ) as writer:
            writer.write_plane(first["t"], first["c"], first["z"], pixels)
            for plane in planes:
                try:
                    other = _read(plane, readers)
                except (FormatError, MissingError) as error:
                    lost.append((plane, error))
                    continue
                if other.shape != pixels.shape or other.dtype != pixels.dtype:
                    raise FormatError(
                        f"'{plane['from'][0][1]}' is {_describe(other)}, but "
                        f"'{first['from'][0][1]}' of the same site is {_describe(pixels)}. The "
                        "planes of a site must agree in size and bit depth: exclude one of them."
                    )
                writer.write_plane(plane["t"], plane["c"], plane["z"], other)
        return lost

    def collect_job_output(
        self, results: Sequence[JobResult], args: ImextractArguments
    ) -> list[Progress]:
        """Write the metadata of plates and wells; record gaps; mark older results stale."""
        experiment = self.experiment
        version = experiment.catalogue.get("ngff_version")
        images = pd.DataFrame(
            [
                {key: image[key] for key in ("plate", "well", "site", "cycle")}
                for image in self._images()
            ]
        )
        for plate, group in images.groupby("plate"):
            folder = self._folder(str(plate), version)
            written = [
                (row["well"], row["site"], row["cycle"])
                for row in group.to_dict("records")
                if folder.image_path(row["well"], row["site"], row["cycle"]).is_dir()
            ]
            rounds = [f"cycle {number}" for number in range(int(group["cycle"].max()) + 1)]
            plate_format = experiment.catalogue.plate_format(str(plate))
            folder.write_layout(str(plate), plate_format, written, rounds)
        gaps = [gap for result in results for gap in result.facts["gaps"]]
        experiment.catalogue.add_gaps(pd.DataFrame(gaps))
        experiment.catalogue.set_failures(
            self.name, [item for result in results for item in result.failures]
        )
        count = sum(result.facts["written"] for result in results)
        if count:
            experiment.catalogue.mark_stale()
        else:
            return [Progress(self.name, 0, 0, "All images are there already.")]
        return []

    def delete_previous_job_output(self) -> None:
        """Remove the plates."""
        for name in self.experiment.plate_names():
            remove(self.experiment.plate(name).path)


def _sources(planes: pd.DataFrame) -> Iterator[tuple[tuple[int, str, int], list[list[Any]]]]:
    """(t, channel, z) and the source planes of each, more than one if z is projected."""
    rows = zip(
        planes["t"], planes["channel"], planes["z"], planes[SOURCE].to_numpy().tolist(), strict=True
    )
    grouped: dict[tuple[int, str, int], list[list[Any]]] = {}
    for t, channel, z, source in rows:
        grouped.setdefault((t, channel, z), []).append([str(source[0]), *source[1:]])
    yield from grouped.items()


def _plain(channel: Channel) -> dict[str, Any]:
    return {item.name: getattr(channel, item.name) for item in fields(channel)}


def _first_pixel_um(place: dict[Any, Any], pixel: tuple[float, float]) -> list[float]:
    """Position (z, y, x) of the centre of the first pixel; 0 where the stage is unknown."""
    position = [0.0]
    for axis, side, size in (
        ("stage_y_um", "height", pixel[0]),
        ("stage_x_um", "width", pixel[1]),
    ):
        value = float(place[axis]) - (float(place[side]) - 1) / 2 * size
        position.append(value if np.isfinite(value) else 0.0)
    return position


def _digest(image: dict[str, Any]) -> str:
    text = json.dumps(image, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _read(plane: dict[str, Any], readers: dict[str, PlaneReader]) -> npt.NDArray[Any]:
    """One plane of the plate: a source plane, or the maximum of several."""
    result: npt.NDArray[Any] | None = None
    for acquisition, path, series, page in plane["from"]:
        pixels = readers[acquisition].read(path, series, page)
        if result is None:
            result = pixels
        elif pixels.shape != result.shape or pixels.dtype != result.dtype:
            raise FormatError(
                f"'{path}' is {_describe(pixels)}, but the other z planes are "
                f"{_describe(result)}; they cannot be projected into one image."
            )
        else:
            result = np.maximum(result, pixels)
    assert result is not None, "a plane has at least one source"
    return result


def _describe(pixels: npt.NDArray[Any]) -> str:
    return f"{pixels.shape[0]} × {pixels.shape[1]} px {pixels.dtype}"
