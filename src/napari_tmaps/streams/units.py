"""Units of length and time: names of OME-NGFF, symbols of OME-XML, and how large each is."""

from __future__ import annotations

from napari_tmaps.errors import InputError

_PREFIXES = {
    "yocto": ("y", 1e-24), "zepto": ("z", 1e-21), "atto": ("a", 1e-18), "femto": ("f", 1e-15),
    "pico": ("p", 1e-12), "nano": ("n", 1e-9), "micro": ("µ", 1e-6), "milli": ("m", 1e-3),
    "centi": ("c", 1e-2), "deci": ("d", 1e-1), "": ("", 1.0), "hecto": ("h", 1e2),
    "kilo": ("k", 1e3), "mega": ("M", 1e6), "giga": ("G", 1e9), "tera": ("T", 1e12),
    "peta": ("P", 1e15), "exa": ("E", 1e18), "zetta": ("Z", 1e21), "yotta": ("Y", 1e24),
}  # fmt: skip

LENGTHS = {f"{name}meter": (f"{symbol}m", size) for name, (symbol, size) in _PREFIXES.items()} | {
    "angstrom": ("Å", 1e-10), "inch": ("in", 0.0254), "foot": ("ft", 0.3048),
    "yard": ("yd", 0.9144), "mile": ("mi", 1609.344), "parsec": ("pc", 3.0856775814913673e16),
}  # fmt: skip
"""NGFF name → (OME symbol, metres)."""

TIMES = {f"{name}second": (f"{symbol}s", size) for name, (symbol, size) in _PREFIXES.items()} | {
    "minute": ("min", 60.0), "hour": ("h", 3600.0), "day": ("d", 86400.0),
}  # fmt: skip
"""NGFF name → (OME symbol, seconds)."""

_OTHER_SPELLINGS = {
    "um": "micrometer", "μm": "micrometer", "u": "micrometer", "micron": "micrometer",
    "microns": "micrometer", "a": "angstrom", "A": "angstrom", "us": "microsecond",
    "μs": "microsecond", "usec": "microsecond", "µsec": "microsecond", "msec": "millisecond",
    "sec": "second", "hr": "hour",
}  # fmt: skip


def ngff_unit(text: str, kind: str) -> str:
    """The NGFF name of a unit of "space" or "time", however it is spelt.

    >>> ngff_unit("um", "space"), ngff_unit("Millimeter", "space"), ngff_unit("s", "time")
    ('micrometer', 'millimeter', 'second')

    Raises
    ------
    InputError
        There is no such unit of that kind.
    """
    known = LENGTHS if kind == "space" else TIMES
    symbols = {symbol: name for name, (symbol, _) in known.items()}
    word = text.lower() if len(text) > 2 else text
    for table in (symbols, _OTHER_SPELLINGS):
        word = table.get(text, table.get(word, word))
    word = word.replace("metre", "meter").removesuffix("s") if word not in known else word
    if word not in known:
        raise InputError(
            f"'{text}' is no known unit of {kind}. There are: {', '.join(sorted(known))}, their "
            "symbols, and um."
        )
    return word


def kind_of_unit(text: str) -> str | None:
    """What a unit measures: "space", "time", or None if neither."""
    for kind in ("space", "time"):
        try:
            ngff_unit(text, kind)
        except InputError:
            continue
        return kind
    return None


def to_micrometers(value: float | None, unit: str | None) -> float | None:
    """A length in µm; None where it, or its unit, is unknown. `unit` is an NGFF name."""
    if value is None or unit not in LENGTHS:
        return None
    size = LENGTHS[unit][1]
    return value if size == 1e-6 else value * (size / 1e-6)


def to_seconds(value: float | None, unit: str | None) -> float | None:
    """A time in s; None where it, or its unit, is unknown. `unit` is an NGFF name."""
    return None if value is None or unit not in TIMES else value * TIMES[unit][1]
