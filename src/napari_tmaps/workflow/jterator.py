"""jterator: a pipeline over sites; labels and features out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from napari_tmaps.errors import FormatError, MissingError, NotFoundError, PipelineError
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.version import __version__
from napari_tmaps.model.words import counted
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.own import check_allowed, folders_of
from napari_tmaps.pipeline import check
from napari_tmaps.pipeline.find import find_pipeline
from napari_tmaps.store.corrections import Corrections
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.images import close_readers, open_readers
from napari_tmaps.store.plan import source_folders
from napari_tmaps.store.sites import Locator
from napari_tmaps.streams.atomic import remove, write_json
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.fit import check_images, times_left_out
from napari_tmaps.workflow.site_analysis import analyse_site
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


class JteratorArguments(BatchArguments):
    """Arguments of jterator."""

    batch_size: Annotated[int, Field(ge=1, description="sites per job")] = 100
    pipeline: Annotated[
        str,
        Field(
            description="name of a pipeline of the experiment or of a ready one, or a file; may be "
            "left out where the experiment has only one"
        ),
    ] = ""
    corrected_sites: Annotated[
        Literal["keep", "replace"],
        Field(
            description="sites whose objects were corrected by hand: keep leaves them as they are; "
            "replace analyses them again, and the corrections can be put back"
        ),
    ] = "keep"


class PipelineRunner(Step):
    """Runs one pipeline over all sites, or over chosen ones.

    Parameters
    ----------
    pipeline
        None takes the one that the arguments name.
    sites
        (plate, well, site) of the sites to analyse; None means all.
    """

    name = "jterator"
    stage = "image_analysis"
    requires = ("metaconfig",)
    uses = ("corilla", "align")
    all_done = "All sites are analysed already."
    Arguments = JteratorArguments

    def __init__(
        self,
        experiment: Experiment,
        pipeline: PipelineDescription | None = None,
        *,
        sites: Collection[Site] | None = None,
    ) -> None:
        super().__init__(experiment, sites=sites)
        self._pipeline = pipeline

    @classmethod
    def for_collect(cls, experiment: Experiment, batch: Batch) -> PipelineRunner:
        """The step that collects the results of the pipeline that was begun."""
        return cls(experiment, PipelineDescription.model_validate(batch["pipeline"]))

    def _load(self, args: JteratorArguments) -> PipelineDescription:
        return self._pipeline or find_pipeline(self.path, args.pipeline)

    def check(self, args: JteratorArguments) -> None:
        """Refuse a pipeline that is not there or cannot be read.

        Raises
        ------
        NotFoundError
            There is no such pipeline.
        PipelineError
            The file is no pipeline.
        """
        self._load(args)

    def frees_interpreter(self, args: JteratorArguments) -> bool:
        """True unless the pipeline has a module of the user, of which nobody knows.

        Our own modules spend their time in compiled code, where threads run side by side.
        """
        return all(call.module in MODULES for _, call in self._load(args).active())

    def _corrected(self, pipeline: PipelineDescription) -> list[str]:
        """Channels that the pipeline wants corrected.

        Raises
        ------
        PipelineError
            The experiment has no illumination statistics of one of them.
        """
        corrected = [item.name for item in pipeline.input.channels if item.correct]
        known = {entry.channel for entry in self.experiment.illumination.entries()}
        lacking = [name for name in corrected if name not in known]
        if lacking:
            raise PipelineError(
                f"Pipeline '{pipeline.name}' asks for illumination correction of "
                f"{', '.join(lacking)}, but the experiment has no illumination statistics of it. "
                "Compute them with the step corilla, or set 'correct: false' for these channels."
            )
        return corrected

    @property
    def _parts(self) -> Path:
        return self.path / "workflow" / self.name / "parts"

    def create_collect_batch(self, args: BatchArguments) -> Batch:
        """The whole pipeline, for its file may change while the jobs run."""
        assert isinstance(args, JteratorArguments)
        pipeline = self._load(args).model_dump(mode="json")
        return {**super().create_collect_batch(args), "pipeline": pipeline}

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """The sites of a batch."""
        return [tuple(work["site"]) for work in batch["work"]]

    def create_run_batches(self, args: JteratorArguments) -> Iterator[Batch]:
        """Batches of sites that were not analysed like this yet.

        Raises
        ------
        NotFoundError
            There are no converted images.
        PipelineError
            The pipeline cannot run on this experiment; no image was read.
        """
        experiment = self.experiment
        sites = experiment.catalogue.sites()
        if sites.empty:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no sites yet. Convert it first: "
                f"tmaps convert {experiment.path.name}."
            )
        pipeline = self._load(args)
        checked = check(
            pipeline,
            channels=experiment.catalogue.channel_names(),
            objects=tuple(experiment.catalogue.object_types()["name"]),
        )
        corrected = self._corrected(pipeline)
        cycle_of = experiment.catalogue.channels().set_index("name")["cycle"]
        cycles = {item.name: int(cycle_of[item.name]) for item in pipeline.input.channels}
        kept = self._kept_out(args, pipeline)
        rows = [row for row in self._all_sites() if self.is_chosen(*row) and row not in kept]
        check_images(experiment, checked, rows, cycles)
        known = experiment.catalogue.analysed()
        fields = {
            name: [f.folder for f in experiment.illumination.entries() if f.channel == name]
            for name in corrected
        }
        recipes = [step.spec.recipe(step.settings) for step in checked.steps]

        def work() -> Iterator[dict[str, Any]]:
            for row, images in Locator(experiment).find_all(rows, sorted(set(cycles.values()))):
                digests = {cycle: image["source"] for cycle, image in images.items()}
                window = experiment.shifts.window(*row)
                shifts = {} if window is None else dict(window.shifts)
                key = _key(digests, pipeline, recipes, fields, shifts)
                if known.get((pipeline.name, *row)) != key:
                    shifts_json = {str(cycle): list(shift) for cycle, shift in shifts.items()}
                    yield {"site": list(row), "key": key, "images": images, "shifts": shifts_json}

        common = {
            "sources": source_folders(experiment),
            "version": experiment.catalogue.get("ngff_version"),
            "pipeline": pipeline.model_dump(mode="json"),
            "channels": cycles,
            "modules": folders_of(step.spec.function for step in checked.steps),
        }
        for number, part in enumerate(split(work(), args.batch_size, default_workers()), 1):
            yield {"job": number, "units": len(part), "work": part, **common}

    def left_out(self, args: JteratorArguments) -> dict[Site, str]:
        """The sites that are in no batch, and why; see `create_run_batches`."""
        kept = self._kept_out(args, self._load(args))
        todo = {site for batch in self.create_run_batches(args) for site in self.sites_of(batch)}
        return {
            site: kept.get(site, "analysed already" if self.is_chosen(*site) else "not chosen")
            for site in self._all_sites()
            if site not in todo
        }

    def _all_sites(self) -> list[Site]:
        table = self.experiment.catalogue.sites()
        return [(row[0], row[1], int(row[2])) for row in table[SITE].to_numpy().tolist()]

    def _kept_out(self, args: JteratorArguments, pipeline: PipelineDescription) -> dict[Site, str]:
        """Sites that must not be analysed, and why."""
        kept: dict[Site, str] = {}
        if args.corrected_sites == "keep":
            corrected = _corrected_by_hand(self.experiment, pipeline)
            kept = dict.fromkeys(corrected, "corrected by hand")
        reasons = excluded(self.experiment.catalogue)
        return kept | {
            site: f"excluded: {reason}" if reason else "excluded"
            for site, reason in reasons.items()
        }

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Analyse the sites of one batch; a site that fails does not stop the others.

        Raises
        ------
        InputError
            The pipeline uses modules from a folder that the user of this process did not allow.
        StorageError
            The disk is full or refuses: no further site could be written either.
        """
        check_allowed(batch.get("modules", []))
        checked = check(PipelineDescription.model_validate(batch["pipeline"]))
        readers = open_readers(batch["sources"])
        failures: list[dict[str, Any]] = []
        done: list[list[Any]] = []
        tables: dict[str, list[pd.DataFrame]] = {}
        try:
            for work in batch["work"]:
                self.go_on()
                plate, well, site = work["site"]
                try:
                    features = analyse_site(self.path, checked, work, batch, readers)
                except (PipelineError, MissingError, NotFoundError, FormatError) as error:
                    failures.append(failure(plate, well, site, error))
                    continue
                for name, table in features.items():
                    tables.setdefault(name, []).append(table)
                digests = {cycle: image["source"] for cycle, image in work["images"].items()}
                done.append([plate, well, site, work["key"], digests])
        finally:
            close_readers(readers)
        features_store = FeatureStore(self.path / "features")
        parts = {}
        for name, pieces in tables.items():
            part = self._parts / batch.get("round", "") / name / f"{batch['job']:06d}.parquet"
            features_store.write_part(part, pieces)
            parts[name] = str(part.relative_to(self.path))
        return JobResult(failures, {"done": done, "parts": parts})

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Put the tables into place and store what the experiment now has."""
        pipeline = PipelineDescription.model_validate(batch["pipeline"])
        catalogue, features = self.experiment.catalogue, self.experiment.features

        def done() -> Iterator[list[Any]]:
            for result in results:
                yield from result.facts["done"]

        catalogue.set_failures(self.name, failures_of(results))
        names = [item.name for item in pipeline.output.objects]
        for name in names:
            parts = [
                self.path / result.facts["parts"][name]
                for result in results
                if name in result.facts["parts"]
            ]
            features.collect(name, parts, ((row[0], row[1], row[2]) for row in done()))
        # Only now: a collect that is ended before this is repeated as a whole.
        catalogue.set_analysed(pipeline.name, map(tuple, done()), names)
        for name in names:
            if name in features.object_types():
                catalogue.set_object_type(
                    name, pipeline.name, features.count(name), len(features.columns(name))
                )
        remove(self._parts)
        if any(True for _ in done()):
            write_json(
                self.path / "metadata" / f"pipeline-{pipeline.name}.json",
                {
                    "program": f"napari-tmaps {__version__}",
                    "pipeline": pipeline.model_dump(mode="json"),
                    "sites": sum(key[0] == pipeline.name for key in catalogue.analysed()),
                    "failed_sites": sum(1 for _ in failures_of(results)),
                },
            )
        by_hand = _corrected_by_hand(self.experiment, pipeline)
        replaced = {site for row in done() if (site := (row[0], row[1], row[2])) in by_hand}
        notes = times_left_out(self.experiment, pipeline)
        return [Progress(self.name, 0, 0, note) for note in notes] + [
            Progress(self.name, 0, 0, f"{_listed(sites)}.{what}")
            for sites, what in (
                (set(excluded(catalogue)), " Excluded by hand."),
                (by_hand - replaced, _KEPT),
                (replaced, _REPLACED),
            )
            if sites
        ]

    def delete_previous_job_output(self) -> None:
        """Remove the labels and features of all objects."""
        experiment = self.experiment
        names = {*experiment.features.object_types(), *experiment.catalogue.object_types()["name"]}
        experiment.catalogue.forget_objects(names)
        for name in names:
            experiment.features.remove(name)
        folders = {plate: experiment.plate(plate) for plate in experiment.plate_names()}
        for plate, well, site in experiment.catalogue.sites()[SITE].to_numpy().tolist():
            folders[plate].remove_labels(well, int(site), names)


_KEPT = (
    " Left as they were: their objects were corrected by hand. To analyse them again all the same, "
    "choose corrected_sites: replace."
)
_REPLACED = (
    " Analysed again, though their objects were corrected by hand. The corrections are kept: put "
    "them back with tmaps corrections --restore."
)


def _corrected_by_hand(experiment: Experiment, pipeline: PipelineDescription) -> set[Site]:
    """Sites where objects that the pipeline makes were corrected."""
    names = {item.name for item in pipeline.output.objects}
    places = Corrections(experiment).corrected()
    return {(p.plate, p.well, p.site) for p in places if p.object_type in names}


def _listed(sites: set[Site]) -> str:
    """E.g. "2 sites: p1 B02 site 1, p1 B02 site 2"."""
    first = ", ".join(f"{plate} {well} site {site}" for plate, well, site in sorted(sites)[:5])
    more = f" and {len(sites) - 5} more" if len(sites) > 5 else ""
    return f"{counted(len(sites), 'site')}: {first}{more}"


def _key(
    digests: dict[str, str],
    pipeline: PipelineDescription,
    recipes: list[str],
    fields: dict[str, list[str]],
    shifts: dict[int, tuple[int, int]],
) -> str:
    """What the result of a site depends on: its images, the pipeline and the code of its steps."""
    facts: list[Any] = [digests, pipeline.model_dump(mode="json"), __version__, recipes]
    if fields or shifts:
        facts += [fields, shifts]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
