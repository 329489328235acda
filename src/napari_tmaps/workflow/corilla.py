"""corilla: illumination of each channel, from all its images, in one pass over them.

A job adds up a part of the images of one field and leaves exact sums behind; collect merges them,
in any order to the same bits. A field is written only from all its images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import FormatError, InputError, MissingError, NotFoundError
from napari_tmaps.measure.flatfield import SIDE, shrink
from napari_tmaps.measure.illumination import Gathering
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.illumination import FieldEntry
from napari_tmaps.store.images import close_readers, open_readers
from napari_tmaps.store.plan import digest, final_source_planes, source_folders
from napari_tmaps.store.sites import Located, Locator, Site, open_located
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.fields import make_field
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step, failure, failures_of

_MOST_SHRUNK = 200  # images that a flat field is estimated from


class CorillaArguments(BatchArguments):
    """Arguments of corilla."""

    by: Annotated[
        Literal["experiment", "plate", "acquisition", "cycle"],
        Field(description="images that share a field: of a channel in all of this"),
    ] = "experiment"
    method: Annotated[
        Literal["log", "flat", "images", "microscope"],
        Field(
            description="log: mean and deviation of logarithms, as TissueMAPS; flat: flat and dark "
            "field estimated from the images; images: flat and dark images that you give; "
            "microscope: the profile that the microscope stored (Harmony)"
        ),
    ] = "log"
    batch_size: Annotated[int, Field(ge=1, description="sites per job")] = 1000
    dark_level: Annotated[
        float,
        Field(
            ge=-1,
            description="counts of the camera without light, for the method flat; -1: estimated, "
            "which takes many images of different brightness",
        ),
    ] = 0.0
    flat_image: Annotated[
        str, Field(description="file of the flat field; {channel} stands for the channel")
    ] = ""
    dark_image: Annotated[
        str, Field(description="file of the dark field; {channel} stands for the channel")
    ] = ""


class _Image(NamedTuple):
    """One image that is added up; where its pixels are the originals, they are looked up later."""

    site: Site
    cycle: int
    times: tuple[int, ...]
    source: str
    is_converted: bool


@dataclass(frozen=True)
class _Planned:
    """A field to make: `places` are the arguments of its entry, `images` what it is made of."""

    channel: str
    key: str
    places: dict[str, Any]
    images: tuple[_Image, ...]
    size: tuple[int, int]
    acquisition: int
    images_a_job: int
    """0: there are no jobs, for nothing is to be added up."""

    @property
    def jobs(self) -> int:
        return -(-len(self.images) // self.images_a_job) if self.images_a_job else 0


class IlluminationCalculator(Step):
    """Computes the illumination of each channel, for correction."""

    name = "corilla"
    stage = "image_preprocessing"
    requires = ("metaconfig",)
    by_default = False
    all_done = "All illumination fields are there already."
    Arguments = CorillaArguments

    _fields: tuple[_Planned, ...] | None = None

    def check(self, args: CorillaArguments) -> None:
        """Refuse images that are not there.

        Raises
        ------
        InputError
            No flat image is given, or one that there is not.
        """
        if args.method != "images":
            if args.flat_image or args.dark_image:
                raise InputError(
                    f"flat_image and dark_image go with the method 'images', not '{args.method}'."
                )
            return
        if not args.flat_image:
            raise InputError("The method 'images' needs flat_image; dark_image may be left out.")
        for channel in self.experiment.catalogue.channel_names():
            for text in filter(None, (args.flat_image, args.dark_image)):
                path = Path(text.replace("{channel}", channel)).expanduser()
                if not path.is_file():
                    raise InputError(f"There is no file '{path}' (channel '{channel}').")

    def create_run_batches(self, args: CorillaArguments) -> Iterator[Batch]:
        """Batches of images of one field each; fields that are up to date get none.

        Raises
        ------
        NotFoundError
            There is no layout yet.
        """
        self._fields = self._plan(args)
        return self._batches(args, self._fields)

    def _batches(self, args: CorillaArguments, fields: Sequence[_Planned]) -> Iterator[Batch]:
        common = {
            "sources": source_folders(self.experiment),
            "version": self.experiment.catalogue.get("ngff_version"),
            "flat": args.method == "flat",
        }
        job, locator = count(1), Locator(self.experiment)
        for field in fields:
            every = -(-len(field.images) // _MOST_SHRUNK)
            for part in range(field.jobs):
                start = part * field.images_a_job
                images = field.images[start : start + field.images_a_job]
                work = [
                    {**item, "number": number, "shrink": number % every == 0}
                    for number, item in enumerate(_located(images, locator), start)
                ]
                yield {
                    "job": next(job),
                    "units": len(work),
                    "field": field.key,
                    "part": digest([field.key, [item["number"] for item in work]]),
                    "channel": field.channel,
                    "size": list(field.size),
                    "work": work,
                    **common,
                }

    def create_collect_batch(self, args: BatchArguments) -> Batch:
        """All fields, those that are up to date too."""
        assert isinstance(args, CorillaArguments)
        fields = self._plan(args) if self._fields is None else self._fields
        return {
            **super().create_collect_batch(args),
            "fields": [
                {
                    "channel": field.channel,
                    "key": field.key,
                    "places": field.places,
                    "images": len(field.images),
                    "jobs": field.jobs,
                    "size": list(field.size),
                    "acquisition": field.acquisition,
                }
                for field in fields
            ],
        }

    def _plan(self, args: CorillaArguments) -> tuple[_Planned, ...]:
        experiment = self.experiment
        sites = experiment.catalogue.sites()
        if sites.empty:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no layout yet. Convert it first: "
                f"tmaps convert {experiment.path.name}."
            )
        planes = final_source_planes(experiment)
        planes = planes[~planes["missing"]]
        own = {"plate": ["plate"], "acquisition": ["acquisition_id"], "cycle": ["cycle"]}
        groups = planes.groupby(["channel", *own.get(args.by, [])], sort=False)
        cycles = sorted({int(cycle) for cycle in planes["cycle"].unique()})
        rows = [(row[0], row[1], int(row[2])) for row in sites[SITE].to_numpy().tolist()]
        found = {
            (*site, int(cycle)): (image["source"], "plan" not in image)
            for site, images in Locator(experiment).find_all(rows, cycles)
            for cycle, image in images.items()
        }
        settings = args.model_dump(exclude={"batch_size"})
        first = self.experiment.catalogue.first_names()
        known = {entry.key for entry in experiment.illumination.entries()}
        # Sums are larger than images: no more parts of a field than all workers need.
        parts = -(-4 * default_workers() // max(groups.ngroups, 1))
        fields = []
        for key, group in groups:
            images = []
            for place, times in group.groupby([*SITE, "cycle"], sort=False)["t"]:
                plate, well, site, cycle = cast(tuple[str, str, int, int], place)
                if place in found:
                    used = tuple(sorted({int(t) for t in times}))
                    where = (plate, well, int(site))
                    images.append(_Image(where, int(cycle), used, *found[place]))
            sizes = Counter(zip(group["height"].tolist(), group["width"].tolist(), strict=True))
            places: dict[str, Any] = {}
            if args.by in ("plate", "acquisition"):
                places["plate"] = str(group["plate"].iloc[0])
            if args.by == "cycle":
                places["cycle"] = int(group["cycle"].iloc[0])
            if args.by == "acquisition":
                places["times"] = [int(group["t"].min()), int(group["t"].max())]
                pairs = {image.site[1:] for image in images}
                places["sites"] = sorted(map(list, pairs))
            # Digests have the first names of plates; see store.plate_names.
            sources = [
                [[first.get(plate, plate), well, number], *image[1:4]]
                for image in images
                for plate, well, number in [image.site]
            ]
            named = {**places}
            if "plate" in named:
                named["plate"] = first.get(named["plate"], named["plate"])
            name = digest([settings, str(key[0]), named, sources])
            is_summed = args.method in ("log", "flat") and name not in known
            size = max(1, min(args.batch_size, -(-len(images) // parts)))
            fields.append(
                _Planned(
                    channel=str(key[0]),
                    key=name,
                    places=places,
                    images=tuple(images),
                    size=sizes.most_common(1)[0][0],
                    acquisition=int(group["acquisition_id"].iloc[0]),
                    images_a_job=size if is_summed else 0,
                )
            )
        return tuple(fields)

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """See Step."""
        return [(plate, well, site) for plate, well, site in (w["site"] for w in batch["work"])]

    @property
    def _parts(self) -> Path:
        # Not in the folder of the step: they outlive an init, for what is added up stays so.
        return self.path / "workflow" / "illumination_sums"

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Add up the images of one batch; an image that cannot be read is left out and told.

        Raises
        ------
        StorageError
            The disk is full or refuses.
        """
        path = self._parts / f"{batch['part']}.npz"
        if path.is_file():  # of a run that was interrupted
            return JobResult([], {"field": batch["field"], "part": path.name})
        readers = open_readers(batch["sources"])
        failures: list[dict[str, Any]] = []
        halves = Gathering(), Gathering()
        small: list[npt.NDArray[np.float32]] = []
        numbers: list[int] = []
        try:
            for work in batch["work"]:
                self.go_on()
                plate, well, number = work["site"]
                site, cycle = (plate, well, number), work["cycle"]
                try:
                    image = open_located(
                        self.path, site, cycle, work["image"], batch["version"], readers
                    )
                    planes = [
                        plane
                        for t in work["times"]
                        for plane in image.read_channel(batch["channel"], t)
                    ]
                    _check_sizes(planes, batch["size"])
                except (MissingError, NotFoundError, FormatError) as error:
                    failures.append(failure(*site, error))
                    continue
                for plane in planes:
                    halves[work["number"] % 2].add(plane)
                if batch["flat"] and work["shrink"]:
                    small.append(shrink(planes[0]))
                    numbers.append(work["number"])
        finally:
            close_readers(readers)
        if failures:
            path = path.with_suffix(".some.npz")
        stack = np.stack(small) if small else np.zeros((0, SIDE, SIDE), np.float32)
        arrays: dict[str, Any] = {"small": stack, "numbers": np.array(numbers, int)}
        for half, gathering in enumerate(halves):
            found = gathering.sums()
            if found is not None:
                arrays |= {f"count{half}": found.count, f"total{half}": found.total}
                arrays |= {f"squares{half}": found.squares, f"counts{half}": found.counts}
        with replacing(path) as temporary, disk_errors(path), temporary.open("wb") as file:
            np.savez(file, **arrays)
        return JobResult(failures, {"field": batch["field"], "part": path.name})

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Make the fields whose images are all added up."""
        args = CorillaArguments.model_validate(batch["args"])
        store = self.experiment.illumination
        self.experiment.catalogue.set_failures(self.name, failures_of(results))
        parts: dict[str, list[Path]] = {}
        for result in results:
            part = self._parts / result.facts["part"]
            parts.setdefault(result.facts["field"], []).append(part)
        known = {entry.key: entry for entry in store.entries()}
        entries: list[FieldEntry] = []
        notes: list[Progress] = []
        unfinished = False
        for field in batch["fields"]:
            if field["key"] in known:
                entries.append(known[field["key"]])
                continue
            if len(parts.get(field["key"], ())) < field["jobs"]:
                unfinished = True
                continue
            try:
                entry, texts = make_field(self.experiment, field, args, parts.get(field["key"], []))
            except FormatError as error:
                notes.append(Progress(self.name, 0, 0, f"{field['channel']}: {error}", True))
                continue
            entries.append(entry)
            notes += [Progress(self.name, 0, 0, text) for text in texts]
        if entries:
            store.set_entries(entries)
        if not unfinished:
            remove(self._parts)
        return notes

    def delete_previous_job_output(self) -> None:
        """Remove all fields; results that were made with them stay."""
        remove(self.experiment.illumination.path)
        remove(self._parts)


def _located(images: Sequence[_Image], locator: Locator) -> Iterator[dict[str, Any]]:
    originals = {image.site: None for image in images if not image.is_converted}
    plans = locator.find(list(originals), {image.cycle for image in images})
    for image in images:
        located: Located = {"source": image.source}
        if not image.is_converted:
            located = plans[image.site][str(image.cycle)]
        yield {
            "site": list(image.site),
            "cycle": image.cycle,
            "times": list(image.times),
            "image": located,
        }


def _check_sizes(planes: Sequence[npt.NDArray[Any]], size: Sequence[int]) -> None:
    for plane in planes:
        if min(size) > 0 and plane.shape != tuple(size):
            raise FormatError(
                f"The image is {plane.shape[0]} × {plane.shape[1]} px, most others are {size[0]} × "
                f"{size[1]} px: it is left out. Compute by acquisition if these differ in size."
            )
