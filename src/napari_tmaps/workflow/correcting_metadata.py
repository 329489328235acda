"""Metadata corrected while nothing else is at work, and the OME-XML written anew."""

from __future__ import annotations

from collections.abc import Generator

from napari_tmaps.model.metadata_edits import MetadataEdits
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.metadata_edits import STAGE, edit_metadata
from napari_tmaps.workflow.local import run_step
from napari_tmaps.workflow.lock import coordinating
from napari_tmaps.workflow.metaextract import MetadataExtractor, MetaextractArguments

WHAT = "a correction of metadata"


def correct_metadata(
    experiment: Experiment, edits: MetadataEdits, *, sure: bool = False, who: str = ""
) -> Generator[Progress, None, list[str]]:
    """Correct metadata; see `store.metadata_edits`. On the server, if the experiment is there.

    Closing the generator stops it: what the catalogue has taken is carried out by the next step.

    Raises
    ------
    NotFoundError, InputError
        See there.
    ExistsError
        Something is at work on the experiment.
    StorageError
        The server does not let the user, or cannot be reached.
    """
    mirror = experiment.mirror
    if mirror is not None:
        mirror.check_may_write()
        yield Progress(STAGE, 0, 0)
        body = {"edits": edits.model_dump(mode="json", exclude_unset=True), "sure": sure}
        told: list[str] = mirror.ask("PUT", "/metadata", body=body)["data"]
        experiment.refresh()
        return told
    written = any((experiment.path / "metadata").glob("*/*/omexml-*.zip"))
    with coordinating(experiment.path, WHAT):
        notes = yield from edit_metadata(experiment, edits, sure=sure, who=who)
    if written:
        yield from run_step(MetadataExtractor(experiment), MetaextractArguments())
    return notes
