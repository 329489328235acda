"""The literature that methods cite, held against the docstrings of modules and tools."""

from __future__ import annotations

import inspect
import re

import pytest

from napari_tmaps.modules import MODULES
from napari_tmaps.tools import TOOLS
from napari_tmaps.workflow.citations import REFERENCES, SOURCES, sources_of
from napari_tmaps.workflow.methods import methods

FUNCTIONS = {**MODULES, **{name: spec.function for name, spec in TOOLS.items()}}
# "(Breiman, 2001)", "Chambolle (2004)", 'Costes et al., "Automatic …" (2004)'
_NAME = r"([A-Z][\w]+)(?:(?:, [A-Z]\w+)* and [A-Z]\w+| et al\.)?"
_TITLE = r'(?:,)? "[^"]+"'
_NAMED = re.compile(
    rf"(?:\({_NAME}, (\d{{4}})\))|(?:{_NAME}(?:'s\w*)?(?:(?: [a-z]\w*)*|{_TITLE}) \((\d{{4}})\))"
)


def named(name):
    """First author and year of each source in the docstring of a module or tool."""
    text = " ".join((inspect.getdoc(FUNCTIONS[name]) or "").split())
    return [(a or c, b or d) for a, b, c, d in _NAMED.findall(text)]


def test_sources_are_seen_in_docstrings():
    assert named("denoise") == [("Chambolle", "2004"), ("Buades", "2005"), ("Immerkær", "1996")]
    assert named("segment_secondary") == [("Li", "1998"), ("Bernsen", "1986")]
    assert named("identify_spots_2D") == [("Battich", "2013")]
    assert named("smooth") == []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_whoever_names_a_source_has_its_reference(name):
    given = [REFERENCES[source.reference] for source in SOURCES.get(name, ())]
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    years = set(re.findall(r"\((?:[^()]*, )?((?:18|19|20)\d\d)\)", text))
    assert years == {year for _, year in named(name)}, "a year without an author is no source"
    for author, year in named(name):
        assert any(ref.startswith(f"{author} ") and f"({year})" in ref for ref in given), (
            f"{name} names {author} {year}: add its reference to workflow/citations.py"
        )


def test_references_are_complete_and_all_of_use():
    assert set(SOURCES) <= set(FUNCTIONS)
    used = {source.reference for sources in SOURCES.values() for source in sources}
    assert used <= set(REFERENCES)
    general = {"numpy", "scipy", "scikit-image", "ome-zarr", "napari"}
    assert set(REFERENCES) - used <= general
    for key, text in REFERENCES.items():
        assert text.endswith("."), key
        assert key == "napari" or re.search(r"\((?:19|20)\d\d\) \w", text), key
    for name, sources in SOURCES.items():
        settings = inspect.signature(FUNCTIONS[name]).parameters
        assert all(not one.setting or one.setting in settings for one in sources), name


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("denoise", {}, ["chambolle", "immerkaer"]),
        ("denoise", {"method": "non_local_means"}, ["buades", "immerkaer"]),
        ("threshold_global", {}, ["li"]),
        ("threshold_global", {"method": "otsu_3_upper"}, ["otsu"]),
        ("threshold_global", {"method": "triangle"}, []),
        ("measure_texture", {"measure_haralick": True}, ["hu", "haralick"]),
        ("classify", {"method": "svm"}, ["scikit-learn", "platt"]),
        ("embed", {"method": "umap"}, ["umap"]),
        ("smooth", {}, []),
        ("mine.own_module", {}, []),
    ],
)
def test_what_is_cited_follows_from_the_settings(name, settings, expected):
    assert list(sources_of(name, settings)) == expected


def test_references_are_numbered_as_they_come_and_once():
    def step(module, **settings):
        return {"module": module, "settings": settings}

    pipeline = {
        "name": "p",
        "input": {"channels": []},
        "output": {"objects": [{"name": "Nuclei"}]},
        "pipeline": [step("threshold_otsu"), step("watershed"), step("threshold_local")],
    }
    info = {
        "wells": ["B03"], "image_size": None, "pixel_size_um": None, "plates": ["p1"],
        "channels": ["DAPI"], "vendor": None, "objects": {},
    }  # fmt: skip
    result = {"tool": "classify", "object_type": "Nuclei", "settings": {"method": "random_forest"}}
    found = methods(info, [pipeline], [result], 1)
    assert "threshold otsu [6]; watershed [7]; threshold local [6]" in found.text
    assert "classify was applied to Nuclei (method = random_forest) [8, 9]" in found.text
    starts = [reference.split()[0] for reference in found.references[5:]]
    assert starts == ["Otsu", "Meyer", "Pedregosa", "Breiman"]
