"""Of large tables of a server only what is read comes, and what is kept has a bound."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.server.running import make_screen, running, settings_with_users

from napari_tmaps.client.session import Session
from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.mirror_ranges import BLOCK, RangedFile
from napari_tmaps.store.mirror_room import make_room, most_bytes
from napari_tmaps.store.parts import PartFile
from napari_tmaps.streams.mounts import ComingError
from napari_tmaps.workflow.door import Experiment

ROWS, FEATURES = 20_000, 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a table of 40 columns, 160 kB each."""
    path = make_screen(tmp_path_factory.mktemp("large"))
    random = np.random.default_rng(1)
    with Experiment.open(path) as experiment:
        for well in ("B02", "C03"):
            frame = pd.DataFrame(dict.fromkeys(INDEX, 0), index=range(ROWS))
            frame[["plate", "well"]] = ["plate01", well]
            frame["label"] = np.arange(1, ROWS + 1)
            frame = frame.assign(**{f"F{n}": random.normal(size=ROWS) for n in range(FEATURES)})
            part = path.parent / f"{well}.parquet"
            experiment.features.write_part(part, [frame])
            experiment.features.collect("Many", [part], [("plate01", well, 0)])
        experiment.catalogue.set_object_type("Many", "", 2 * ROWS, FEATURES)
    return path


@pytest.fixture
def opened(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    path = Path(shutil.copytree(made, tmp_path / "served" / "test.tmaps"))
    with (
        running(settings_with_users(path.parent)) as port,
        Experiment.open(f"http://demo@127.0.0.1:{port}/test", password="XXX") as experiment,
    ):
        yield experiment


@pytest.fixture
def came(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of answers about files, as they come."""
    sizes: list[int] = []
    send = Session._send

    def watched(self: Session, method: str, target: str, *rest: Any) -> Any:
        answer = send(self, method, target, *rest)
        if "/files/" in target:
            sizes.append(int(answer.headers["Content-Length"]))
        return answer

    monkeypatch.setattr(Session, "_send", watched)
    return sizes


def test_only_the_columns_that_are_asked_for_come(
    opened: Experiment, made: Path, came: list[int]
) -> None:
    with Experiment.open(made) as ours:
        expected = ours.features.read("Many", ["F7"])["F7"].to_numpy()
        whole = sum(path.stat().st_size for path in ours.features.files("Many"))
    table = FeatureTable(opened.features, "Many")
    assert len(table) == 2 * ROWS
    np.testing.assert_array_equal(table.numbers("F7"), expected)
    first = sum(came)
    assert first < whole / 8
    table = FeatureTable(opened.features, "Many")
    np.testing.assert_array_equal(table.numbers("F7"), expected)
    assert opened.features.count("Many") == 2 * ROWS
    assert sum(came) == first, "nothing comes twice"
    opened.refresh()
    came.clear()
    read = opened.features.read("Many", ["F7", "F8"])
    np.testing.assert_array_equal(read["F7"], expected)
    assert 0 < sum(came) < whole / 4
    place, block = next(FeatureTable(opened.features, "Many").blocks(["F7", "F8"]))
    np.testing.assert_array_equal(block[0], expected[place].astype(np.float32))
    assert table.column("plate").names == ("plate01",)


def test_a_table_that_changes_is_read_anew(opened: Experiment, tmp_path: Path) -> None:
    before = opened.features.read("Many", ["F7"])
    there = tmp_path / "served" / "test.tmaps"
    with Experiment.open(there) as theirs:
        (path, _) = theirs.features.files("Many")
        frame = pd.read_parquet(path, partitioning=None)
        frame.assign(F7=frame["F7"] + 1).to_parquet(path, index=False)
    opened.refresh()
    after = opened.features.read("Many", ["F7"])
    np.testing.assert_array_equal(after["F7"][:ROWS], before["F7"][:ROWS] + 1)
    np.testing.assert_array_equal(after["F7"][ROWS:], before["F7"][ROWS:])
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(StorageError, match=r"has just been changed on http.*Try again"):
        opened.features.read("Many", ["F9"])


def test_the_window_does_not_wait_for_parts_that_come_slowly(
    opened: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened.mirror is not None
    table = FeatureTable(opened.features, "Many")
    opened.mirror.patience_s = 0.05
    send = Session._send
    monkeypatch.setattr(Session, "_send", lambda *a: (time.sleep(0.4), send(*a))[1])
    path = opened.features.files("Many")[0]
    with pytest.raises(ComingError, match="On its way from http"):
        opened.mirror.open_parts(path).read(10)
    arrived: list[bool] = []
    opened.mirror.on_arrival = lambda: arrived.append(True)
    end = time.monotonic() + 20
    while True:
        try:
            assert opened.mirror.open_parts(path).read(4) == b"PAR1"
            break
        except ComingError:
            assert time.monotonic() < end, "what came late is kept"
            time.sleep(0.1)
    assert len(table) == 2 * ROWS


def test_no_connection_is_left_by_work_that_goes_on_when_it_is_closed(
    opened: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, goes_on, asked, send = opened.mirror, Event(), Event(), Session._send
    assert mirror is not None
    path = opened.features.files("Many")[0]
    mirror.patience_s = 0.05
    monkeypatch.setattr(Session, "_send", lambda *a: (asked.set(), goes_on.wait(), send(*a))[2])
    with pytest.raises(ComingError, match="On its way from http"):
        mirror.open_parts(path).read(10)
    assert asked.wait(60)
    opened.close()
    connections: list[Any] = []
    once = Session._send_once

    def watched(self: Session, *given: Any) -> Any:
        answer = once(self, *given)
        connections.append(self._local.connection)
        return answer

    monkeypatch.setattr(Session, "_send_once", watched)
    goes_on.set()
    end = time.monotonic() + 60
    while not connections or any(each.sock for each in connections):
        assert time.monotonic() < end, "a connection is left open"
        time.sleep(0.01)


def test_any_place_of_a_file(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(5 * BLOCK + 100)
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int, keep: Any) -> None:
        asked.append((start, end))
        keep(content[start:end])

    with RangedFile(tmp_path, PartFile("a/b.parquet", len(content), 1), fetch) as file:
        file.seek(-50, os.SEEK_END)
        assert file.read() == content[-50:]
        file.seek(BLOCK - 1)
        assert file.read(2) == content[BLOCK - 1 : BLOCK + 1]
        assert file.tell() == BLOCK + 1
        file.seek(0)
        assert file.read(-1) == content
        assert file.read(3) == b""
        assert (file.size(), file.readable(), file.seekable()) == (len(content), True, True)
    size = len(content)
    assert asked == [(5 * BLOCK, size), (0, 2 * BLOCK), (2 * BLOCK, 5 * BLOCK)]
    with RangedFile(tmp_path, PartFile("a/b.parquet", size, 1), fetch) as file:
        assert file.read() == content
    assert len(asked) == 3, "it is kept"
    with RangedFile(tmp_path, PartFile("a/b.parquet", size, 2), fetch) as file:
        assert file.read(1) == content[:1]
    assert len(asked) == 4
    assert len(list(tmp_path.iterdir())) == 2, "what is older is gone"


def test_a_file_in_use_outlives_its_place(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(3 * BLOCK)
    fetch = lambda start, end, keep: keep(content[start:end])  # noqa: E731
    with RangedFile(tmp_path, PartFile("b.parquet", len(content), 1), fetch) as file:
        assert file.read(10) == content[:10]
        for path in tmp_path.iterdir():
            path.unlink()
        file.seek(0)
        assert file.read() == content


# -- room ---------------------------------------------------------------------------------------


def kept(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def test_what_was_used_longest_ago_goes_and_comes_again(opened: Experiment, tmp_path: Path) -> None:
    sites = [("B02", 1), ("B02", 2), ("C03", 1), ("C03", 2)]
    images = {site: opened.image("plate01", *site, "DAPI") for site in sites}
    table = opened.features.read("Discs")
    chunks = [p for p in opened.path.glob("plates/*/*/*/*/*/**/*") if p.is_file()]
    chunks = [p for p in chunks if not p.name.startswith(("zarr", "."))]
    assert len(chunks) >= 4
    (features, *_) = opened.features.files("Discs")
    for age, path in enumerate([features, *chunks]):
        os.utime(path, (time.time() - 10_000 + age, path.stat().st_mtime))
    folder = tmp_path / "cache" / "servers"
    before = make_room(folder, 10**9)
    first = features.stat().st_blocks * 512 + chunks[0].stat().st_blocks * 512
    assert make_room(folder, before - first) == before - first
    assert features.stat().st_size == 0
    assert [path for path in chunks if not path.exists()] == chunks[:1]
    for site, image in images.items():
        np.testing.assert_array_equal(opened.image("plate01", *site, "DAPI"), image)
    pd.testing.assert_frame_equal(opened.features.read("Discs"), table)
    assert chunks[0].exists()
    assert make_room(folder, 1) > 1, "what has just been used stays"
    assert all(path.exists() for path in chunks)


def test_room_is_made_while_files_come(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMAPS_CACHE_GB", "0.00001")
    monkeypatch.setattr("napari_tmaps.store.mirror_room._IN_USE_S", 0.2)
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    with (
        running(settings_with_users(made.parent)) as port,
        Experiment.open(f"http://demo@127.0.0.1:{port}/test", password="XXX") as experiment,
    ):
        for n in range(FEATURES):
            experiment.features.read("Many", [f"F{n}"])
        ranges = experiment.path / ".mirror" / "ranges"
        assert kept(ranges) > 10_000_000, "what is just being read stays"
        time.sleep(0.3)
        image = experiment.image("plate01", "B02", 1, "DAPI")
        experiment.image("plate01", "B02", 2, "DAPI")
        assert kept(ranges) == 0
        np.testing.assert_array_equal(experiment.image("plate01", "B02", 1, "DAPI"), image)


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan"])
def test_a_bound_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TMAPS_CACHE_GB", text)
    with pytest.raises(InputError, match=f"TMAPS_CACHE_GB is '{text}'; it should be a number"):
        most_bytes()
    monkeypatch.setenv("TMAPS_CACHE_GB", "0.5")
    assert most_bytes() == 500_000_000
