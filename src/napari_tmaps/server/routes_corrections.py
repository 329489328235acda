"""What people decide by hand: sites that are excluded, objects that are corrected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.progress import finish_noting
from napari_tmaps.pipeline.correcting import Correcting, correct, redo, undo
from napari_tmaps.server.access import Caller, Reading, Server, ServerOf, Writing, alone
from napari_tmaps.server.arrays import array_of
from napari_tmaps.store.corrections import Corrections, SiteObjects, facts_of
from napari_tmaps.store.exclusions import change, excluded, history
from napari_tmaps.store.experiment import Experiment

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["by hand"])

Number = Annotated[int, Field(ge=0, le=10**6)]


class Decision(BaseModel):
    """Sites (plate, well, number) to leave out of the analysis or take in again, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["exclude", "include"]
    sites: list[tuple[str, str, Number]] = Field(min_length=1, max_length=100_000)
    reason: str = Field(min_length=1, max_length=10_000)


class Correction(BaseModel):
    """A part of the labels of a site as it was, and as it is to be.

    `before` and `after` are arrays (z, y, x) as .npy or .npz in base64, `corner` the first z, y, x.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    object_type: str = Field(max_length=100)
    plate_name: str = Field(max_length=200)
    well_name: str = Field(max_length=10)
    site: Number
    tpoint: Number = 0
    corner: tuple[Number, Number, Number]
    before: str
    after: str


@router.get("/exclusions")
def get_exclusions(experiment: Reading) -> dict[str, Any]:
    """Sites that are excluded now, and all that was ever decided."""
    sites = excluded(experiment.catalogue)
    return {
        "data": {
            "excluded": [[*site, reason] for site, reason in sites.items()],
            "history": history(experiment.catalogue).to_dict("records"),
        }
    }


@router.post("/exclusions")
def add_exclusions(
    server: ServerOf, user: Caller, experiment: Writing, decision: Decision
) -> dict[str, str]:
    """Exclude sites or include them again; kept with the name of the user."""
    with server.uploading:
        change(experiment.catalogue, decision.action, decision.sites, decision.reason, user)
    return {"message": "ok"}


@router.get("/corrections")
def get_corrections(experiment: Reading) -> dict[str, Any]:
    """All changes of objects by hand, in order."""
    edits = Corrections(experiment).edits()
    return {"data": [{**facts_of(edit), "is_undone": edit.is_undone} for edit in edits]}


@router.post("/corrections")
def add_correction(
    server: ServerOf, user: Caller, experiment: Writing, new: Correction
) -> dict[str, Any]:
    """Change objects of a site, and measure those that are touched anew.

    Refused if the part is not `before` any more: somebody else has changed it.
    """
    place = SiteObjects(new.object_type, new.plate_name, new.well_name, new.site, new.tpoint)
    seen, wanted = array_of(new.before, "before"), array_of(new.after, "after")
    for name, part in (("before", seen), ("after", wanted)):
        if part.ndim != 3 or part.dtype.kind not in "iu":
            raise InputError(
                f"'{name}' must be whole numbers (z, y, x), not {part.dtype} of {part.shape}."
            )
        if part.size and not 0 <= part.min() <= part.max() < 1 << 31:
            raise InputError(f"'{name}' has numbers that no labels have.")

    def make() -> Correcting:
        whole = experiment.labels(*place[1:4], place.object_type, t=place.t)
        part = tuple(slice(n, n + size) for n, size in zip(new.corner, seen.shape, strict=True))
        if whole[part].shape != seen.shape or seen.shape != wanted.shape:
            raise InputError(
                f"A part of shape {seen.shape} at {new.corner} is none of labels of {whole.shape}."
            )
        before, after = whole.copy(), whole.copy()
        before[part], after[part] = seen, wanted
        return correct(experiment, place, before, after, user)

    return _done(server, experiment, make)


@router.post("/corrections/undo")
def undo_correction(server: ServerOf, user: Caller, experiment: Writing) -> dict[str, Any]:
    """Take the last change back, wherever it was made."""
    return _done(server, experiment, lambda: undo(experiment, user))


@router.post("/corrections/redo")
def redo_correction(server: ServerOf, user: Caller, experiment: Writing) -> dict[str, Any]:
    """Do again what was undone last."""
    return _done(server, experiment, lambda: redo(experiment, user))


def _done(server: Server, experiment: Experiment, make: Callable[[], Correcting]) -> dict[str, Any]:
    with alone(server, experiment, "a correction"):
        edit, notes = finish_noting(make())
    facts = None if edit is None else {**facts_of(edit), "is_undone": edit.is_undone}
    return {"data": {"edit": facts, "notes": notes}}
