"""What a person corrects in the metadata of an experiment, and which values are doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from napari_tmaps.errors import InputError

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)]


def _pair(value: Any) -> Any:
    """One number stands for a square pixel."""
    return (value, value) if isinstance(value, (int, float)) else value


class _Edits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def given(self, *but: str) -> dict[str, Any]:
        """The fields that were given, as JSON values; None: back to what is recorded."""
        values = self.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in values.items() if name not in but}


class ChannelEdits(_Edits):
    """Facts of a channel; a field that is not given stays as it is, None goes back."""

    fluorophore: Annotated[str, Field(pattern=r"\S", max_length=200)] | None = None
    excitation_nm: _Positive | None = None
    emission_nm: _Positive | None = None
    exposure_ms: _Positive | None = None
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None


class MetadataEdits(_Edits):
    """Corrections of what the microscope's files say.

    A field that is not given stays as it is; None goes back to what the files say.

    Attributes
    ----------
    plate, acquisition
        Where sizes and the objective are corrected; empty: of all plates, of all acquisitions.
    pixel_size_um
        Height and width of a pixel in µm; one number is both.
    z_step_um
        Distance of the z planes in µm.
    objective, description
        In the user's words.
    channels
        By name; a channel is the same in all acquisitions.
    """

    plate: str = ""
    acquisition: str = ""
    pixel_size_um: Annotated[tuple[_Positive, _Positive], BeforeValidator(_pair)] | None = None
    z_step_um: _Positive | None = None
    objective: str | None = None
    magnification: _Positive | None = None
    numerical_aperture: _Positive | None = None
    description: str | None = None
    channels: Mapping[str, ChannelEdits] = {}

    @classmethod
    def of(cls, /, **values: Any) -> Self:
        """The edits from plain values.

        Raises
        ------
        InputError
            There is no such field, or a value cannot be one of it.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(_told(error)) from error

    def of_acquisitions(self) -> dict[str, Any]:
        """The fields that belong to acquisitions, as JSON values."""
        return self.given("plate", "acquisition", "channels")

    def of_channels(self) -> dict[str, dict[str, Any]]:
        """The fields of each channel, as JSON values."""
        return {name: edits.given() for name, edits in self.channels.items() if edits.given()}


class Correctable(NamedTuple):
    """How a field is called and written.

    `low` and `high` are what is plausible.
    """

    title: str
    unit: str
    low: float = 0.0
    high: float = float("inf")


FIELDS: Mapping[str, Correctable] = {
    "pixel_size_um": Correctable("pixel size", "µm", 0.01, 50.0),
    "z_step_um": Correctable("z step", "µm", 0.02, 200.0),
    "objective": Correctable("objective", ""),
    "magnification": Correctable("magnification", "×", 0.5, 250.0),
    "numerical_aperture": Correctable("numerical aperture", "", 0.01, 1.7),
    "description": Correctable("description", ""),
    "fluorophore": Correctable("fluorophore", ""),
    "excitation_nm": Correctable("excitation", "nm", 200.0, 1400.0),
    "emission_nm": Correctable("emission", "nm", 250.0, 1400.0),
    "exposure_ms": Correctable("exposure", "ms", 0.01, 600_000.0),
    "color": Correctable("colour", ""),
}
"""All fields that can be corrected, those of acquisitions first."""
OF_CHANNELS = tuple(ChannelEdits.model_fields)


class Doubt(NamedTuple):
    """A value that is hardly meant; `channel` is empty for fields of acquisitions."""

    channel: str
    field: str
    message: str


def value_text(field: str, value: Any) -> str:
    """A value as people read it: "0.65 × 0.65 µm", "not known"."""
    if value is None or value == "":
        return "not known"
    numbers = value if isinstance(value, (list, tuple)) else [value]
    text = " × ".join(f"{n:.6g}" if isinstance(n, (int, float)) else str(n) for n in numbers)
    return f"{text} {FIELDS[field].unit}".rstrip()


def doubts(edits: MetadataEdits) -> list[Doubt]:
    """Values that no microscope has, as far as we know; they need a "yes"."""
    found = [Doubt("", *doubt) for doubt in _implausible(edits.of_acquisitions())]
    size = edits.pixel_size_um
    if size is not None and max(size) > 1.5 * min(size):
        message = (
            f"A pixel of {value_text('pixel_size_um', size)} is no square; cameras have square "
            "ones."
        )
        found.append(Doubt("", "pixel_size_um", message))
    for name, values in edits.of_channels().items():
        found += [Doubt(name, *doubt) for doubt in _implausible(values)]
        light, seen = values.get("excitation_nm"), values.get("emission_nm")
        if light is not None and seen is not None and seen <= light:
            message = (
                f"The emission of '{name}' ({seen:g} nm) is not of a longer wave than its "
                f"excitation ({light:g} nm)."
            )
            found.append(Doubt(name, "emission_nm", message))
    return found


def _implausible(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        field = FIELDS[name]
        numbers = value if isinstance(value, list) else [value]
        for number in dict.fromkeys(numbers):
            if not isinstance(number, float) or field.low <= number <= field.high:
                continue
            text = (
                f"{field.title[0].upper()}{field.title[1:]}: {number:g} {field.unit}".rstrip()
                + f" is not between {field.low:g} and {field.high:g}"
            )
            if field.unit == "µm" and field.low <= number / 1000 <= field.high:
                text += f". Are these nanometres, and {number / 1000:g} µm is meant?"
            yield name, text if text.endswith("?") else f"{text}."


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    names = [part for part in place if part in FIELDS]
    channel = f"Channel '{place[1]}': " if place[0] == "channels" and len(place) > 2 else ""
    if not names:
        known = ", ".join(FIELDS)
        return f"{channel}'{place[-1]}' cannot be corrected; there are {known}."
    field, value = FIELDS[names[-1]], first["input"]
    if names[-1] == "color":
        return f"{channel}'{value}' is no colour; write it as #RRGGBB, e.g. #00FF00."
    wanted = "a number greater than 0" if field.high < float("inf") else "a text"
    unit = f" (in {field.unit})" if field.unit else ""
    if names[-1] == "pixel_size_um":
        wanted = "one number greater than 0, or two for height and width"
    return f"{channel}{value!r} is no {field.title}; give {wanted}{unit}."
