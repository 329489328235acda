"""Other names for plates and acquisitions, wherever an experiment has them; nothing is made anew.

The catalogue first remembers what is planned. Then files are put right, each in a way that may be
done twice, the long work (tables) before the short (folders). At last the catalogue takes the name,
and forgets the plan in the same transaction. Who opens the experiment after a crash goes on.

That images, fields and maps are up to date is known by digests. These have the first name of a
plate (`Catalogue.first_names`), so that a new name leaves all of them as they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.errors import ExistsError, NotFoundError, unknown
from napari_tmaps.store.catalogue.names import NewName
from napari_tmaps.store.features import readable, write_columns
from napari_tmaps.store.names import UPLOADS, check_name
from napari_tmaps.store.plate_map import FILE, HISTORY
from napari_tmaps.streams import ngff
from napari_tmaps.streams.atomic import disk_errors, replacing, write_json, write_text

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment


def rename_plate(experiment: Experiment, old: str, new: str) -> None:
    """Give a plate another name; to be done while nothing else works on the experiment.

    Raises
    ------
    NotFoundError
        There is no such plate.
    InputError
        It cannot be the name of a plate.
    ExistsError
        Another plate has that name, or had it and left files.
    """
    _rename(experiment, NewName(old, "", new), "a plate", _plates(experiment))


def rename_acquisition(experiment: Experiment, plate: str, old: str, new: str) -> None:
    """Give an acquisition of a plate another name; as `rename_plate`.

    Raises
    ------
    NotFoundError, InputError, ExistsError
        See `rename_plate`.
    """
    plates = _plates(experiment)
    if plate not in plates:
        raise unknown("plate", plate, sorted(plates))
    table = experiment.catalogue.acquisitions()
    known = {*table.loc[table["plate"] == plate, "name"]}
    known |= _folders(experiment.path / UPLOADS / plate)
    _rename(experiment, NewName(plate, old, new), f"an acquisition of plate '{plate}'", known)


def finish_renaming(experiment: Experiment) -> None:
    """Do what is planned, if anything is; after a crash, what was begun."""
    if experiment.catalogue.planned_name() is None:
        return
    with experiment.catalogue.renaming(experiment.path / UPLOADS) as name:
        if name is None:  # somebody else did it meanwhile
            return
        if not name.acquisition:
            _in_files(experiment, name)
        for old, new in _moves(experiment.path, name):
            if old.exists():
                with disk_errors(new):
                    old.replace(new)


def _plates(experiment: Experiment) -> set[str]:
    return {*experiment.plate_names(), *_folders(experiment.path / UPLOADS)}


def _folders(path: Path) -> set[str]:
    if not path.is_dir():
        return set()
    return {each.name for each in path.iterdir() if each.is_dir() and each.name[0] != "."}


def _rename(experiment: Experiment, name: NewName, kind: str, known: Iterable[str]) -> None:
    old, names = name.acquisition or name.plate, set(known)
    if old not in names:
        raise unknown(kind.partition(" ")[2], old, sorted(names))
    if name.new == old:
        return
    check_name(kind.split()[1], name.new)
    if name.new in names:
        raise ExistsError(f"There is {kind} '{name.new}' already. Choose another name.")
    for _, path in _moves(experiment.path, name):
        if path.exists():
            raise ExistsError(
                f"'{path}' is there already, of something that had that name. Choose another name, "
                "or remove it."
            )
    experiment.catalogue.plan_name(name)
    finish_renaming(experiment)


def _moves(root: Path, name: NewName) -> list[tuple[Path, Path]]:
    """All files and folders that are called by the name, and what they shall be called."""
    if name.acquisition:
        here, there = (_of_acquisition(root, name.plate, n) for n in (name.acquisition, name.new))
    else:
        here, there = (_of_plate(root, each) for each in (name.plate, name.new))
    return list(zip(here, there, strict=True))


def _of_acquisition(root: Path, plate: str, name: str) -> list[Path]:
    uploads = root / UPLOADS
    folders = (root / "metadata", uploads, uploads / ".parts")
    return [*(each / plate / name for each in folders), uploads / ".about" / plate / f"{name}.json"]


def _of_plate(root: Path, name: str) -> list[Path]:
    uploads = root / UPLOADS
    about = uploads / ".about"
    folders = [root / "maps", root / "metadata", uploads, uploads / ".parts", about]
    folders += sorted((root / "corrections" / "labels").glob("*"))
    tables = [*sorted((root / "features").glob("*")), *sorted((root / "results").glob("*/*"))]
    return [
        root / "plates" / f"{name}.ome.zarr",
        about / f"{name}.json",
        *(folder / name for folder in folders),
        *(folder / f"plate={name}" for folder in tables),
    ]


# -- what stands in files ------------------------------------------------------------------------


def _in_files(experiment: Experiment, name: NewName) -> None:
    root = experiment.path
    of_plate = f"features/*/plate={name.plate}/*.parquet"
    for pattern in (of_plate, "selections/*.parquet", "results/*/*/wells.parquet"):
        for path in sorted(root.glob(pattern)):
            _in_parquet(path, name.plate, name.new)
    for file in (FILE, HISTORY, "alignment/shifts.csv"):
        _in_csv(root / file, name.plate, name.new)
    _in_lines(root / "corrections" / "journal.jsonl", name.plate, name.new)
    _in_fields(experiment, name.plate, name.new)
    _in_zarr(root / "plates" / f"{name.plate}.ome.zarr", _plate_block, name.new)
    for image in sorted((root / "maps" / name.plate).glob("*.ome.zarr")):
        _in_zarr(image, _first_image, name.new)


def _in_parquet(path: Path, old: str, new: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with readable(path):
        table = pq.read_table(path, partitioning=None)
    if "plate" not in table.column_names:
        return
    column = table["plate"]
    texts = column.cast(pa.string())
    mine = pc.equal(texts, old)
    if not pc.any(mine).as_py():
        return
    changed = pc.if_else(mine, new, texts).cast(column.type)
    table = table.set_column(table.column_names.index("plate"), "plate", changed)
    with replacing(path) as temporary, disk_errors(path):
        write_columns(table, temporary)


def _in_csv(path: Path, old: str, new: str) -> None:
    if not path.is_file():
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if "plate" not in names:
        return
    at = names.index("plate")
    for row in rows[1:]:
        if len(row) > at and row[at] == old:
            row[at] = new
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def _in_lines(path: Path, old: str, new: str) -> None:
    """In a journal; a last line that was cut off stays so."""
    if not path.is_file():
        return
    *whole, rest = path.read_text(encoding="utf-8").split("\n")
    lines = []
    for line in whole:
        event: dict[str, Any] = json.loads(line)
        if event.get("place", [None, None])[1] == old:
            event["place"][1] = new
            line = json.dumps(event, ensure_ascii=False)
        lines.append(line)
    write_text(path, "\n".join([*lines, rest]))


def _in_fields(experiment: Experiment, old: str, new: str) -> None:
    store = experiment.illumination
    entries = store.entries()
    mine = [entry for entry in entries if entry.plate == old]
    for entry in mine:
        write_json(
            store.path / entry.folder / "statistics.json", {**store.statistics(entry), "plate": new}
        )
    if mine:
        store.set_entries(
            replace(entry, plate=new) if entry.plate == old else entry for entry in entries
        )


def _plate_block(attributes: dict[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = attributes.get("plate", {})
    return block


def _first_image(attributes: dict[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = next(iter(attributes.get("multiscales", [])), {})
    return block


def _in_zarr(path: Path, block: Callable[[dict[str, Any]], dict[str, Any]], new: str) -> None:
    try:
        attributes = ngff.read_attributes(path)
    except NotFoundError:
        return
    block(attributes)["name"] = new
    version = "0.5" if (path / "zarr.json").is_file() else "0.4"
    ngff.write_group(path, attributes, version)
