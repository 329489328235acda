"""Fuzzing of all that reads the files of microscopes: damaged indexes and headers, many at a time.

A seed is a small, whole acquisition. Each trial changes some bytes, numbers or lines of some of its
files, or the name of one, scans the folder and reads a few planes. A finding is any error that is
not ours, a path that leaves the folder, more than `SLOW` seconds, or more memory than `MEMORY`.
Trials repeat exactly: they depend on the target, the seed and their number alone.

    python -m tests.vendors.fuzz [TARGET ...] [--seconds 60] [--seed 1] [--only NUMBER]
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_tmaps.errors import TmapsError
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.vendors.profile import load_profile

SLOW = 10.0
"""Seconds of processor time that a trial may take; three times that kills it."""

MEMORY = 400 << 20
"""Bytes by which a trial may raise the peak of memory."""

_LIMIT = 3 << 30

_NUMBERS = (b"0", b"-1", b"1", b"2", b"7", b"255", b"65535", b"65536", b"999999", b"2147483647",
            b"2147483648", b"4294967296", b"99999999999", b"9223372036854775808", b"-99999999999",
            b"1" * 400, b"1e5", b"1e308", b"1e999", b"-1e999", b"nan", b"inf", b"0.0", b"-0.5",
            b"0x10", b"1,5", b"", b" ", b"1_0", "٣".encode(), b"true", b"A1", b"null")  # fmt: skip
_WORDS = (b"", b"/", b"..", b"../../etc/passwd", b"C:\\x", b"\\", b"%s", b"%d%n", b"*", b"[",
          b"(?P<", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "ü".encode(), "\ud7ff".encode(), b"<",
          b">", b"&",
          b"&amp;", b"&#0;", b"&x;", b"]]>", b"<!DOCTYPE a>", b"<a>", b"</a>", b"{", b"}", b"[]",
          b"{}", b'"', b"'", b",", b"\n", b"\t", b":", b"- ", b"null", b"NaN", b"None", b"A" * 5000,
          b"ZZ99", b"A00", b"AAAA1")  # fmt: skip
_INTEGERS = (
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
)


@dataclass(frozen=True)
class Seed:
    """How to make a whole acquisition, and which of its files to damage."""

    write: Callable[[Path], Any]
    damage: tuple[str, ...]


def _copy(name: str) -> Callable[[Path], Any]:
    """Real files; skipped where they are not."""
    source = Path(__file__).resolve().parents[3] / "shared" / "data" / name

    def write(folder: Path) -> None:
        if not source.exists():
            raise FileNotFoundError(source)
        if source.is_dir():
            shutil.copytree(source, folder / source.name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, folder / source.name)

    return write


def seeds() -> dict[str, Seed]:
    import numpy as np
    import tifffile
    from tests.vendors import conftest as cellvoyager
    from tests.vendors import test_deltavision as deltavision
    from tests.vendors import test_harmony as harmony
    from tests.vendors import test_imagexpress as imagexpress
    from tests.vendors import test_incell as incell
    from tests.vendors import test_loaddata as loaddata
    from tests.vendors import test_metamorph as metamorph
    from tests.vendors import test_micromanager as micromanager
    from tests.vendors import test_named_images as named
    from tests.vendors import test_olympus as olympus
    from tests.vendors import test_ometiff as ometiff
    from tests.vendors import test_omezarr as omezarr
    from tests.vendors import test_tiffstack as tiffstack

    few = harmony.places(zs=(1,), times=(0,))

    def harmony_names(folder: Path) -> None:
        harmony.write(folder / "Images", harmony.V5, few)
        index = folder / "Images" / "Index.idx.xml"
        index.write_bytes(index.read_bytes()[:300])

    def arrayscan(folder: Path) -> None:
        for name in ("A01f00d0", "A01f00d1", "A01f01d0", "A01f01d1", "H12f00d0"):
            named.write(folder / f"MFGTMP_1234_{name}.TIF", 1)

    def ome(folder: Path) -> None:
        plane = {"PositionX": [1.0] * 3, "PositionY": [2.0] * 3, "DeltaT": [0.0, 1.0, 2.0]}
        facts = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "Plane": plane}
        image = ("CYX", np.zeros((3, 5, 6), np.uint16), facts)
        ometiff.write(folder / "a.ome.tif", image, image)

    def ome_set(folder: Path) -> None:
        files = [("a.ome.tif", 0), ("b.ome.tif", 0)]
        well = (
            '<Plate ID="Plate:0" Name="P" Rows="8" Columns="12"><Well ID="W:0" Row="1" '
            'Column="2"><WellSample ID="S:0" Index="0" PositionX="1" PositionY="7">'
            '<ImageRef ID="Image:0"/></WellSample></Well></Plate>'
        )
        text = ometiff.xml(well + ometiff.pixels_xml(0, files, 2))
        for name, _ in files:
            tifffile.imwrite(folder / name, np.zeros((5, 6), np.uint16), description=text.encode())

    def cq1(folder: Path) -> None:
        for well in (1, 14):
            for channel in (1, 2):
                named.write(folder / f"W{well:04d}F0001T0001Z001C{channel}.tif", 1)

    def profile(folder: Path) -> None:
        cellvoyager.write_measurement(folder)
        (folder / "profile.yaml").write_text(
            "plate: S\nchannels: {C01: DAPI, C03: C03}\npixel_size_um: [0.3, 0.3]\nz_step_um: 1.5\n"
            "flip_y: true\nexclude: [well=B03, 'channel=C03, z=0']\n"
            "grid: {stitch_layout: zigzag_horizontal, n_vertical: 1, n_horizontal: 2}\n"
        )

    def pattern(folder: Path) -> None:
        cellvoyager.write_measurement(folder)
        (folder / "profile.yaml").write_text(
            r"pattern: '_(?P<well>[A-P]\d\d)_T(?P<t>\d+)F(?P<site>\d+)L01A01Z(?P<z>\d+)C(?P<c>\d+)'"
            "\nplate: S\nchannels: {'01': DAPI}\n"
        )

    def ndtiff(folder: Path) -> None:
        axes = [{"channel": c, "z": z, "time": 0} for c in ("A", "B") for z in range(2)]
        micromanager.write_ndtiff(folder / "run", axes, {"PixelSize_um": 0.5})

    return {
        "cellvoyager-mlf": Seed(cellvoyager.write_measurement, ("*.mlf",)),
        "cellvoyager-mrf": Seed(cellvoyager.write_measurement, ("*.mrf",)),
        "cellvoyager-mes": Seed(cellvoyager.write_measurement, ("*.mes",)),
        "cq1": Seed(cq1, ("*.tif",)),
        "harmony-v5": Seed(lambda f: harmony.write(f / "Images", harmony.V5, few), ("*.xml",)),
        "harmony-v7": Seed(lambda f: harmony.write(f / "Images", harmony.V7, few), ("*.xml",)),
        "harmony-names": Seed(harmony_names, ("*.xml", "*.tiff")),
        "arrayscan": Seed(arrayscan, ("*.TIF",)),
        "htd": Seed(lambda f: imagexpress.export(f / "p"), ("*.HTD",)),
        "metaseries": Seed(lambda f: imagexpress.export(f / "p"), ("*.TIF",)),
        "metamorph-nd": Seed(lambda f: metamorph.write(f / "e"), ("*.nd",)),
        "metamorph-stk": Seed(lambda f: metamorph.write(f / "e"), ("*.stk",)),
        "incell-xdce": Seed(lambda f: incell.write(f / "p"), ("*.xdce",)),
        "scanr": Seed(named.scanr, ("*.xml",)),
        "leica-matrix": Seed(named.matrix, ("*.tif",)),
        "leica-lif": Seed(_copy("lif_fractal/Project_3D.lif"), ("*.lif",)),
        "czi": Seed(_copy("czi_czitools/newCZI_compressed.czi"), ("*.czi",)),
        "nd2": Seed(_copy("nd2_pims/bioformats"), ("*.nd2",)),
        "oib": Seed(_copy("oib_oiffile/test.oib"), ("*.oib",)),
        "oif": Seed(lambda f: olympus.write_oif(f / "a.oif"), ("*.oif", "*.tif")),
        "lsm": Seed(_copy("lsm_omio/032113-18.lsm"), ("*.lsm",)),
        "deltavision": Seed(lambda f: deltavision.write(f / "a.dv"), ("*.dv",)),
        "mmstack": Seed(lambda f: micromanager.write_stack(f / "run"), ("*.tif",)),
        "mm-sequence": Seed(lambda f: micromanager.write_sequence(f / "run", 2), ("*.txt",)),
        "ndtiff": Seed(ndtiff, ("*.index", "*.tif")),
        "ometiff": Seed(ome, ("*.tif",)),
        "ometiff-set": Seed(ome_set, ("*.tif",)),
        "omezarr": Seed(lambda f: omezarr.write_plate(f / "p.zarr"), ("zarr.json",)),
        "omezarr-0.4": Seed(lambda f: omezarr.write_plate(f / "p.zarr", "0.4"), (".z*",)),
        "omezarr-series": Seed(
            lambda f: omezarr.write_series(f / "b.zarr"), ("*.xml", ".z*", "zarr.json")
        ),
        "hyperstack": Seed(lambda f: tiffstack.hyperstack(f / "a.tif"), ("*.tif",)),
        "loaddata-csv": Seed(loaddata.write_plate, ("*.csv",)),
        "profile": Seed(profile, ("profile.yaml",)),
        "profile-pattern": Seed(pattern, ("profile.yaml",)),
    }


def damaged(dice: random.Random, data: bytes) -> bytes:
    """The bytes with one to four changes."""
    for _ in range(dice.choice((1, 1, 1, 2, 3, 4))):
        data = dice.choice(_CHANGES)(dice, data)
    return data


def renamed(dice: random.Random, path: Path) -> dict[Path, Path]:
    """A file under a damaged name: {old: new}; empty where the new name is none, or another's."""
    name = damaged(dice, path.name.encode()).translate(None, b"/\0")[:200]
    new = path.with_name(os.fsdecode(name)) if name not in (b"", b".", b"..") else path
    if os.path.lexists(new):
        return {}
    return {path: path.rename(new)}


def _place(dice: random.Random, data: bytes) -> int:
    """Mostly near an end, where headers and directories are."""
    reach = dice.choice((64, 512, 4096, len(data)))
    at = dice.randrange(max(1, min(reach, len(data))))
    return at if dice.random() < 0.75 else max(0, len(data) - 1 - at)


def _number(dice: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", data[: 1 << 20]))
    if not found:
        return data
    match = dice.choice(found)
    new = dice.choice(_NUMBERS)
    if dice.random() < 0.2:
        return data.replace(match[0], new)
    return data[: match.start()] + new + data[match.end() :]


def _word(dice: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"[^\s\"'<>=,:;\[\]{}\x00]{1,80}", data[: 1 << 20]))
    if not found:
        return data
    match = dice.choice(found)
    new = dice.choice((*_WORDS, dice.choice(found)[0]))
    return data[: match.start()] + new + data[match.end() :]


def _line(dice: random.Random, data: bytes) -> bytes:
    cut = dice.choice((b"\n", b"<", b",", b"}"))
    parts = data.split(cut)
    one, other = dice.randrange(len(parts)), dice.randrange(len(parts))
    what = dice.randrange(4)
    if what == 0:
        del parts[one]
    elif what == 1:
        parts.insert(other, parts[one])
    elif what == 2:
        parts[one], parts[other] = parts[other], parts[one]
    else:
        del parts[min(one, other) : max(one, other)]
    return cut.join(parts)


def _integer(dice: random.Random, data: bytes) -> bytes:
    width = dice.choice((1, 2, 4, 4, 4, 8))
    at = _place(dice, data)
    if dice.random() < 0.7:
        at -= at % 2
    order: Any = dice.choice(("little", "little", "big"))
    new = (dice.choice(_INTEGERS) % (1 << (8 * width))).to_bytes(width, order)
    return data[:at] + new + data[at + width :]


def _bits(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 2, 8))):
        if changed:
            changed[_place(dice, data)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _insert(dice: random.Random, data: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.choice(_WORDS) + data[at:]


def _cut(dice: random.Random, data: bytes) -> bytes:
    at, end = sorted((_place(dice, data), dice.randrange(len(data) + 1)))
    what = dice.randrange(4)
    if what == 0:
        return data[:end]
    if what == 1:
        return data[:at] + data[end:]
    if what == 2:
        return data[:at] + bytes(min(end - at, 1 << 16)) + data[end:]
    return data[:end] + data[at : at + 4096] + data[end:]


_CHANGES = (
    _number,
    _number,
    _number,
    _word,
    _word,
    _line,
    _integer,
    _integer,
    _bits,
    _insert,
    _cut,
)


class Target:
    """A seed in a folder of its own, damaged and mended again trial by trial."""

    def __init__(self, name: str, folder: Path) -> None:
        seed = seeds()[name]
        self.name = name
        self.folder = folder
        seed.write(folder)
        files = sorted(path for glob in seed.damage for path in folder.rglob(glob))
        self.whole = {path: path.read_bytes() for path in files if path.is_file()}
        self.names = sorted(path for path in folder.rglob("*") if path.is_file())
        self.profile = folder / "profile.yaml"

    def trial(self, seed: int, number: int) -> str | None:
        """What was found, or None; trial 0 leaves all whole and must not fail at all."""
        dice = random.Random(f"{self.name}:{seed}:{number}")
        chosen = dice.sample(list(self.whole), min(len(self.whole), dice.choice((1, 1, 2, 5))))
        for path in chosen if number else []:
            path.write_bytes(damaged(dice, self.whole[path]))
        called = renamed(dice, dice.choice(self.names)) if number and dice.random() < 0.2 else {}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._use(whole=number == 0)
        finally:
            for old, new in called.items():
                new.rename(old)
            for path in chosen:
                path.write_bytes(self.whole[path])
        spent = time.process_time() - start
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        if found is None and spent > SLOW:
            found = f"slow: {spent:.0f} s"
        if found is None and more > MEMORY:
            found = f"memory: {more >> 20} MB"
        return found

    def _use(self, whole: bool) -> str | None:
        try:
            profile = load_profile(self.profile) if self.profile.is_file() else None
            result = scan(self.folder, profile=profile)
        except TmapsError as error:
            if whole:
                return f"the whole acquisition is refused: {error}"
            return _memory(error)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return _where(error)
        for oddity in result.oddities:
            if "Unable to allocate" in str(oddity):
                return f"memory: {str(oddity)[:300]}"
        there = result.planes[~result.planes["missing"]]
        for path in there["path"].unique():
            if not (result.root / path).resolve().is_relative_to(self.folder.resolve()):
                return f"outside: {path}"
        reader = PlaneReader(result.root, result.reader)
        try:
            for row in there.iloc[:: max(1, len(there) // 3)].itertuples():
                if row.height * row.width < 1 << 24:
                    reader.read(row.path, row.series, row.page)
        except TmapsError as error:
            if whole:
                return f"a whole plane is refused: {error}"
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return _where(error)
        finally:
            reader.close()
        return None


def _memory(error: BaseException) -> str | None:
    """Arrays that would not fit; what libraries ask of files that are shorter takes no memory."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) and "allocate" in str(cause):
            return "memory: " + _where(cause)
        cause = cause.__cause__
    return None


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "napari_tmaps" in f.filename]
    return f"{type(error).__name__} at {' '.join(ours[-4:])}: {str(error)[:200]}"


def _child(name: str, seed: int, numbers: Iterable[int], seconds: float, state: Path) -> None:
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + _LIMIT, now + _LIMIT))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        target = Target(name, Path(folder))
        for number in numbers:
            if time.monotonic() > end:
                break
            state.write_text(str(number))
            faulthandler.dump_traceback_later(10 * SLOW, exit=True)
            found = target.trial(seed, number)
            faulthandler.cancel_dump_traceback_later()
            if found is not None:
                print(json.dumps({"number": number, "found": found}), flush=True)
    state.write_text(str(number + 1))


def hunt(name: str, seed: int, seconds: float) -> Iterator[tuple[int, str]]:
    """Trials in a process with limits, for a while: (number, what was found)."""
    end, number = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        while (left := end - time.monotonic()) > 0:
            state.write_text(str(number))
            command = [
                sys.executable,
                "-m",
                __name__ if __name__ != "__main__" else "tests.vendors.fuzz",
            ]
            command += [name, "--seed", str(seed), "--child", str(number), "--state", str(state)]
            done = subprocess.run(
                [*command, "--seconds", str(left)], capture_output=True, text=True, check=False
            )
            for line in done.stdout.splitlines():
                if line.startswith('{"number"'):
                    record = json.loads(line)
                    yield record["number"], record["found"]
            number = int(state.read_text())
            if done.returncode != 0:
                yield number, f"killed ({done.returncode}): {done.stderr[-1500:]}"
                number += 1
    yield number, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one trial, with the damaged folder kept")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.targets or list(seeds())
    if given.child is not None:
        numbers = range(given.child, sys.maxsize)
        _child(names[0], given.seed, numbers, given.seconds, given.state)
        return 0
    if given.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(Target(names[0], Path(folder)).trial(given.seed, given.only))
        return 0
    failed = 0
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    for name in names:
        seen: dict[str, int] = {}
        for number, found in hunt(name, given.seed, given.seconds):
            if found == "":
                print(
                    f"{name}: {number} trials, seed {given.seed}, {len(seen)} findings", flush=True
                )
                break
            kind = re.sub(r"\d+", "#", found.partition(": ")[0] if " at " in found else found[:80])
            if " at " in found:
                kind = found.partition(": ")[0]
            if kind not in seen:
                print(f"{name} #{number}: {found}", flush=True)
            seen[kind] = seen.get(kind, 0) + 1
        failed += len(seen)
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
