"""The report of a run, its methods, and the research object."""

from __future__ import annotations

import base64
import json
import re

import imagecodecs
import numpy as np
import pytest
import tifffile
from lxml import html
from tests.analysed import PIPELINE, analysed, analysed_once  # noqa: F401
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import FormatError
from napari_tmaps.model.progress import run
from napari_tmaps.store.exclusions import change
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.rocrate import write_crate
from napari_tmaps.tools.run import run_tool
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.report import described_methods, write_report


@pytest.fixture
def experiment(analysed):  # noqa: F811
    with Experiment.open(analysed) as opened:
        yield opened


def test_the_report_holds_all_that_it_shows(experiment, tmp_path):
    change(experiment.catalogue, "exclude", [("P1", "B02", 1)], "out of <focus>")
    failure = {"plate": "P1", "well": "B03", "site": 1, "message": "Step 2 failed & stopped"}
    experiment.catalogue.set_failures("jterator", [failure])
    run_tool(experiment, "cluster", "Blocks", {"clusters": 2, "smallest": 2}, name="groups")
    path = tmp_path / "report.html"
    run(write_report(experiment, path))
    text = path.read_text()
    page = html.fromstring(text)
    # Nothing comes from elsewhere, and nothing runs.
    assert not page.xpath("//script | //link | //iframe | //@onload")
    assert all(source.startswith("data:image/png;base64,") for source in page.xpath("//img/@src"))
    assert not re.findall(r"(?:src|href)=\"http", text)
    first = page.xpath("//img/@src")[0].partition(",")[2]
    picture = imagecodecs.png_decode(base64.b64decode(first))
    assert picture.shape == (96, 96, 3)
    assert len(np.unique(picture)) > 2
    words = " ".join(page.text_content().split())
    for said in (
        "Test microscope", "1 excluded site", "out of <focus>", "Step 2 failed & stopped",
        "groups", "number of Blocks", "threshold = 100", "napari-tmaps", "Harris CR et al. (2020)",
    ):  # fmt: skip
        assert said in words
    tips = page.xpath("//rect/title/text()")
    assert "B02: 6" in tips  # objects of the well
    assert "A01" in tips
    # Wells without a number have the colour of the page, dark or light, not one of their own.
    empty = page.xpath("//rect[title='A01']")[0]
    assert empty.get("class") == "empty"
    assert "fill" not in empty.attrib
    assert "prefers-color-scheme: dark" in text
    assert all(plate.get("viewbox") or plate.get("viewBox") for plate in page.xpath("//svg"))
    assert not re.search(r"\bnan\b|\bNone\b", words), "what is not known is told in words"
    # A second report takes the place of the first.
    run(write_report(experiment, path))
    assert [each.name for each in tmp_path.glob("*.html")] == ["report.html"]


def test_the_methods_say_what_was_run_and_cite_it(experiment):
    run_tool(experiment, "cluster", "Blocks", {"clusters": 2, "smallest": 2})
    found = described_methods(experiment)
    assert "1 plate (2 wells, 4 sites, 96 × 96 px of 0.5 µm) in 2 channels" in found.text
    assert "Pipeline “blocks” made the objects Blocks, Rings" in found.text
    assert "threshold manual (threshold = 100)" in found.text
    assert "12 Blocks, 12 Rings" in found.text
    assert "The tool cluster was applied to Blocks" in found.text
    assert found.references[5].startswith("Pedregosa F")
    assert "[6]" in found.text


def test_an_experiment_without_anything_has_a_report(tmp_path):
    with Experiment.create(tmp_path / "empty.tmaps") as empty:
        run(write_report(empty, tmp_path / "report.html"))
        write_crate(empty)
    assert "nothing odd was found" in (tmp_path / "report.html").read_text()


def test_a_damaged_record_is_one_sentence(experiment, tmp_path):
    (experiment.path / "metadata" / "pipeline-blocks.json").write_text("{")
    with pytest.raises(FormatError, match="Run the pipeline again"):
        run(write_report(experiment, tmp_path / "report.html"))
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize("part", ["", "labels/Blocks/"], ids=["pixels", "labels"])
def test_a_damaged_image_keeps_no_report_from_being_written(experiment, tmp_path, part):
    image = experiment.plate("P1").image_path("B02", 1)
    chunks = [each for each in image.glob(f"{part}*/c/**/*") if each.is_file()]
    for file in chunks:
        file.write_bytes(b"damaged")
    assert chunks
    run(write_report(experiment, tmp_path / "report.html"))
    page = html.fromstring((tmp_path / "report.html").read_text())
    assert len(page.xpath("//img")) == 1
    said = page.xpath("//figcaption/text()")
    assert said[0].startswith("P1 B02 site 1: '")
    assert "is damaged" in said[0]
    assert said[1] == "P1 B03 site 1"


def test_images_that_stayed_where_they_are_are_shown(tmp_path):
    for number, (y, x) in enumerate([(3, 5), (200, 100)], start=1):
        image = np.zeros((400, 300), np.uint16)
        image[y : y + 50, x : x + 50] = 5000
        tifffile.imwrite(tmp_path / f"B0{number}_s1_DAPI.tif", image)
    found = scan(tmp_path, pattern=r"(?P<well>[A-P]\d\d)_s(?P<site>\d)_(?P<channel>\w+)\.tif")
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(found, plate="P1")
        run(convert(made, in_place=True))
        run(write_report(made, tmp_path / "report.html"))
    page = html.fromstring((tmp_path / "report.html").read_text())
    assert page.xpath("//img/@alt") == ["B01", "B02"]
    second = page.xpath("//img/@src")[1].partition(",")[2]
    picture = imagecodecs.png_decode(base64.b64decode(second)).max(axis=-1)
    assert picture.shape == (200, 150)
    assert picture[100:125, 50:75].min() == 255
    assert picture[:99].max() == 0


def test_the_research_object_is_as_its_specification_says(experiment):
    path = write_crate(
        experiment, author="A. Person", license_url="https://creativecommons.org/licenses/by/4.0/"
    )
    crate = json.loads(path.read_text())
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    by_id = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(by_id) == len(crate["@graph"])
    about = by_id["ro-crate-metadata.json"]
    assert about["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert about["about"] == {"@id": "./"}
    root = by_id["./"]
    assert {"name", "description", "datePublished", "license", "author"} <= set(root)
    for part in root["hasPart"]:
        entity = by_id[part["@id"]]
        target = experiment.path / part["@id"]
        assert target.is_dir() if entity["@type"] == "Dataset" else target.is_file()
    assert by_id["#run-blocks"]["instrument"] == {"@id": "#napari-tmaps"}
    for action in root["mentions"]:
        for key in ("object", "result"):
            assert all(item["@id"] in by_id for item in by_id[action["@id"]][key])


def test_the_command_writes_both(experiment, tmp_path):
    found = CliRunner().invoke(app, ["report", str(experiment.path), "--ro-crate"])
    assert found.exit_code == 0, found.output
    assert (experiment.path / "report.html").is_file()
    assert (experiment.path / "ro-crate-metadata.json").is_file()
    found = CliRunner().invoke(app, ["report", str(experiment.path), "--methods"])
    assert "1. Harris CR" in found.output
