"""Gates: which objects are meant, as data. Kept with the experiment, one JSON file a type.

gates/<type>.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_tmaps.errors import FormatError, InputError, unknown
from napari_tmaps.streams.atomic import write_json

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Gate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RangeGate(_Gate):
    """Objects whose value lies from `low` to `high`, both included."""

    kind: Literal["range"] = "range"
    column: str
    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; low must be the smaller")
        return self


class RectangleGate(_Gate):
    """Objects within a rectangle of two columns, borders included."""

    kind: Literal["rectangle"] = "rectangle"
    x: str
    y: str
    x_low: Number
    x_high: Number
    y_low: Number
    y_high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.x_low > self.x_high or self.y_low > self.y_high:
            raise ValueError("the rectangle ends before it begins; low must be the smaller")
        return self


class PolygonGate(_Gate):
    """Objects within a polygon of two columns, by the even-odd rule.

    Attributes
    ----------
    vertices
        (x, y), at least three; the last is joined to the first.
    log_x, log_y
        The edges are straight where that axis shows the logarithm.
    """

    kind: Literal["polygon"] = "polygon"
    x: str
    y: str
    vertices: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=3)]
    log_x: bool = False
    log_y: bool = False

    @model_validator(mode="after")
    def _positive(self) -> Self:
        for axis, log in enumerate((self.log_x, self.log_y)):
            if log and min(vertex[axis] for vertex in self.vertices) <= 0:
                raise ValueError("an axis with logarithms has no place for vertices up to 0")
        return self


class FilterGate(_Gate):
    """Objects for which a filter holds, e.g. "Area > 200 and well == 'B03'"."""

    kind: Literal["filter"] = "filter"
    text: str


class CombinedGate(_Gate):
    """Gates joined: in all (and), in any (or), or in none (not) of them.

    Attributes
    ----------
    gates
        Gates themselves, or names of saved ones.
    """

    kind: Literal["and", "or", "not"]
    gates: Annotated[tuple[Gate | str, ...], Field(min_length=1)]


Gate = Annotated[
    RangeGate | RectangleGate | PolygonGate | FilterGate | CombinedGate,
    Field(discriminator="kind"),
]
CombinedGate.model_rebuild()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["napari-tmaps gates 1"] = "napari-tmaps gates 1"
    gates: dict[str, Gate] = {}
    colors: dict[str, Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]] = {}


def make_gate(value: Mapping[str, Any]) -> Gate:
    """A gate from plain values, such as JSON.

    Raises
    ------
    InputError
        It is no gate; the message says what does not fit.
    """
    try:
        return _File.model_validate({"gates": {"gate": dict(value)}}).gates["gate"]
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"][3:])
        message = detail["msg"].removeprefix("Value error, ")
        raise InputError(
            f"The gate does not fit: {where + ': ' if where else ''}{message}."
        ) from error


class GateStore:
    """The named gates of one experiment.

    Parameters
    ----------
    root
        The folder `gates/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, object_type: str) -> dict[str, Gate]:
        """All gates of a type by name; none is no error.

        Raises
        ------
        FormatError
            The file is damaged.
        """
        return self._read(object_type).gates

    def colors(self, object_type: str) -> dict[str, str]:
        """ "#rrggbb" of the gates that were given a colour, by name.

        Raises
        ------
        FormatError
            The file is damaged.
        """
        return self._read(object_type).colors

    def _read(self, object_type: str) -> _File:
        path = self.root / f"{object_type}.json"
        if not path.is_file():
            return _File()
        try:
            return _File.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise FormatError(
                f"'{path}' holds no gates: {str(error).splitlines()[0]}. Correct or remove it."
            ) from error

    def save(self, object_type: str, name: str, gate: Gate, color: str = "") -> None:
        """Add a gate, or replace that of the same name.

        Parameters
        ----------
        color
            "#rrggbb"; empty leaves that of the gate of that name.

        Raises
        ------
        InputError
            The name is empty, the gate would be a part of itself, or the colour is none.
        NotFoundError
            It uses a gate that is not saved.
        """
        if not name.strip():
            raise InputError("A gate needs a name.")
        before = self._read(object_type)
        gates = {**before.gates, name: gate}
        _check_parts(name, gates, ())
        self._write(object_type, gates, before.colors | ({name: color} if color else {}))

    def rename(self, object_type: str, old: str, new: str) -> None:
        """Give a gate another name, also within the gates that use it.

        Raises
        ------
        NotFoundError
            There is no such gate.
        InputError
            The new name is empty, or that of another gate.
        """
        before = self._read(object_type)
        if old not in before.gates:
            raise unknown("gate", old, before.gates)
        if not new.strip():
            raise InputError("A gate needs a name.")
        if new != old and new in before.gates:
            raise InputError(f"There is a gate '{new}' already. Choose another name.")

        def name_of(name: str) -> str:
            return new if name == old else name

        gates = {name_of(name): _renamed(gate, name_of) for name, gate in before.gates.items()}
        colors = {name_of(name): color for name, color in before.colors.items()}
        self._write(object_type, gates, colors)

    def rename_column(self, object_type: str, old: str, new: str) -> None:
        """Have gates look at a column under its new name.

        Raises
        ------
        InputError
            A filter names the column.
        """
        before = self._read(object_type)
        gates = {name: _with_column(name, gate, old, new) for name, gate in before.gates.items()}
        if gates != before.gates:
            self._write(object_type, gates, before.colors)

    def users_of(self, object_type: str, column: str) -> list[str]:
        """Names of the gates that look at a column."""
        gates = self._read(object_type).gates
        return [name for name, gate in gates.items() if _looks_at(gate, column)]

    def remove(self, object_type: str, name: str) -> None:
        """Forget a gate.

        Raises
        ------
        NotFoundError
            There is no such gate.
        InputError
            Another gate uses it.
        """
        before = self._read(object_type)
        gates = dict(before.gates)
        if name not in gates:
            raise unknown("gate", name, gates)
        users = [other for other, gate in gates.items() if name in _parts(gate)]
        if users:
            raise InputError(f"The gate '{users[0]}' uses '{name}'. Remove '{users[0]}' first.")
        del gates[name]
        self._write(object_type, gates, before.colors)

    def _write(self, object_type: str, gates: dict[str, Gate], colors: dict[str, str]) -> None:
        kept = {name: color for name, color in colors.items() if name in gates}
        try:
            text = _File(gates=gates, colors=kept).model_dump_json()
        except ValidationError as error:
            raise InputError(
                f"{error.errors()[0]['input']!r} is no colour; write #rrggbb."
            ) from error
        write_json(self.root / f"{object_type}.json", json.loads(text))


def _renamed(gate: Gate, name_of: Callable[[str], str]) -> Gate:
    if not isinstance(gate, CombinedGate):
        return gate
    parts = tuple(
        name_of(part) if isinstance(part, str) else _renamed(part, name_of) for part in gate.gates
    )
    return CombinedGate(kind=gate.kind, gates=parts)


def _with_column(name: str, gate: Gate, old: str, new: str) -> Gate:
    if isinstance(gate, FilterGate):
        if _looks_at(gate, old):
            raise InputError(
                f"The gate '{name}' filters by '{old}': {gate.text}. Change or remove it first."
            )
        return gate
    if isinstance(gate, CombinedGate):
        parts = tuple(
            part if isinstance(part, str) else _with_column(name, part, old, new)
            for part in gate.gates
        )
        return CombinedGate(kind=gate.kind, gates=parts)
    named = ("column",) if isinstance(gate, RangeGate) else ("x", "y")
    changed = {side: new for side in named if getattr(gate, side) == old}
    return gate.model_copy(update=changed)


def _looks_at(gate: Gate, column: str) -> bool:
    if isinstance(gate, FilterGate):
        return bool(re.search(rf"(?<!\w){re.escape(column)}(?!\w)", gate.text))
    if isinstance(gate, CombinedGate):
        return any(_looks_at(part, column) for part in gate.gates if not isinstance(part, str))
    return column in ((gate.column,) if isinstance(gate, RangeGate) else (gate.x, gate.y))


def _parts(gate: Gate) -> list[str]:
    if not isinstance(gate, CombinedGate):
        return []
    return [
        name for part in gate.gates for name in ([part] if isinstance(part, str) else _parts(part))
    ]


def _check_parts(name: str, gates: Mapping[str, Gate], above: tuple[str, ...]) -> None:
    if name not in gates:
        raise unknown("gate", name, gates)
    if name in above:
        raise InputError(f"The gate '{name}' would be a part of itself. Leave it out of its parts.")
    for part in _parts(gates[name]):
        _check_parts(part, gates, (*above, name))
