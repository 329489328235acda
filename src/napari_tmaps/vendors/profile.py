"""Import profiles: read, written, and applied to a scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import yaml
from pydantic import ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.planes import Oddity, Scan, dense, sort_planes
from napari_tmaps.model.profile import TEXTS, ImportProfile, parse_condition, parse_range
from napari_tmaps.streams.atomic import write_text
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.channelnames import rename_channels
from napari_tmaps.vendors.containers import well_in


def load_profile(path: Path | str) -> ImportProfile:
    """Read a profile from a YAML file.

    Raises
    ------
    NotFoundError
        There is no such file.
    StorageError
        It cannot be read.
    FormatError
        It is no YAML.
    InputError
        A field that does not exist, or a value that does not fit; all of them are named.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no profile '{path}'. Check the path.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"'{path}' is no YAML: {reason}. Correct it in a text editor.") from error
    if not isinstance(content, dict):
        raise FormatError(f"'{path}' is no profile: it must have lines such as 'plate: Screen 7'.")
    try:
        return ImportProfile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"Profile '{path}': {_problems(error)}") from error


def _problems(error: ValidationError) -> str:
    texts = []
    for detail in error.errors(include_url=False):
        where = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            known = ", ".join(ImportProfile.model_fields)
            texts.append(f"there is no field '{where}'; fields are {known}.")
        else:
            text = detail["msg"].removeprefix("Value error, ")
            texts.append(f"{f'field {where!r}: ' if where else ''}{text}.")
    return " ".join(texts)


def save_profile(profile: ImportProfile, path: Path | str) -> None:
    """Write a profile as YAML, without what it leaves as it is; whole or not at all.

    Raises
    ------
    StorageError
        The disk is full, or refuses.
    """
    values = profile.model_dump(mode="json", exclude_defaults=True)
    write_text(Path(path), yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def apply_profile(scan: Scan, profile: ImportProfile) -> Scan:
    """The scan as the profile corrects it; nothing is corrected silently in vain.

    Raises
    ------
    InputError
        A correction that applies to nothing, or leaves nothing or numbers below 0.
    NotFoundError
        A new name for a channel that does not exist.
    """
    result = _selected(scan, profile)
    result = rename_channels(result, profile.channels)
    planes = result.planes
    if profile.plate is not None:
        if len(result.plates) > 1:
            raise InputError(
                f"The profile names the plate '{profile.plate}', but there are "
                f"{len(result.plates)} plates: {', '.join(result.plates)}. Exclude the others, or "
                "leave the name out."
            )
        planes = planes.assign(plate=profile.plate)
    planes = _shifted(planes, profile)
    planes = _placed(planes, profile)
    if profile.z_step_um is not None and planes["z"].nunique() < 2:
        raise InputError("The profile gives a z step, but there is only one z plane. Remove it.")
    return replace(
        result,
        planes=sort_planes(planes),
        pixel_size_um=profile.pixel_size_um or result.pixel_size_um,
        z_step_um=profile.z_step_um or result.z_step_um,
        metadata={
            **result.metadata,
            "profile": profile.model_dump(mode="json", exclude_defaults=True),
        },
    )


# -- which planes ---------------------------------------------------------------------------


def _selected(scan: Scan, profile: ImportProfile) -> Scan:
    """The scan without what is not included or is excluded, and what is then odd about it."""
    planes = scan.planes
    keep = pd.Series(not profile.include, index=planes.index)
    for condition in profile.include:
        keep |= _matching(planes, condition, "include")
    for condition in profile.exclude:
        keep &= ~_matching(planes, condition, "exclude")
    if keep.all():
        return scan
    if not keep.any():
        raise InputError("The profile leaves out all planes. Correct 'include' and 'exclude'.")
    kept = planes[keep].reset_index(drop=True)
    for name in ("z", "t", "cycle"):
        kept[name] = dense(kept[name])
    kept = sort_planes(kept)
    before = {*checks.gaps(planes), *checks.mixed(planes)}
    note = Oddity("ignored", f"{int((~keep).sum())} planes are left out by the import profile.")
    return replace(
        scan,
        planes=kept,
        channels=tuple(c for c in scan.channels if c.name in set(kept["channel"])),
        oddities=(
            *checks.gaps(kept),
            *checks.mixed(kept),
            *(oddity for oddity in scan.oddities if oddity not in before),
            note,
        ),
    )


def _matching(planes: pd.DataFrame, condition: str, field: str) -> pd.Series:
    found = pd.Series(True, index=planes.index)
    for name, value in parse_condition(condition).items():
        if name in TEXTS:
            wanted = (well_in(value) or value) if name == "well" else value
            known = planes[name].unique()
            found &= planes[name].isin([text for text in known if fnmatchcase(text, wanted)])
        else:
            found &= planes[name].between(*parse_range(value))
    if not found.any():
        raise InputError(
            f"The condition '{condition}' under '{field}' of the profile meets no plane. "
            f"{_what_there_is(planes, parse_condition(condition))}"
        )
    return found


def _what_there_is(planes: pd.DataFrame, names: Iterable[str]) -> str:
    texts = []
    for name in names:
        values = [str(value) for value in planes[name].unique()]
        more = " …" if len(values) > 8 else ""
        texts.append(f"{name}: {', '.join(values[:8])}{more}")
    return f"There are: {'; '.join(texts)}."


# -- corrections ----------------------------------------------------------------------------


def _shifted(planes: pd.DataFrame, profile: ImportProfile) -> pd.DataFrame:
    for name, step in profile.shift.model_dump().items():
        if int(planes[name].min()) + step < 0:
            raise InputError(
                f"The profile shifts {name} by {step}, but the lowest is {planes[name].min()}: "
                "numbers cannot be below 0."
            )
        planes = planes.assign(**{name: planes[name] + step})
    return planes


def _placed(planes: pd.DataFrame, profile: ImportProfile) -> pd.DataFrame:
    """The planes with the stage the right way round, or without it where a grid is stated."""
    for axis, flip in (("y", profile.flip_y), ("x", profile.flip_x)):
        column = f"stage_{axis}_um"
        if flip and planes[column].isna().all():
            raise InputError(
                f"The profile has flip_{axis}, but there are no stage positions. Remove it, or "
                "state the grid."
            )
        if flip:
            planes = planes.assign(**{column: 0.0 - planes[column]})
    if profile.grid is None:
        return planes
    sites = planes.groupby(["plate", "well"])["site"].nunique()
    places = profile.grid.n_vertical * profile.grid.n_horizontal
    wrong = sites[sites.ne(places)].reset_index()
    if len(wrong):
        first, grid = wrong.iloc[0], profile.grid
        raise InputError(
            f"The grid of the profile has {grid.n_vertical} × {grid.n_horizontal} = {places} "
            f"places, but well {first['well']} has {first['site']} sites."
        )
    return planes.assign(stage_y_um=float("nan"), stage_x_um=float("nan"))
