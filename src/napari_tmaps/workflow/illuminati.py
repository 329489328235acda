"""illuminati: the coarse levels of the map of each plate, fused from its sites.

A job makes the finer levels of some wells, in files that no other job writes; collect makes the
coarser ones from them. A well whose images, fields and shifts are as they were is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import count
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.measure.histogram import percentile
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.version import __version__
from napari_tmaps.store.images import close_readers, open_readers
from napari_tmaps.store.mapfiles import MapFiles, read_state
from napari_tmaps.store.mapplan import MapPlan, plan_map
from napari_tmaps.store.mapsources import well_sources
from napari_tmaps.store.plan import source_folders
from napari_tmaps.store.sites import Site
from napari_tmaps.streams.atomic import remove, write_json
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.mapparts import paint_layer, type_of
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step, failures_of, split

_PLAN = TypeAdapter(MapPlan)
_LOW = 0.1  # percentile that is shown as black


class IlluminatiArguments(BatchArguments):
    """Arguments of illuminati."""

    batch_size: Annotated[int, Field(ge=1, description="images per job")] = 100
    align: Annotated[bool, Field(description="shift the images of each cycle into place")] = False
    illumcorr: Annotated[bool, Field(description="correct illumination")] = False
    clip: Annotated[
        bool, Field(description="limit the intensities that are shown; pixels are never changed")
    ] = False
    clip_value: Annotated[
        int, Field(ge=0, description="intensity to clip at; 0: take the percentile")
    ] = 0
    clip_percent: Annotated[
        float, Field(ge=0, le=100, description="percentile to clip at, where no value is given")
    ] = 99.9
    illumcorr_exceptions: Annotated[
        str, Field(description="channels that are not corrected, separated by commas")
    ] = ""


class PyramidBuilder(Step):
    """Builds the coarse levels of the map of each plate."""

    name = "illuminati"
    stage = "pyramid_creation"
    requires = ("metaconfig",)
    uses = ("corilla", "align")
    by_default = False
    all_done = "The maps are up to date."
    Arguments = IlluminatiArguments

    def _refuse(self, args: IlluminatiArguments) -> None:
        """Refuse corrections that are not computed, and channels that there are not."""
        channels = self.experiment.catalogue.channel_names()
        exceptions = _names(args.illumcorr_exceptions)
        for name in exceptions:
            if name not in channels:
                raise unknown("channel", name, channels)
        known = {entry.channel for entry in self.experiment.illumination.entries()}
        lacking = [name for name in channels if name not in known and name not in exceptions]
        if args.illumcorr and lacking:
            raise InputError(
                f"illumcorr: {', '.join(lacking)} has no illumination field. Run corilla first, or "
                "name it in illumcorr_exceptions."
            )
        if args.align and self.experiment.shifts.table().empty:
            raise InputError("align: there are no shifts yet. Run align first, or leave it off.")

    def create_run_batches(self, args: IlluminatiArguments) -> Iterator[Batch]:
        """Batches of wells of which a channel or an object type is not as in the map.

        Raises
        ------
        NotFoundError
            There is no layout yet, or an exception is no channel.
        InputError
            There is no illumination field for a channel, or there are no shifts.
        """
        self._refuse(args)
        number = count(1)
        for plate in self.experiment.plate_names():
            plan = plan_map(self.experiment, plate)
            settings = _settings(self, plan, args)
            most = max(map(len, plan.sites_of_wells.values()))
            common = {"settings": settings, "sources": source_folders(self.experiment)}
            works = self._works(plan, settings)
            for part in split(works, max(1, args.batch_size // most), default_workers()):
                units = sum(len(work["sites"]) for work in part)
                drawn = asdict(plan.of_wells(work["well"] for work in part))
                yield {"job": next(number), "units": units, "work": part, "plan": drawn, **common}

    def _works(self, plan: MapPlan, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What is to be drawn: of each well, the layers that are not as in the map."""
        state = read_state(self.path / "maps" / plan.plate)
        built = state.get("wells", {}) if state.get("image") == plan.folder else {}
        for work in well_sources(self.experiment, plan, settings):
            if self._wanted(plan.plate, work):
                old = built.get(work["well"], {}).get("keys", {})
                keys = work["keys"]
                work["layers"] = [name for name in keys if old.get(name) != keys[name]]
                if work["layers"]:
                    yield work

    def _wanted(self, plate: str, work: dict[str, Any]) -> bool:
        """A well is made as a whole, if any of its sites is chosen."""
        return any(self.is_chosen(plate, work["well"], item["site"]) for item in work["sites"])

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """See Step."""
        plate = batch["plan"]["plate"]
        return [(plate, w["well"], item["site"]) for w in batch["work"] for item in w["sites"]]

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Make the finer levels of some wells; a site that cannot be read is told and left empty.

        Raises
        ------
        StorageError
            The disk is full or refuses.
        """
        plan: MapPlan = _PLAN.validate_python(batch["plan"])
        files = MapFiles(self.path / "maps" / plan.plate, plan)
        readers = open_readers(batch["sources"])
        failures: list[dict[str, Any]] = []
        done = []
        try:
            for work in batch["work"]:
                self.go_on()
                lost: list[dict[str, Any]] = []
                for name in work["layers"]:
                    files.create(type_of(name))
                    for problem in paint_layer(
                        self.path, files, work, name, batch["settings"], readers
                    ):
                        lost.append(problem)
                done.append({"well": work["well"], "keys": work["keys"], "layers": work["layers"]})
                failures += lost
                done[-1]["lost"] = sorted({(item["site"], item["layer"]) for item in lost})
        finally:
            close_readers(readers)
        told = {(item["well"], item["site"], item["message"]): item for item in failures}
        for item in told.values():
            del item["layer"]
        return JobResult(
            list(told.values()), {"plate": plan.plate, "image": plan.folder, "done": done}
        )

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Make the coarser levels, and say what the maps are made of."""
        args = IlluminatiArguments.model_validate(batch["args"])
        experiment = self.experiment
        experiment.catalogue.set_failures(self.name, failures_of(results))
        built: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for result in results:
            image = result.facts["plate"], result.facts["image"]
            built.setdefault(image, []).extend(result.facts["done"])
        for plate in experiment.plate_names():
            plan = plan_map(experiment, plate)
            folder = self.path / "maps" / plate
            state = read_state(folder)
            if state.get("image") != plan.folder:
                state = {"image": plan.folder, "wells": {}, "contrast": {}}
            mine = built.get((plate, plan.folder), [])
            settings = _settings(self, plan, args)
            if not mine and state.get("settings") in (None, settings):
                continue
            for item in mine:
                well = state["wells"].setdefault(item["well"], {"keys": {}, "lost": []})
                kept = [pair for pair in well["lost"] if pair[1] not in item["layers"]]
                well["lost"] = [*kept, *map(list, item["lost"])]
                well["keys"] |= {name: item["keys"][name] for name in item["layers"]}
            files = MapFiles(folder, plan)
            layers = {name for item in mine for name in item["layers"]}
            if state.get("settings", settings)["clip"] != settings["clip"]:
                layers |= {name for well in state["wells"].values() for name in well["keys"]}
            for name in sorted(layers):
                counts = _coarse(files, name)
                if counts is not None:
                    state["contrast"][name] = _contrast(counts, args)
            types = sorted(
                path.name for path in (files.image / "labels").glob("*") if path.is_dir()
            )
            contrast = [
                tuple(state["contrast"].get(f"channel:{facts['name']}", (0, 1)))
                for facts in plan.channels
            ]
            if args.clip and args.clip_value:
                contrast = [(low, max(args.clip_value, low + 1)) for low, _ in contrast]
            files.write_metadata([(low, high) for low, high in contrast], types)
            program = f"napari-tmaps {__version__}"
            write_json(folder / "map.json", {**state, "settings": settings, "program": program})
            for other in folder.glob("*.ome.zarr"):
                if other != files.image:
                    remove(other)
        return []

    def delete_previous_job_output(self) -> None:
        """Remove all maps; the images of the sites stay."""
        remove(self.path / "maps")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _settings(step: PyramidBuilder, plan: MapPlan, args: IlluminatiArguments) -> dict[str, Any]:
    exceptions = _names(args.illumcorr_exceptions)
    names = [facts["name"] for facts in plan.channels]
    corrected = [name for name in names if args.illumcorr and name not in exceptions]
    return {"align": args.align, "corrected": corrected, "clip": _clip(args)}


def _clip(args: IlluminatiArguments) -> list[float]:
    return [args.clip_value, args.clip_percent] if args.clip else []


def _coarse(files: MapFiles, name: str) -> npt.NDArray[np.int64] | None:
    """The coarser levels of a layer; returns the histogram of a channel."""
    plan, labels = files.plan, type_of(name)
    names = [facts["name"] for facts in plan.channels]
    c = 0 if labels is not None else names.index(name.partition(":")[2])
    total: Any = 0
    for t in range(plan.times):
        for z in range(plan.depth):
            total = total + files.write_coarse((t, c, z), labels)
    return None if labels is not None else np.asarray(total)


def _contrast(counts: npt.NDArray[np.int64], args: IlluminatiArguments) -> list[float]:
    """Lowest and highest intensity to show."""
    if not counts.any():
        return [0.0, 1.0]
    high = args.clip_percent if args.clip else 99.9
    low, top = percentile(counts, _LOW), percentile(counts, high)
    return [float(low), float(max(top, low + 1))]
