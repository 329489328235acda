"""A plate for demonstrations and tests, as a microscope would write it, with its truth beside it.

`<folder>/acquisition`    what a Yokogawa CellVoyager CV8000 writes
`<folder>/ground_truth`   labels, tables and illumination as they really are
`<folder>/sample.json`    settings and files; written last, so that it tells whether all is there

Rows B, D, … of the plate hold control wells, the other rows treated ones, which have 40 % fewer
cells and 50 % more actin. The same settings give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_tmaps.errors import ExistsError, InputError, StorageError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import WellName

__all__ = ["WELLS", "generate_sample", "sample_is_complete"]

WELLS = ("B02", "B03", "B04", "C02", "C03", "C04")
_MANIFEST = "sample.json"


def generate_sample(
    folder: Path,
    *,
    wells: Sequence[str] = WELLS,
    sites: int = 4,
    size: int = 512,
    seed: int = 2024,
) -> Iterator[Progress]:
    """Write the sample plate, one event a site; do nothing if it is there already.

    A run that was interrupted is started again from the beginning.

    Parameters
    ----------
    folder
        New or empty, or that of an earlier run with the same settings.
    wells
        Wells of a 96-well plate.
    sites
        Fields of view a well, side by side in a square.
    size
        Height and width of an image in pixels of 0.325 µm.
    seed
        Another number gives other cells.

    Raises
    ------
    InputError
        A setting does not fit.
    ExistsError
        The folder holds something else, or a sample of other settings.
    StorageError
        The disk refused.
    """
    settings = _settings(wells, sites, size, seed)
    folder, total = Path(folder).expanduser(), len(settings["wells"]) * sites + 1
    _check_folder(folder, settings)
    if sample_is_complete(folder):
        yield Progress("sample", total, total, f"The sample plate is there already: '{folder}'")
        return
    from napari_tmaps.sample.field import fields
    from napari_tmaps.sample.files import SampleFiles
    from napari_tmaps.streams.atomic import write_json

    write_json(folder / _MANIFEST, {"settings": settings, "files": None})
    files, done = SampleFiles(folder), 0
    for well in settings["wells"]:
        for field in fields(WellName.parse(well), sites, size, seed):
            files.add(field)
            done += 1
            yield Progress("sample", done, total, f"Well {well}, site {field.site}")
    files.finish(settings)
    write_json(folder / _MANIFEST, {"settings": settings, "files": files.sizes})
    yield Progress("sample", total, total, f"The sample plate is written: '{folder}'")


def sample_is_complete(folder: Path) -> bool:
    """True if all files of a sample plate are there, none of them cut off."""
    sizes = (_manifest(folder) or {}).get("files")
    if not sizes:
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in sizes.items()
    )


def _settings(wells: Sequence[str], sites: int, size: int, seed: int) -> dict[str, Any]:
    from napari_tmaps.sample.index import PLATE

    names = [WellName.parse(well) for well in wells]
    for name in names:
        PLATE.check(name)
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"Wells {list(wells)} make no sample plate: name each well once, and at least one."
        )
    for what, value, least, most in (
        ("sites", sites, 1, 16),
        ("size", size, 64, 2160),
        ("seed", seed, 0, 2**32),
    ):
        if not least <= value <= most:
            raise InputError(
                f"The {what} of a sample plate cannot be {value}: give {least} to {most}."
            )
    wanted = sorted(names)
    return {"wells": [str(name) for name in wanted], "sites": sites, "size": size, "seed": seed}


def _check_folder(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse a folder that holds anything but this sample plate."""
    manifest = _manifest(folder)
    if manifest is None:
        there = "a file" if folder.is_file() else ""
        if folder.is_dir():
            there = next((f"'{path.name}'" for path in folder.iterdir()), "")
        if there:
            raise ExistsError(
                f"'{folder}' holds other things ({there}); the sample plate would mix with them. "
                "Choose a new or empty folder."
            )
    elif manifest["settings"] != settings:
        raise ExistsError(
            f"'{folder}' holds a sample plate of other settings: {manifest['settings']}, not "
            f"{settings}. Choose another folder, or delete that one first."
        )


def _manifest(folder: Path) -> dict[str, Any] | None:
    """What `sample.json` says; None without one of ours."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise StorageError(f"'{folder / _MANIFEST}' cannot be read: {error.strerror}.") from error
    return manifest if isinstance(manifest, dict) and "settings" in manifest else None
