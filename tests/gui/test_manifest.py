"""The plugin's manifest says what is there, and napari can find it."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

MANIFEST = PluginManifest.from_distribution("napari-tmaps")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "name", [command.python_name for command in MANIFEST.contributions.commands or ()]
)
def test_commands_exist(name: str) -> None:
    from importlib import import_module

    module, _, attribute = str(name).partition(":")
    assert callable(getattr(import_module(module), attribute))


def test_manifest_is_valid_and_the_link_leads_to_it() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()
    assert manifest.contributions == MANIFEST.contributions


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/data/screen/MeasurementData.mlf", True),
        ("/data/a/Image.CZI", True),
        ("/data/a/Index.idx.xml", True),
        ("/data/a/image.tif", False),
        ("/data/a/image.ome.tiff", False),
        ("/data/a/table.csv", False),
    ],
)
def test_files_offered_to_us(path: str, ours: bool) -> None:
    from npe2 import PluginManager

    manager = PluginManager()
    manager.register(MANIFEST)
    assert bool(list(manager.iter_compatible_readers([path]))) is ours


def test_every_title_is_a_verb() -> None:
    verbs = ("Open", "Save", "Browse", "Build", "Run", "Correct")
    verbs += ("Show", "Segment", "Smooth", "Subtract", "Measure")
    for command in MANIFEST.contributions.commands or ():
        assert command.title.startswith(verbs)
