"""Compiled kernels are kept on disk, also where the package itself cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_tmaps

_USE = """
from napari_tmaps.measure.separable import padded
assert padded(17) == 32
print(sum(padded.stats.cache_hits.values()), sum(padded.stats.cache_misses.values()))
"""


@pytest.fixture
def copied_package(tmp_path):
    """The package in a folder of its own, without what was compiled here."""
    source = Path(napari_tmaps.__file__).parent
    target = tmp_path / "site" / "napari_tmaps"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def start(package: Path, home: Path) -> tuple[int, int]:
    """Cache hits and misses of a fresh interpreter that uses a kernel of the package."""
    known = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", _USE],
        env={
            **known,
            "PYTHONPATH": str(package.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hits, misses = done.stdout.split()
    return int(hits), int(misses)


def test_kernels_are_compiled_once(copied_package, tmp_path):
    assert start(copied_package, tmp_path / "home") == (0, 1)
    assert start(copied_package, tmp_path / "home") == (1, 0)
    assert list((copied_package / "measure" / "__pycache__").glob("separable.padded-*.nbi"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where caches lie differs")
def test_kernels_of_a_read_only_installation_are_kept_for_the_user(copied_package, tmp_path):
    # A file in its place keeps even the administrator from writing the folder of the cache.
    (copied_package / "measure" / "__pycache__").touch()
    home = tmp_path / "home"
    assert start(copied_package, home) == (0, 1)
    assert start(copied_package, home) == (1, 0)
    assert list(home.rglob("separable.padded-*.nbi"))
