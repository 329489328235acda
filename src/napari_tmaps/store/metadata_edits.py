"""Corrections of what the microscope's files say of an experiment: sizes, objective, channels.

What the files say stays as it is recorded; corrections are laid over it wherever it is read, so
that adding a folder again, or running a step again, undoes none. Each is kept with who, when, and
the value before: in the catalogue, and for other programs in `metadata/edits.json`.

First the catalogue takes the corrections, in one transaction: from then on they hold. Then all
files that tell of them are written, each whole or not at all. Who is killed in between leaves the
catalogue knowing of it: whatever works on the experiment next carries it out first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, NotFoundError, unknown
from napari_tmaps.model.layout import shared_places, staged_places
from napari_tmaps.model.metadata_edits import FIELDS, MetadataEdits, doubts
from napari_tmaps.model.overlay import RECORDED, TOP, Overlay, Row, value_in
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.catalogue.layout import STITCHING
from napari_tmaps.store.edited_values import differences
from napari_tmaps.store.exclusions import user_name
from napari_tmaps.store.experiment import FIRST_STEP
from napari_tmaps.store.mapcarried import carry_map, keys_of_map
from napari_tmaps.store.mapfiles import read_state
from napari_tmaps.store.mapplan import MapPlan, plan_map
from napari_tmaps.store.plan import ImagePlan, ImagePlanner
from napari_tmaps.streams.atomic import remove, write_json

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

STAGE = "metadata"


def edit_metadata(
    experiment: Experiment, edits: MetadataEdits, *, sure: bool = False, who: str = ""
) -> Generator[Progress, None, list[str]]:
    """Correct metadata; to be done while nothing else works on the experiment.

    Parameters
    ----------
    sure
        Take values that are doubtful, too.
    who
        Empty takes the name of the user's account.

    Returns
    -------
    list
        What follows from it, in sentences; empty if everything was like that already.

    Raises
    ------
    NotFoundError
        There is no such plate, acquisition or channel.
    InputError
        A value is doubtful, or the acquisitions of a plate would differ in their sizes.
    """
    yield from carry_out(experiment)
    rows = changes(experiment, edits)
    questions = doubts(edits)
    if questions and not sure:
        told = " ".join(question.message for question in questions)
        raise InputError(f"{told} If that is really so, say yes to it (--yes, or sure=True).")
    if not rows:
        return []
    notes = consequences(experiment, rows)
    when, name = datetime.now(UTC).isoformat(timespec="seconds"), who or user_name()
    catalogue = experiment.catalogue
    signed = [{"when": when, "who": name, **row} for row in rows]
    places = _moved_places(experiment, rows)
    catalogue.correct_metadata(signed, places, _layout_notes(experiment, places))
    yield from carry_out(experiment)
    return notes


def changes(experiment: Experiment, edits: MetadataEdits) -> list[Row]:
    """The values that edits would change, checked as a whole; nothing is stored.

    Raises
    ------
    NotFoundError, InputError
        See `edit_metadata`; doubtful values are let through.
    """
    rows = [*_of_acquisitions(experiment, edits), *_of_channels(experiment, edits)]
    _refuse_differences(experiment, rows)
    return rows


def _of_acquisitions(experiment: Experiment, edits: MetadataEdits) -> Iterator[Row]:
    catalogue = experiment.catalogue
    overlay, recorded = catalogue.overlay(), catalogue.acquisitions(RECORDED)
    plates = experiment.plate_names()
    if edits.plate and edits.plate not in plates:
        raise unknown("plate", edits.plate, plates)
    if edits.plate:
        recorded = recorded[recorded["plate"] == edits.plate]
    if edits.acquisition and edits.acquisition not in set(recorded["name"]):
        raise unknown("acquisition", edits.acquisition, dict.fromkeys(recorded["name"]))
    if edits.acquisition:
        recorded = recorded[recorded["name"] == edits.acquisition]
    depths = catalogue.depths()
    for field, value in edits.of_acquisitions().items():
        chosen = recorded.to_dict("records")
        if field == "z_step_um":
            chosen = [row for row in chosen if depths.get(row["id"], 1) > 1]
            if not chosen:
                raise InputError("There is no stack here: a single z plane has no z step.")
        for row in chosen:
            before = value_in(row["facts"], field)
            change = _change(field, value, before, overlay.acquisitions.get(row["id"], {}))
            if change:
                of = f"{row['plate']} {row['name']}"
                yield {"of": of, "acquisition": row["id"], "channel": None, **change}


def _of_channels(experiment: Experiment, edits: MetadataEdits) -> Iterator[Row]:
    table = experiment.catalogue.channels(RECORDED)
    known: dict[str, Any] = dict(zip(table["name"], table["facts"], strict=True))
    overlay = experiment.catalogue.overlay()
    for name, values in edits.of_channels().items():
        if not known:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no layout yet, and so no channels. Convert it "
                f"first: tmaps convert {experiment.path.name}."
            )
        if name not in known:
            raise unknown("channel", name, known)
        for field, value in values.items():
            change = _change(field, value, known[name].get(field), overlay.channels.get(name, {}))
            if change:
                yield {"of": name, "acquisition": None, "channel": name, **change}


def _change(
    field: str, value: Any, recorded: Any, corrected: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What changes in a field; None if nothing does."""
    old = corrected.get(field, recorded)
    new = None if value == recorded else value  # what is recorded needs no correction
    if new == corrected.get(field):
        return None
    return {"field": field, "recorded": recorded, "old": old, "new": new}


def _after(experiment: Experiment, rows: Sequence[Row]) -> Overlay:
    return Overlay.of([*experiment.catalogue.metadata_edits(), *rows])


def _touched(experiment: Experiment, rows: Sequence[Row], *fields: str) -> list[str]:
    """Plates of which an acquisition changes in one of some fields."""
    numbers = {row["acquisition"] for row in rows if row["field"] in fields}
    table = experiment.catalogue.acquisitions(RECORDED)
    return list(dict.fromkeys(table.loc[table["id"].isin(numbers), "plate"]))


def _refuse_differences(experiment: Experiment, rows: Sequence[Row]) -> None:
    """Refuse that acquisitions of a plate have other sizes than each other, one being corrected."""
    after = _after(experiment, rows)
    plates = {field: _touched(experiment, rows, field) for field in TOP}
    for plate, field, told in differences(experiment, after):
        own = experiment.catalogue.acquisitions(RECORDED)
        numbers = own.loc[own["plate"] == plate, "id"]
        corrected = any(field in after.acquisitions.get(number, {}) for number in numbers)
        if plate in plates[field] and corrected:  # else it goes back to whatever is recorded
            raise InputError(
                f"The {FIELDS[field].title} of plate '{plate}' would be {told}. They lie in one "
                "picture, so they need the same: correct it for the whole plate."
            )


def _moved_places(experiment: Experiment, rows: Sequence[Row]) -> list[tuple[int, int, int]]:
    """Sites (id) that get another place (y, x) in the grid, because pixels have another size."""
    after, catalogue = _after(experiment, rows), experiment.catalogue
    acquisitions, sites = catalogue.acquisitions(after), catalogue.sites()
    moved: list[tuple[int, int, int]] = []
    for plate in _touched(experiment, rows, "pixel_size_um"):
        own = sites[sites["plate"] == plate]
        if own.empty:  # no layout yet
            continue
        y, x = _pixel_of(acquisitions, plate)
        places, known = staged_places(own.assign(pixel_y_um=y, pixel_x_um=x))
        other = known & (places != own[["y", "x"]].to_numpy()).any(axis=1)
        ids = own["id"].to_numpy()[other].tolist()
        moved += [(n, *place) for n, place in zip(ids, places[other].tolist(), strict=True)]
    return moved


def _layout_notes(experiment: Experiment, places: Sequence[tuple[int, int, int]]) -> list[str]:
    """Notes on the layout, once some sites have another place in the grid."""
    sites = experiment.catalogue.sites()
    now = sites.set_index("id")
    for number, y, x in places:
        now.loc[number, ["y", "x"]] = [y, x]
    before = shared_places(sites)
    notes = [note for note in experiment.catalogue.get("layout_notes", []) if note not in before]
    return [*notes, *shared_places(now)]


def _pixel_of(acquisitions: pd.DataFrame, plate: str) -> tuple[float, float]:
    facts = acquisitions.loc[acquisitions["plate"] == plate, "facts"]
    y, x = next((f["pixel_size_um"] for f in facts if f["pixel_size_um"]), (np.nan, np.nan))
    return y, x


def consequences(experiment: Experiment, rows: Sequence[Row]) -> list[str]:
    """What follows from changed values, in sentences: before it is done."""
    after, catalogue = _after(experiment, rows), experiment.catalogue
    notes = []
    plates = _touched(experiment, rows, *TOP)
    types = catalogue.object_types()
    analysed = {pipeline for pipeline, plate, *_ in catalogue.analysed_sources() if plate in plates}
    old = types.loc[types["pipeline"].isin(analysed), "name"].tolist()
    if old:
        notes.append(
            f"Measured with the former size, and marked stale: {', '.join(old)}. Run the pipeline "
            "again; until then their features keep their values."
        )
    for plate in plates:
        state = read_state(experiment.path / "maps" / plate)
        if state:
            now, then = plan_map(experiment, plate), plan_map(experiment, plate, after)
            if state["image"] == now.folder and not _same_picture(now, then):
                notes.append(
                    f"Sites of plate '{plate}' lie elsewhere in its map: build it again "
                    "(illuminati)."
                )
        if catalogue.get(STITCHING):
            notes.append(
                f"Sites of plate '{plate}' may be stitched, which was done with the former size: "
                "run metaconfig again with stitch."
            )
    return notes


def _same_picture(one: MapPlan, other: MapPlan) -> bool:
    return (one.sites, one.grid, one.size) == (other.sites, other.grid, other.size)


# -- carrying it out ----------------------------------------------------------------------------


def carry_out(experiment: Experiment) -> Iterator[Progress]:
    """Write the corrections that the catalogue has taken into the files, if they are not there yet.

    Nothing is made twice: what was interrupted goes on.
    """
    catalogue = experiment.catalogue
    former = catalogue.former_overlay()
    if former is None:
        return
    digests: dict[str, str] = {}
    moved: set[str] = set()
    placed: set[tuple[str, str, int]] = set()
    total = len(catalogue.acquired())
    for done, (plan, then) in enumerate(_pairs(experiment, former), 1):
        yield Progress(STAGE, done, max(done, total), f"{plan['well']} site {plan['site']}")
        if plan["source"] == then["source"]:
            continue
        digests[plan["source"]] = then["source"]
        folder, site = experiment.plate(plan["plate"]), (plan["plate"], plan["well"], plan["site"])
        if _lies_elsewhere(plan, then):
            moved.add(plan["source"])
            if site not in placed:
                placed.add(site)
                folder.place_labels(then)
        try:
            folder.describe_image(then, plan["source"])
        except (NotFoundError, FormatError):  # not converted, or damaged: to be converted (again)
            continue
    catalogue.replace_sources({old: new for old, new in digests.items() if old not in moved})
    catalogue.mark_stale(
        {
            pipeline
            for pipeline, *_, sources in catalogue.analysed_sources()
            if moved & set(sources.values())
        }
    )
    for plate in experiment.plate_names():
        _carry_map(experiment, plate, former, {new: old for old, new in digests.items()})
    _forget_documents(experiment, former)
    write_json(experiment.path / "metadata" / "edits.json", {"edits": catalogue.metadata_edits()})
    catalogue.set_carried_out()


def _pairs(experiment: Experiment, former: Overlay) -> Iterator[tuple[ImagePlan, ImagePlan]]:
    """Plans of images as they were, and as they are now."""
    try:
        before, now = ImagePlanner(experiment, overlay=former), ImagePlanner(experiment)
    except NotFoundError:  # no layout yet
        return
    yield from zip(before.plans(), now.plans(), strict=True)


def _lies_elsewhere(plan: ImagePlan, then: ImagePlan) -> bool:
    return (plan["pixel_size_um"], plan["translation_um"]) != (
        then["pixel_size_um"],
        then["translation_um"],
    )


def _carry_map(
    experiment: Experiment, plate: str, former: Overlay, back: Mapping[str, str]
) -> None:
    """Keep the map of a plate where its sites lie in it as they did."""
    if not read_state(experiment.path / "maps" / plate):
        return
    before, now = plan_map(experiment, plate, former), plan_map(experiment, plate)
    if before.folder == now.folder or not _same_picture(before, now):
        return
    keys = keys_of_map(experiment, before, back)
    if keys is not None:
        carry_map(experiment, plate, keys)


def _forget_documents(experiment: Experiment, former: Overlay) -> None:
    """Remove the OME-XML of acquisitions that are described anew; metaextract writes it again."""
    before, now = (experiment.catalogue.acquisitions(overlay) for overlay in (former, None))
    gone = 0
    for row, facts in zip(now.to_dict("records"), before["facts"], strict=True):
        if row["facts"] != facts:
            folder = experiment.path / "metadata" / row["plate"] / row["name"]
            for archive in sorted(folder.glob("omexml-*.zip")):
                remove(archive)
                gone += 1
    if gone:
        experiment.catalogue.set_jobs(FIRST_STEP, [])
