"""Metadata as they were corrected: laid over what the microscope's files say, which stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_tmaps.model.channels import name_in_cycle

TOP = ("pixel_size_um", "z_step_um")
"""Facts of an acquisition with a place of their own; the others are in its "metadata"."""

Row = dict[str, Any]
"""One corrected value: when, who, of (a place in words), acquisition (number) or channel (name),
field, recorded, old, new; new is None where a person went back to what is recorded."""


@dataclass(frozen=True)
class Overlay:
    """Corrected values by field: of acquisitions (by number) and channels (by name)."""

    acquisitions: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Overlay:
        """What corrections come to that were made one after the other."""
        acquisitions: dict[int, dict[str, Any]] = {}
        channels: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["channel"] is not None:
                own = channels.setdefault(row["channel"], {})
            else:
                own = acquisitions.setdefault(row["acquisition"], {})
            own.pop(row["field"], None)
            if row["new"] is not None:
                own[row["field"]] = row["new"]
        return cls(acquisitions, channels)

    def on_acquisition(
        self, number: int, facts: Mapping[str, Any], cycles: range | None
    ) -> dict[str, Any]:
        """The facts of an acquisition.

        Parameters
        ----------
        cycles
            Those that it may have, where channels are called by their cycle.
        """
        own = self.acquisitions.get(number, {})
        top = {name: value for name, value in own.items() if name in TOP}
        others = {name: value for name, value in own.items() if name not in TOP}
        channels = [self._on_source(channel, cycles) for channel in facts["channels"]]
        metadata = {**facts["metadata"], **others}
        return {**facts, **top, "channels": channels, "metadata": metadata}

    def _on_source(self, facts: dict[str, Any], cycles: range | None) -> dict[str, Any]:
        """The facts of a channel under the name that the microscope gave it."""
        name = facts["name"]
        names = (
            [name]
            if cycles is None
            else [name_in_cycle(name, cycle, "multiplexing") for cycle in cycles]
        )
        known = next((known for known in names if known in self.channels), name)
        return {**self.on_channel(known, facts), "name": name}

    def on_channel(self, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts of the channel that has this name in the experiment."""
        return {**facts, **self.channels.get(name, {})}


RECORDED = Overlay()
"""Nothing corrected: what the microscope's files say."""


def value_in(facts: Mapping[str, Any], name: str) -> Any:
    """A field of an acquisition's facts; None where nobody knows it."""
    return facts[name] if name in TOP else facts["metadata"].get(name)
