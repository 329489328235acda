"""What goes out with a release agrees with the program."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest
from packaging.specifiers import SpecifierSet

from napari_tmaps.model.version import __version__

TOP = Path(__file__).parents[1]


def test_the_citation_is_that_of_this_version() -> None:
    cited = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["version"] == __version__
    assert cited["license"] == project["license"]
    assert cited["title"] == project["name"]
    names = [each["name"].lower() for each in cited["authors"]]
    assert names == [each["name"].lower() for each in project["authors"]]
    assert {"cff-version", "message"} <= cited.keys()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def _wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_program_and_nothing_else(built: Path) -> None:
    package = TOP / "src" / "napari_tmaps"
    wanted = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with _wheel(built) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert found == wanted
        assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    assert {"napari_tmaps/napari.yaml", "napari_tmaps/py.typed"} <= wanted


def test_the_wheel_asks_for_no_binding_of_qt(built: Path) -> None:
    with _wheel(built) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        facts = message_from_string(wheel.read(name).decode("utf-8"))
    assert facts["Name"] == "napari-tmaps"
    assert facts["Version"] == __version__
    assert "Framework :: napari" in facts.get_all("Classifier", [])
    always = [each for each in facts.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert any(each.startswith("napari>=") for each in always)
    assert not [each for each in always if re.match(r"(?i)py(qt|side)[0-9]", each)]


def test_napari_finds_the_plugin_of_the_wheel(built: Path, tmp_path: Path) -> None:
    with _wheel(built) as wheel:
        wheel.extractall(tmp_path)
    manifest = PluginManifest.from_file(tmp_path / "napari_tmaps" / "napari.yaml")
    assert manifest.display_name == "TissueMAPS"
    assert manifest.contributions.widgets
    assert manifest.contributions.sample_data
    (entry_points,) = tmp_path.glob("*.dist-info/entry_points.txt")
    assert "napari-tmaps = napari_tmaps:napari.yaml" in entry_points.read_text("utf-8")


def test_the_sources_can_be_built_and_tested(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "pyproject.toml",
        "Makefile",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
    }
    assert needed <= names
    assert {"src/napari_tmaps/__init__.py", "tests/conftest.py", "scripts/screen.sh"} <= names
    assert not {name for name in names if name.startswith((".venv", "demo/", ".ci"))}


def test_the_oldest_versions_are_those_of_the_project() -> None:
    script = TOP / "scripts" / "lowest.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert {"napari==0.9.*", "pandas==3.0.*", "ome-types==0.6.*", "fastapi==0.132.*"} <= set(lines)
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+\.\*", line) for line in lines)


def test_pinned_versions_do_with_an_old_python() -> None:
    """That of Debian 12: a package that wants a newer one ends the set-up there."""
    lines = (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    wanted = {
        each.name: each.metadata.get("Requires-Python") or ""
        for each in distributions()
        if pinned.get(each.name) == each.version
    }
    assert len(wanted) > 100
    assert [name for name, text in wanted.items() if "3.11.2" not in SpecifierSet(text)] == []
