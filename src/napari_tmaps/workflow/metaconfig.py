"""metaconfig: wells, the grid of sites, channels, cycles, z and t from the source planes.

Pixels are looked at only where sites shall be stitched: then its jobs compare neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from shlex import join
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, ValidationInfo, field_validator

from napari_tmaps.errors import InputError
from napari_tmaps.model.channels import name_in_cycle
from napari_tmaps.model.grid import StitchLayout
from napari_tmaps.model.layout import (
    GridSettings,
    assign_offsets,
    final_planes,
    find_gaps,
    site_table,
)
from napari_tmaps.model.overlay import RECORDED
from napari_tmaps.model.planes import KEY
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted
from napari_tmaps.store.edited_values import size_notes
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plan import image_plans, placed_planes
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pattern import compile_pattern
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step
from napari_tmaps.workflow.stitch import (
    WellPlan,
    measure_pairs,
    plan_wells,
    stitch_batches,
    stitched_sites,
)


class MetaconfigArguments(BatchArguments):
    """Arguments of metaconfig."""

    stitch_layout: Annotated[
        StitchLayout,
        Field(description="order in which sites were recorded, where positions are missing"),
    ] = "horizontal"
    n_vertical: Annotated[
        int, Field(ge=0, description="rows of the grid of sites; 0: from the number of sites")
    ] = 0
    n_horizontal: Annotated[
        int, Field(ge=0, description="columns of the grid of sites; 0: from the number of sites")
    ] = 0
    regex: Annotated[
        str,
        Field(
            description="regular expression that reads the names of the files anew, with the "
            "groups w, s, c, z and t (well, site, channel, plane, time point); empty: as they were "
            "understood when they were added"
        ),
    ] = ""
    mip: Annotated[
        bool, Field(description="project all z planes into one image of maximum intensity")
    ] = False
    stitch: Annotated[
        bool,
        Field(
            description="put sites of a well that overlap where their images fit, instead of where "
            "the stage says that they are"
        ),
    ] = False
    stitch_channel: Annotated[
        str, Field(description="channel to stitch by; empty: the first one")
    ] = ""
    max_shift_um: Annotated[
        float,
        Field(
            ge=0,
            description="µm; overlaps further from where the stage says are not believed. 0: no "
            "limit",
        ),
    ] = 0.0

    @field_validator("regex")
    @classmethod
    def _is_expression(cls, regex: str) -> str:
        if regex:
            try:
                compile_pattern(regex)
            except InputError as error:
                raise ValueError(str(error)) from error
        return regex

    @field_validator("stitch")
    @classmethod
    def _one_thing_at_a_time(cls, stitch: bool, info: ValidationInfo) -> bool:
        if stitch and info.data.get("regex"):
            raise ValueError(
                "names cannot be read anew and sites be stitched at once. Run metaconfig with "
                "regex first, then with stitch and an empty regex; the names stay understood"
            )
        return stitch


@dataclass(frozen=True)
class _Layout:
    """What the source planes say; `sites` by the stage."""

    offsets: dict[int, tuple[int, int]]
    planes: pd.DataFrame
    sites: pd.DataFrame
    channels: pd.DataFrame
    notes: list[str]


class MetadataConfigurator(Step):
    """Works out the layout; collect does it, for only the coordinator may store it."""

    name = "metaconfig"
    stage = "image_conversion"
    requires = ("metaextract",)
    Arguments = MetaconfigArguments

    def create_run_batches(self, args: MetaconfigArguments) -> list[Batch]:
        """Pairs of sites to compare, if they shall be stitched; the rest is in the catalogue.

        Raises
        ------
        NotFoundError
            The experiment has no acquisition, or no such channel to stitch by.
        """
        if not args.stitch:
            return []
        wells = _plan_wells(self.experiment, _lay_out(self.experiment, args), args)
        return stitch_batches(self.experiment, wells)

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Compare the sites of one batch."""
        return measure_pairs(self, batch)

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Store sites, channels, offsets and gaps.

        Raises
        ------
        NotFoundError
            The experiment has no acquisition.
        InputError
            The stated grid does not fit the number of sites.
        FormatError
            The expression fits no file.
        """
        args = MetaconfigArguments.model_validate(batch["args"])
        if args.regex:
            _read_names_anew(self.experiment, args.regex)
        catalogue = self.experiment.catalogue
        layout = _lay_out(self.experiment, args)
        sites, notes = layout.sites, layout.notes
        if args.stitch:
            wells = _plan_wells(self.experiment, layout, args)
            sites, told = stitched_sites(self.experiment, sites, wells, results, args.max_shift_um)
            notes = [*notes, *told]
        gaps = find_gaps(layout.planes)
        catalogue.set_offsets(layout.offsets)
        catalogue.set_all({"mip": args.mip, "layout_notes": notes})
        catalogue.set_layout(sites, layout.channels, gaps)
        # Several jobs may have met the same image.
        failures = {tuple(item.items()): item for done in results for item in done.failures}
        catalogue.set_failures(self.name, failures.values())
        _mark_stale(self.experiment)
        if len(gaps):
            notes = [*notes, f"Recorded as gaps: {counted(len(gaps), 'missing plane')}."]
        return [
            *(Progress(self.name, 0, 0, note) for note in (*notes, *size_notes(self.experiment))),
            *(Progress(self.name, 0, 0, text, True) for text in _damage(self.experiment)),
        ]

    def delete_previous_job_output(self) -> None:
        """Nothing lies on disk."""


def _lay_out(experiment: Experiment, args: MetaconfigArguments) -> _Layout:
    """The layout as the catalogue's planes and the arguments tell it; nothing is stored."""
    workflow_type = experiment.workflow_type
    planes = placed_planes(experiment)
    acquisitions = experiment.catalogue.acquisitions(RECORDED)  # corrections are laid over them
    groups = dict(iter(planes.groupby("acquisition_id")))
    offsets = assign_offsets(
        [(row["id"], row["plate"], groups[row["id"]]) for row in acquisitions.to_dict("records")],
        workflow_type,
    )
    numbers = planes["acquisition_id"]
    planes["t_offset"] = numbers.map({n: t for n, (t, _) in offsets.items()})
    planes["cycle_offset"] = numbers.map({n: c for n, (_, c) in offsets.items()})
    planes = final_planes(planes, workflow_type, mip=args.mip)
    grid = GridSettings(args.stitch_layout, args.n_vertical, args.n_horizontal)
    sites, notes = site_table(planes, grid)
    channels = _channels(planes, acquisitions, workflow_type)
    return _Layout(offsets, planes, sites, channels, notes)


def _plan_wells(
    experiment: Experiment, layout: _Layout, args: MetaconfigArguments
) -> list[WellPlan]:
    channel = args.stitch_channel or str(layout.channels["name"].iloc[0])
    return plan_wells(experiment, layout.planes, layout.sites, channel)


def _read_names_anew(experiment: Experiment, regex: str) -> None:
    """Understand the files of each acquisition by their names, where that changes anything."""
    columns = [*KEY, "path", "missing"]
    for row in experiment.catalogue.acquisitions().to_dict("records"):
        found = scan(row["root"], pattern=regex)
        known = experiment.catalogue.source_planes(acquisition=row["id"])[columns]
        known, new = (table.assign(plate=row["plate"]) for table in (known, found.planes[columns]))
        if set(known.itertuples(index=False)) != set(new.itertuples(index=False)):
            experiment.add(found, plate=row["plate"], acquisition=row["name"], update=True)


def _mark_stale(experiment: Experiment) -> None:
    """Mark the results that were made from other images than there are, or will be, now."""
    analysed = experiment.catalogue.analysed_sources()
    if not analysed:
        return
    now = {
        (plan["plate"], plan["well"], plan["site"], plan["cycle"]): plan["source"]
        for plan in image_plans(experiment)
    }
    experiment.catalogue.mark_stale(
        {
            pipeline
            for pipeline, plate, well, site, sources in analysed
            if any(now.get((plate, well, site, int(c))) != made for c, made in sources.items())
        }
    )


def _damage(experiment: Experiment) -> Iterator[str]:
    """What the scans said of files that are there but cannot be read, and what to do."""
    for row in experiment.catalogue.acquisitions().to_dict("records"):
        for item in row["facts"]["oddities"]:
            if item["kind"] == "unreadable":
                place = (str(experiment.path), row["root"], "--plate", row["plate"])
                again = join(["tmaps", "add", *place, "--acquisition", row["name"], "--update"])
                yield (
                    f"{item['message']} Once it is repaired, take it up: {again}; then go on with "
                    "resume."
                )


def _channels(planes: pd.DataFrame, acquisitions: pd.DataFrame, workflow_type: str) -> pd.DataFrame:
    """Channels in the order of the microscope; the first description of a name counts."""
    rows: dict[str, dict[str, Any]] = {}
    used = set(planes["channel"])
    cycles = planes.groupby("acquisition_id")["cycle"].unique()
    for acquisition in acquisitions.to_dict("records"):
        for cycle in sorted(cycles[acquisition["id"]]):
            for fact in acquisition["facts"]["channels"]:
                name = name_in_cycle(fact["name"], cycle, workflow_type)
                if name in used and name not in rows:
                    rows[name] = {
                        "name": name,
                        "wavelength": fact["name"],
                        "cycle": int(cycle),
                        "facts": {**fact, "name": name},
                    }
    return pd.DataFrame(list(rows.values()))
