"""What the editor of metadata shows, worked out from an experiment and what was typed: no Qt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.metadata_edits import FIELDS, OF_CHANNELS, MetadataEdits, value_text
from napari_tmaps.model.overlay import RECORDED, Overlay, value_in
from napari_tmaps.store.experiment import Experiment

Key = tuple[str, str]
"""Channel ("" for what belongs to the acquisition) and field."""
_BETWEEN = re.compile(r"\s*[;x×*]\s*|,?\s+")


class Reach(StrEnum):
    """Of what a size or the objective is corrected; the value is the word that is shown."""

    ACQUISITION = "this acquisition"
    PLATE = "all acquisitions of the plate"
    EXPERIMENT = "all plates"


@dataclass(frozen=True)
class Value:
    """One value that can be corrected.

    Attributes
    ----------
    key
        Channel and field.
    now, recorded
        As it is, and as the microscope's files say; None where it is not known.
    corrected
        Whether a correction holds.
    """

    key: Key
    now: Any
    recorded: Any
    corrected: bool

    @property
    def title(self) -> str:
        """How the field is called, with its unit."""
        field = FIELDS[self.key[1]]
        name = field.title[0].upper() + field.title[1:]
        return name + (f" ({field.unit})" if field.unit else "")


def read_values(experiment: Experiment, plate: str, acquisition: str) -> tuple[Value, ...]:
    """All values of an acquisition, and of the channels of the experiment.

    Raises
    ------
    NotFoundError
        There is no such acquisition.
    """
    return tuple(_values(experiment, plate, acquisition))


def _values(experiment: Experiment, plate: str, acquisition: str) -> Iterator[Value]:
    catalogue = experiment.catalogue
    table = catalogue.acquisitions(RECORDED)
    names = [f"{of}/{name}" for of, name in table[["plate", "name"]].to_numpy()]
    if f"{plate}/{acquisition}" not in names:
        raise unknown("acquisition", f"{plate}/{acquisition}", names)
    row = table.iloc[names.index(f"{plate}/{acquisition}")]
    overlay, number = catalogue.overlay(), int(row["id"])
    has_stack = catalogue.depths().get(number, 1) > 1
    for field in FIELDS:
        if field not in OF_CHANNELS and (has_stack or field != "z_step_um"):
            recorded = value_in(row["facts"], field)
            yield _value("", field, recorded, overlay.acquisitions.get(number, {}))
    channels = catalogue.channels(RECORDED)
    for name, facts in channels[["name", "facts"]].to_numpy():
        for field in OF_CHANNELS:
            yield _value(str(name), field, facts.get(field), _of(overlay, str(name)))


def _of(overlay: Overlay, channel: str) -> Mapping[str, Any]:
    return overlay.channels.get(channel, {})


def _value(channel: str, field: str, recorded: Any, corrected: Mapping[str, Any]) -> Value:
    now = corrected.get(field, recorded)
    return Value((channel, field), now, recorded, field in corrected)


def edit_text(field: str, value: Any) -> str:
    """A value as it is typed; "" where it is not known."""
    if value is None:
        return ""
    if field == "pixel_size_um":
        y, x = value
        return f"{y:.6g}" if y == x else f"{y:.6g} × {x:.6g}"
    return f"{value:.6g}" if isinstance(value, (int, float)) else str(value)


def shown_text(field: str, value: Any) -> str:
    """A value as it is shown beside its title, which has the unit."""
    return edit_text(field, value) or value_text(field, None)


def edits_of(typed: Mapping[Key, str], reach: Reach, plate: str, acquisition: str) -> MetadataEdits:
    """What was typed as edits; an empty text goes back to what is recorded.

    Raises
    ------
    InputError
        A text cannot be a value of its field.
    """
    own: dict[str, Any] = {}
    channels: dict[str, dict[str, Any]] = {}
    for (channel, field), text in typed.items():
        of = channels.setdefault(channel, {}) if channel else own
        of[field] = _parsed(field, text.strip())
    return MetadataEdits.of(
        plate="" if reach is Reach.EXPERIMENT else plate,
        acquisition=acquisition if reach is Reach.ACQUISITION else "",
        channels=channels,
        **own,
    )


def _parsed(field: str, text: str) -> Any:
    if not text:
        return None
    if FIELDS[field].high == float("inf"):  # words
        return text
    parts = _BETWEEN.split(text) if field == "pixel_size_um" else [text]
    try:
        numbers = [float(part.replace(",", ".")) for part in parts]  # "0,65" is a number, too
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def faults(typed: Mapping[Key, str]) -> dict[Key, str]:
    """What is wrong with what was typed, at each field."""
    found = {}
    for key, text in typed.items():
        try:
            edits_of({key: text}, Reach.PLATE, "", "")
        except InputError as error:
            found[key] = str(error)
    return found
