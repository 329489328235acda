"""The benchmark harness: what its numbers mean."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
KEYS = ("name", "peer", "ours_s", "peer_s", "ratio", "memory_mb", "accuracy", "limit_s")


@pytest.fixture
def module(monkeypatch):
    """Import a file of the harness by its name."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (
            getattr(sys.modules[name], "__file__", None)
            and FOLDER in Path(sys.modules[name].__file__).parents
        ):
            del sys.modules[name]


def test_measure(module):
    timing = module("timing")
    calls = []

    def contender(name, seconds, result):
        def act():
            calls.append(name)
            time.sleep(seconds)
            return result

        return act

    contest = timing.Contest(
        "other",
        ours=contender("ours", 0.002, 3.0),
        peer=contender("peer", 0.004, 4.0),
        accuracy=lambda ours, peer: peer - ours,
        accuracy_is="difference",
        peer_accuracy=lambda peer: peer,
        peer_share=0.1,
        floor=contender("floor", 0.001, None),
    )
    row = timing.measure("room/what", contest, rounds=3)
    assert tuple(row)[: len(KEYS)] == KEYS
    assert (row["name"], row["peer"]) == ("room/what", "other")
    assert row["accuracy"] == 1.0
    assert row["peer_accuracy"] == 4.0
    # sleeping never takes less than it was told, and the peer did a tenth of the work
    assert row["ours_s"] >= 0.002
    assert row["peer_s"] >= 0.04
    assert row["limit_s"] >= 0.001
    assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"])
    assert calls[-9:-6] == calls[-3:] == ["floor", "ours", "peer"]
    assert calls[-6:-3] == ["peer", "ours", "floor"]


def test_every_row_has_its_function(module):
    rows = module("rows")
    for name in rows.ROWS:
        assert callable(rows.load(name))
        assert name.count("/") == 1


def test_unknown_row():
    command = [sys.executable, str(FOLDER / "run.py"), "--only", "site/nucle"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no row 'site/nucle'" in done.stderr
    assert "site/nuclei" in done.stderr


ROW = dict(
    zip(KEYS, ("site/whole", "peer", 0.25, 5.0, 20.0, 100.4, 2e-13, None), strict=True),
    accuracy_is="difference",
)


def test_table(module, tmp_path, monkeypatch, capsys):
    table = module("table")
    (tmp_path / "results.json").write_text(json.dumps([ROW]))
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results.json")
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    monkeypatch.setattr(sys, "argv", ["table.py", str(readme)])
    table.main()
    lines = readme.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- benchmarks -->"]
    assert lines[-2:] == ["<!-- /benchmarks -->", "after"]
    cells = [cell.strip() for cell in lines[4].strip("|").split("|")]
    expected = ["site/whole", "peer", "250 ms", "5.00 s", "20.0 ×", "", "100 MB"]
    assert cells == [*expected, "difference 2.0e-13"]
    monkeypatch.setattr(sys, "argv", ["table.py"])
    table.main()
    assert capsys.readouterr().out.splitlines() == lines[2:5]


def test_table_without_a_place(module, tmp_path, monkeypatch):
    table = module("table")
    (tmp_path / "results.json").write_text(json.dumps([ROW]))
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results.json")
    (tmp_path / "README.md").write_text("no marks")
    monkeypatch.setattr(sys, "argv", ["table.py", str(tmp_path / "README.md")])
    with pytest.raises(SystemExit, match="no place for the table"):
        table.main()
    assert (tmp_path / "README.md").read_text() == "no marks"
