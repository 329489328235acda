"""align: shifts between the cycles of each site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from napari_tmaps.errors import FormatError, InputError, MissingError, NotFoundError
from napari_tmaps.measure.histogram import histogram, percentile
from napari_tmaps.measure.registration import find_shift
from napari_tmaps.model.alignment import repaired
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.version import __version__
from napari_tmaps.store.illumination import IlluminationStore
from napari_tmaps.store.images import close_readers, open_readers
from napari_tmaps.store.plan import digest, source_folders
from napari_tmaps.store.prepared import read_prepared
from napari_tmaps.store.sites import Locator, Site, open_located
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.step import (
    Batch,
    BatchArguments,
    JobResult,
    Step,
    failure,
    failures_of,
    split,
)


class AlignArguments(BatchArguments):
    """Arguments of align."""

    ref_cycle: Annotated[int, Field(ge=0, description="cycle that the others are aligned to")] = 0
    ref_wavelength: Annotated[
        str,
        Field(
            description="channel of the microscope to align by; every cycle must have it. May be "
            "left out where they have only one in common"
        ),
    ] = ""
    batch_size: Annotated[int, Field(ge=1, description="sites per job")] = 100
    illumcorr: Annotated[bool, Field(description="correct illumination before aligning")] = False
    robust_align: Annotated[
        bool, Field(description="clip intensities first, so that bright dirt does not dominate")
    ] = False
    rescale_percentile: Annotated[
        float, Field(ge=0, le=100, description="percentile of that clipping")
    ] = 99.9
    projection: Annotated[
        Literal["max", "mean", "middle"],
        Field(description="what is aligned of a stack: maximum or mean along z, or middle plane"),
    ] = "max"
    max_shift: Annotated[
        float, Field(ge=0, description="pixels; larger shifts are not believed. 0: no limit")
    ] = 0.0
    min_quality: Annotated[
        float,
        Field(ge=0, le=1, description="correlation below which images do not show the same"),
    ] = 0.3


class ImageRegistrator(Step):
    """Finds by how much the images of each cycle are shifted."""

    name = "align"
    stage = "image_preprocessing"
    requires = ("metaconfig",)
    uses = ("corilla",)
    workflow_types = ("multiplexing",)
    by_default = False
    all_done = "All sites are aligned already."
    Arguments = AlignArguments

    def _channels(self, args: AlignArguments) -> dict[int, str]:
        """Name of the channel to align by, of each cycle."""
        table = self.experiment.catalogue.channels()
        cycles = sorted(set(table["cycle"].tolist()))
        if len(cycles) < 2:
            raise InputError(
                f"The experiment has {len(cycles)} cycle, so there is nothing to align. Each "
                "acquisition of a plate is a cycle in experiments of type 'multiplexing'."
            )
        if args.ref_cycle not in cycles:
            raise InputError(
                f"There is no cycle {args.ref_cycle} (ref_cycle); there are "
                f"{', '.join(map(str, cycles))}."
            )
        have = table.groupby("wavelength", sort=False)["cycle"].nunique()
        common = [str(name) for name in have.index[have == len(cycles)]]
        chosen = args.ref_wavelength or (common[0] if len(common) == 1 else "")
        if chosen not in common:
            what = f"'{chosen}' is not" if chosen else "Say which channel is"
            raise InputError(
                f"{what} in every cycle to align by (ref_wavelength). Channels that every cycle "
                f"has: {', '.join(common) or 'none'}."
            )
        rows = table[table["wavelength"] == chosen]
        return dict(zip(rows["cycle"].astype(int), rows["name"], strict=True))

    def create_run_batches(self, args: AlignArguments) -> Iterator[Batch]:
        """Batches of sites that were not aligned like this yet.

        Raises
        ------
        InputError
            There is one cycle only, no such reference, no channel that all cycles have, or no
            illumination to correct.
        """
        experiment = self.experiment
        channels = self._channels(args)
        if args.illumcorr and not experiment.illumination.entries():
            raise InputError(
                "illumcorr needs illumination statistics, which there are not. Run corilla first, "
                "or leave it off."
            )
        fields = [
            entry.folder
            for entry in experiment.illumination.entries()
            if args.illumcorr and entry.channel in channels.values()
        ]
        rows = experiment.catalogue.sites()[SITE].to_numpy().tolist()
        sites = [(row[0], row[1], int(row[2])) for row in rows]
        sites = [site for site in sites if self.is_chosen(*site)]
        settings = args.model_dump(exclude={"batch_size", "max_shift", "min_quality"})
        known = _known(experiment.shifts.table())

        def work() -> Iterator[dict[str, Any]]:
            for site, images in Locator(experiment).find_all(sites, channels):
                sources = {cycle: image["source"] for cycle, image in images.items()}
                key = digest([settings, fields, sources])
                if known.get(site) != key:
                    yield {"site": list(site), "images": images, "key": key}

        common = {
            "args": args.model_dump(mode="json"),
            "channels": {str(cycle): name for cycle, name in channels.items()},
            "sources": source_folders(experiment),
            "version": experiment.catalogue.get("ngff_version"),
        }
        for number, part in enumerate(split(work(), args.batch_size, default_workers()), 1):
            yield {"job": number, "units": len(part), "work": part, **common}

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """See Step."""
        return [(plate, well, site) for plate, well, site in (w["site"] for w in batch["work"])]

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Align the sites of one batch; a cycle that is not there is told and left out."""
        args = AlignArguments.model_validate(batch["args"])
        readers = open_readers(batch["sources"])
        failures: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []

        def read(work: dict[str, Any], cycle: str) -> npt.NDArray[Any]:
            plate, well, number = work["site"]
            if cycle not in work["images"]:
                raise MissingError(
                    f"Cycle {cycle} has no image of channel '{batch['channels'][cycle]}' here; it "
                    "is not aligned."
                )
            site = (plate, well, number)
            located = work["images"][cycle]
            image = open_located(self.path, site, int(cycle), located, batch["version"], readers)
            correct = self.path / "illumination" if args.illumcorr else None
            channel = batch["channels"][cycle]
            t = min(image.t_of(channel), default=0)
            try:
                stack = read_prepared(
                    image, channel, t, site=site, cycle=int(cycle), correct=correct
                )
            except MissingError as error:
                if correct and not IlluminationStore(correct).find(channel, *site, int(cycle), t):
                    raise
                raise MissingError(
                    f"Cycle {cycle} has no image of channel '{channel}' here; what else it has "
                    "takes the shift of its neighbours."
                ) from error
            return _flattened(stack, args)

        try:
            for work in batch["work"]:
                self.go_on()
                plate, well, number = work["site"]
                found: list[dict[str, Any]] = []
                errors = 0
                try:
                    reference = read(work, str(args.ref_cycle))
                except (MissingError, NotFoundError, FormatError) as error:
                    failures.append(failure(plate, well, number, error))
                    continue
                for cycle in batch["channels"]:
                    y, x, quality = 0.0, 0.0, None
                    if int(cycle) != args.ref_cycle:
                        try:
                            shift = find_shift(reference, read(work, cycle))
                        except (MissingError, NotFoundError, FormatError) as error:
                            failures.append(failure(plate, well, number, error))
                            errors += 1
                            if cycle not in work["images"]:
                                continue
                            quality = 0.0  # other channels are there: `repaired` finds their place
                        else:
                            y, x, quality = shift.y, shift.x, shift.quality
                    found.append(
                        {"cycle": int(cycle), "measured_y_px": y, "measured_x_px": x}
                        | {"quality": quality}
                    )
                place = dict(zip(SITE, work["site"], strict=True))
                key = "" if errors else work["key"]  # what lacks a cycle is looked at again
                rows += [{**place, **row, "source": key} for row in found]
        finally:
            close_readers(readers)
        return JobResult(failures, {"rows": rows})

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Judge all shifts plate by plate, and store them."""
        args = AlignArguments.model_validate(batch["args"])
        experiment = self.experiment
        experiment.catalogue.set_failures(self.name, failures_of(results))
        new = pd.DataFrame([row for result in results for row in result.facts["rows"]])
        old = experiment.shifts.table()
        settings = args.model_dump()
        if new.empty and experiment.shifts.facts().get("settings", settings) == settings:
            return []
        there = set(map(tuple, experiment.catalogue.sites()[SITE].to_numpy().tolist()))
        redone = set() if new.empty else set(zip(*(new[name] for name in SITE), strict=True))
        places = list(zip(*(old[name] for name in SITE), strict=True))
        kept = old[[place in there and place not in redone for place in places]]
        columns = [*SITE, "cycle", "measured_y_px", "measured_x_px", "quality", "source"]
        parts = [part[columns] for part in (kept, new) if len(part)]
        measured = pd.concat(parts, ignore_index=True) if parts else old[columns]
        measured["quality"] = measured["quality"].astype(float)
        table = repaired(measured, min_quality=args.min_quality, max_shift=args.max_shift)
        counts = table.groupby(["cycle", "state"]).size()
        experiment.shifts.write(
            table, {"program": f"napari-tmaps {__version__}", "settings": settings}
        )
        notes = []
        for cycle in sorted(set(table["cycle"]) - {args.ref_cycle}):
            mine = table[(table["cycle"] == cycle) & (table["state"] == "measured")]
            states = {
                state: int(counts.get((cycle, state), 0)) for state in ("repaired", "unknown")
            }
            text = f"Cycle {cycle}: {len(mine)} sites aligned"
            if len(mine):
                far = np.median(np.hypot(mine["y_px"], mine["x_px"]))
                text += f", shifted by {far:.1f} px, correlation {mine['quality'].median():.2f}"
            text += "".join(f"; {number} {state}" for state, number in states.items() if number)
            notes.append(Progress(self.name, 0, 0, f"{text}."))
        return notes

    def delete_previous_job_output(self) -> None:
        """Forget all shifts; results that were made with them stay."""
        self.experiment.shifts.remove()


def _known(table: pd.DataFrame) -> dict[Site, str]:
    """Digest with which each site was aligned."""
    rows = table[[*SITE, "source"]].itertuples(index=False, name=None)
    return {(plate, well, int(site)): source for plate, well, site, source in rows}


def _flattened(stack: npt.NDArray[Any], args: AlignArguments) -> npt.NDArray[Any]:
    """One plane of a stack (z, y, x), bright dirt clipped if asked for."""
    if args.projection == "middle":
        plane = stack[len(stack) // 2]
    elif args.projection == "max" or len(stack) == 1:
        plane = stack.max(axis=0)
    else:
        plane = stack.mean(axis=0, dtype=np.float32)
    if args.robust_align:
        if plane.dtype.kind == "u" and plane.itemsize <= 2:
            limit: Any = percentile(histogram(plane), args.rescale_percentile)
        else:
            limit = np.percentile(plane, args.rescale_percentile)
        plane = np.minimum(plane, plane.dtype.type(limit))
    return np.asarray(plane)
