"""Objects that a person corrected, site by site, with a journal that every change can be undone by.

    corrections/journal.jsonl                                    one line an event; only added to
    corrections/edits/000012.npz                                 labels of the part before and after
    corrections/labels/<type>/<plate>/<well>/<site>_t<t>.npz     the site as it was corrected last

The journal is written before the labels: what was interrupted is finished when it is next opened.
What was corrected is kept beside the labels, so that no later analysis can take it away.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.store.exclusions import user_name
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.streams.mounts import bring

Labels = npt.NDArray[np.int32]
Box = tuple[int, int, int, int, int, int]
"""First and one past the last z, y, x."""


class SiteObjects(NamedTuple):
    """The objects of one type at one site and time point."""

    object_type: str
    plate: str
    well: str
    site: int
    t: int = 0

    def __str__(self) -> str:
        """E.g. "Nuclei of p1 B03 site 2"."""
        moment = f", t = {self.t}" if self.t else ""
        return f"{self.object_type} of {self.plate} {self.well} site {self.site}{moment}"


@dataclass(frozen=True, slots=True)
class Edit:
    """One saved change.

    Attributes
    ----------
    number
        From 1; the file of its labels.
    when, who
        ISO time (UTC), name of the account.
    box
        First and one past the last z, y, x of the part that changed.
    gone, made
        Labels that differ: those that were there before, those that are there now.
    is_undone
        Whether it was taken back, and not done again since.
    """

    number: int
    when: str
    who: str
    place: SiteObjects
    box: Box
    gone: tuple[int, ...]
    made: tuple[int, ...]
    is_undone: bool = False

    @property
    def touched(self) -> tuple[int, ...]:
        """Labels whose pixels differ."""
        return tuple(sorted({*self.gone, *self.made}))

    def sentence(self) -> str:
        """E.g. "3 Nuclei of p1 B03 site 2, changed by anna"."""
        return f"{len(self.touched)} {self.place}, changed by {self.who}"


class Corrections:
    """The corrections of one experiment.

    Parameters
    ----------
    who
        Who changes something; empty takes the name of the account.

    Raises
    ------
    FormatError
        The journal is damaged.
    """

    def __init__(self, experiment: Experiment, who: str = "") -> None:
        self._experiment = experiment
        self._who = who or user_name()
        self._root = experiment.path / "corrections"
        if experiment.mirror is None:
            self._finish()

    # -- what there is --------------------------------------------------------------------------

    def edits(self) -> list[Edit]:
        """All changes in order, also those that were undone; those that were replaced are not."""
        found: list[Edit] = []
        for event in self._events():
            if event["event"] == "edit":
                # As in any editor: who changes something after an undo cannot redo.
                found = [edit for edit in found if not edit.is_undone]
                found.append(edit_of(event))
            elif event["event"] != "written":
                undone = event["event"] == "undo"
                found = [
                    replace(edit, is_undone=undone) if edit.number == event["number"] else edit
                    for edit in found
                ]
        return found

    def last(self) -> Edit | None:
        """The change that `undo` would take back."""
        return next((edit for edit in reversed(self.edits()) if not edit.is_undone), None)

    def next(self) -> Edit | None:
        """The change that `redo` would do again."""
        return next((edit for edit in self.edits() if edit.is_undone), None)

    def corrected(self) -> list[SiteObjects]:
        """Where objects are corrected, in the order in which it was begun."""
        return list(dict.fromkeys(edit.place for edit in self.edits() if not edit.is_undone))

    def truth(self, place: SiteObjects) -> Labels:
        """The objects as they were corrected, (z, y, x), whatever was analysed since.

        Raises
        ------
        NotFoundError
            They are not corrected.
        FormatError
            The file is damaged.
        """
        path = self._kept(place)
        if place not in self.corrected() or not path.is_file():
            raise NotFoundError(f"There are no corrections of {place}.")
        return _load(path)["labels"]

    # -- changing -------------------------------------------------------------------------------

    def save(self, place: SiteObjects, before: Labels, after: Labels) -> Edit | None:
        """Keep a change; only the part that differs is written.

        Parameters
        ----------
        before
            Labels (z, y, x) as they were when the person began.
        after
            As they are to be.

        Returns
        -------
        Edit
            None if nothing differs.

        Raises
        ------
        NotFoundError
            There are no such objects.
        InputError
            The shapes differ, or somebody else has changed the objects meanwhile.
        StorageError
            The disk refuses.
        """
        self._check(place, before, after)
        box = changed_box(before, after)
        if box is None:
            return None
        part = slices(box)
        where = np.nonzero(before != after)
        events = self._events()
        number = 1 + max((event["number"] for event in events), default=0)
        edit = Edit(
            number,
            datetime.now(UTC).isoformat(timespec="microseconds"),
            self._who,
            place,
            box,
            _labels_in(before[where]),
            _labels_in(after[where]),
        )
        path = self._file(number)
        with replacing(path) as temporary, disk_errors(path), temporary.open("wb") as file:
            np.savez_compressed(file, before=before[part], after=after[part])
        self._add({"event": "edit", **facts_of(edit)})
        self._write(edit, after[part])
        return edit

    def undo(self) -> Edit:
        """Take the last change back, wherever and whenever it was made.

        Raises
        ------
        NotFoundError
            There is none.
        InputError
            The objects are others since.
        """
        return self._again(self.last(), "undo", "after", "before")

    def redo(self) -> Edit:
        """Do again what was undone last.

        Raises
        ------
        NotFoundError
            There is none.
        InputError
            The objects are others since.
        """
        return self._again(self.next(), "redo", "before", "after")

    # -- inside ---------------------------------------------------------------------------------

    def _again(self, edit: Edit | None, event: str, have: str, want: str) -> Edit:
        if edit is None:
            raise NotFoundError(f"There is no correction to {event}.")
        stored = _load(self._file(edit.number))
        now = self._part(edit)
        if not np.array_equal(now, stored[have]):
            raise InputError(
                f"The {edit.place} are others than those that were corrected: the site was "
                "analysed since. Nothing is changed; the correction is kept."
            )
        when = datetime.now(UTC).isoformat(timespec="microseconds")
        self._add({"event": event, "number": edit.number, "when": when, "who": self._who})
        self._write(edit, stored[want])
        return replace(edit, is_undone=event == "undo")

    def _check(self, place: SiteObjects, before: Labels, after: Labels) -> None:
        check_shapes(before, after)
        if after.size and (after.min() < 0 or after.max() > _MOST):
            raise InputError(f"Labels are whole numbers from 0 to {_MOST:,}.")
        now = self._experiment.labels(*place[1:4], place.object_type, t=place.t)
        if not np.array_equal(now, before):
            raise InputError(
                f"The {place} have been changed by somebody else meanwhile. Open them again; what "
                "you painted is not saved."
            )

    def _write(self, edit: Edit, region: Labels) -> None:
        """Labels of the part, and the site beside them as it is then."""
        place, (front, _, top, _, left, _) = edit.place, edit.box
        folder = self._experiment.plate(place.plate)
        for n, plane in enumerate(region):
            folder.update_labels(
                place.well,
                place.site,
                place.object_type,
                (place.t, front + n),
                (top, left),
                np.ascontiguousarray(plane),
            )
        path = self._kept(place)
        if place in self.corrected():
            labels = self._experiment.labels(*place[1:4], place.object_type, t=place.t)
            with replacing(path) as temporary, disk_errors(path), temporary.open("wb") as file:
                np.savez_compressed(file, labels=labels)
        else:
            remove(path)
        self._add({"event": "written", "number": edit.number})

    def _part(self, edit: Edit) -> Labels:
        place = edit.place
        labels = self._experiment.labels(*place[1:4], place.object_type, t=place.t)
        return labels[slices(edit.box)]

    def _finish(self) -> None:
        """Write the labels of the last event, if the program was ended in between."""
        events = self._events()
        if not events or events[-1]["event"] == "written":
            return
        last = events[-1]
        edits = (event for event in events if event["event"] == "edit")
        edit = next(edit for edit in map(edit_of, edits) if edit.number == last["number"])
        stored = _load(self._file(edit.number))
        try:
            now = self._part(edit)
        except NotFoundError:  # the objects were removed since
            return
        if ((now == stored["before"]) | (now == stored["after"])).all():
            self._write(edit, stored["before" if last["event"] == "undo" else "after"])

    def _events(self) -> list[dict[str, Any]]:
        path = self._root / "journal.jsonl"
        if not path.is_file():
            return []
        # A line without its end was being written when the power failed: its labels were not.
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise FormatError(f"'{path}' is damaged: {error}. Restore it from a copy.") from error

    def _add(self, event: dict[str, Any]) -> None:
        path = self._root / "journal.jsonl"
        line = json.dumps(event, ensure_ascii=False) + "\n"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                file.seek(0)
                whole = file.read().rfind(b"\n") + 1
                file.truncate(whole)  # also what could not be added as a whole now goes next time
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())

    def _file(self, number: int) -> Path:
        return self._root / "edits" / f"{number:06d}.npz"

    def _kept(self, place: SiteObjects) -> Path:
        folder = self._root / "labels" / place.object_type / place.plate / place.well
        return folder / f"{place.site}_t{place.t}.npz"


_MOST = (1 << 16) - 1
"""More objects of a site have no number of their own on the map of a plate."""


def check_shapes(before: Labels, after: Labels) -> None:
    """Refuse labels of another shape.

    Raises
    ------
    InputError
        The shapes differ.
    """
    if before.shape != after.shape:
        raise InputError(f"Labels of shape {after.shape} cannot take the place of {before.shape}.")


def changed_box(before: Labels, after: Labels) -> Box | None:
    """The part (z, y, x) that differs, as of `Edit.box`; None if nothing does."""
    where = np.nonzero(before != after)
    if not where[0].size:
        return None
    front, end, top, bottom, left, right = (
        int(n) for at in where for n in (at.min(), at.max() + 1)
    )
    return front, end, top, bottom, left, right


def facts_of(edit: Edit) -> dict[str, Any]:
    """A change as JSON values; see `edit_of`."""
    facts = {key: value for key, value in asdict(edit).items() if key != "is_undone"}
    return {**facts, "place": list(edit.place)}


def edit_of(event: dict[str, Any]) -> Edit:
    """A change from JSON values."""
    object_type, plate, well, site, t = event["place"]
    return Edit(
        event["number"],
        event["when"],
        event["who"],
        SiteObjects(object_type, plate, well, site, t),
        tuple(event["box"]),
        tuple(event["gone"]),
        tuple(event["made"]),
        event.get("is_undone", False),
    )


def _labels_in(pixels: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(label) for label in np.unique(pixels) if label)


def slices(box: Iterable[int]) -> tuple[slice, slice, slice]:
    """A part (z, y, x) as index of an array."""
    z0, z1, y0, y1, x0, x1 = box
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)


def _load(path: Path) -> dict[str, Labels]:
    try:
        with np.load(bring(path)) as stored:
            return dict(stored)
    except StorageError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"'{path}' is damaged or gone: {error}.") from error
