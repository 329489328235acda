"""What goes out with a release agrees with the program."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

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
