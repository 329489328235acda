"""A plate whose bright field has one plane, in the middle of the stacks of the other channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.workflow.screen import name, plane
from tests.workflow.test_analyse import discs
from tests.workflow.test_illuminati import build

from napari_tmaps.errors import MissingError, PipelineError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export import save_site
from napari_tmaps.store.maps import open_map
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)_z(?P<z>\d)"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def make(folder: Path, *, lost: tuple[str, ...] = (), **options) -> Experiment:
    """DAPI at z 0, 1, 2 and GFP at z 1 of wells B02, C03 × 2 sites."""
    (folder / "files").mkdir()
    for well in ("B02", "C03"):
        for site in (1, 2):
            for channel, z in (("DAPI", 0), ("DAPI", 1), ("DAPI", 2), ("GFP", 1)):
                file = name(well, site, channel, z)
                if file not in lost:
                    tifffile.imwrite(folder / "files" / file, plane(well, site, channel, z))
    made = Experiment.create(folder / "screen.tmaps")
    made.add(scan(folder / "files", pattern=PATTERN), plate="p")
    list(convert(made, **options))
    return made


IN_PLACE = [pytest.param(False, id="converted"), pytest.param(True, id="in-place")]


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_each_channel_has_its_own_planes(tmp_path, in_place):
    with make(tmp_path, in_place=in_place) as made:
        assert made.image("p", "C03", 2, "DAPI").shape == (3, 64, 80)
        bright = made.image("p", "C03", 2, "GFP")
        np.testing.assert_array_equal(bright, plane("C03", 2, "GFP", 1)[np.newaxis])
        info = made.info()
        assert info["missing"] == []
        assert (info["size_z"], info["z_planes"]) == (3, {"DAPI": 3, "GFP": 1})


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_a_plane_that_is_lost_stays_a_gap(tmp_path, in_place):
    lost = name("B02", 1, "DAPI", 2), name("B02", 2, "GFP", 1)
    with make(tmp_path, lost=lost, in_place=in_place) as made:
        gaps = [(g["well"], g["site"], g["channel"], g["z"]) for g in made.info()["missing"]]
        assert gaps == [("B02", 1, "DAPI", 2), ("B02", 2, "GFP", 1)]
        with pytest.raises(MissingError, match=r"Well B02 site 1: channel 'DAPI' .* z = 2"):
            made.image("p", "B02", 1, "DAPI")
        with pytest.raises(MissingError, match=r"Well B02 site 2: channel 'GFP' .* z = 1"):
            made.image("p", "B02", 2, "GFP")
        assert made.image("p", "B02", 1, "GFP").shape == (1, 64, 80)


def projected() -> PipelineDescription:
    """Objects of the projected DAPI, measured in GFP."""
    flat = {"name": "flat", "module": "project", "inputs": {"image": "DAPI"}}
    facts = discs(channels=("GFP",)).model_dump(mode="json")
    facts["input"]["channels"].append({"name": "DAPI"})
    facts["pipeline"][0]["inputs"]["image"] = "flat.projected_image"
    facts["pipeline"].insert(0, flat)
    return PipelineDescription.model_validate(facts)


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_stack_projected_beside_a_plane(tmp_path, in_place):
    with make(tmp_path, in_place=in_place) as made:
        assert run(analyse(made, projected())) == []
        table = made.features.read("Discs")
        assert len(table) == 2 * 2 * 2
        labels = made.labels("p", "B02", 2, "Discs")
        assert labels.shape == (1, 64, 80)
        pixels = plane("B02", 2, "GFP", 1)[labels[0] == 1]
        value = table.loc[("p", "B02", 2, 0, 1), "Intensity_mean_GFP"]
        assert value == pytest.approx(pixels.mean(), rel=1e-12)


def test_stack_and_plane_in_one_step_are_refused_before_any_image_is_read(tmp_path):
    with make(tmp_path) as made:
        message = r"Step 3 \('measure_DAPI'.*'Discs' has one, 'DAPI' has 3.*step 'project'.*--mip"
        facts = projected().model_dump(mode="json")
        facts["pipeline"][3]["inputs"]["intensity_image"] = "DAPI"
        facts["pipeline"][3]["name"] = "measure_DAPI"
        mixed = PipelineDescription.model_validate(facts)
        with pytest.raises(PipelineError, match=message.replace("Step 3", "Step 4")):
            run(analyse(made, mixed))
        with pytest.raises(PipelineError, match=r"'Discs' has 3, 'GFP' has one.*of 'Discs' first"):
            run(analyse(made, discs()))


def test_all_projected(tmp_path):
    with make(tmp_path, mip=True) as made:
        assert made.info()["missing"] == []
        assert run(analyse(made, discs())) == []
        assert made.image("p", "B02", 1, "DAPI").shape == (1, 64, 80)


def test_the_map_shows_the_only_plane_at_every_z(tmp_path):
    with make(tmp_path) as made:
        build(made)
        found = open_map(made, "p")
        assert found.missing == ()
        for channel, shown in (("GFP", (1, 1, 1)), ("DAPI", (0, 1, 2))):
            site = found.plan.sites[0]
            corner = slice(site.top, site.top + 64), slice(site.left, site.left + 80)
            for z, of in enumerate(shown):
                expected = plane(site.well, site.site, channel, of)
                level = found.channel(channel)[0]
                np.testing.assert_array_equal(level.read(0, z, *corner), expected)
                coarse = found.channel(channel)[1].read(
                    0, z, *(slice(part.start // 2, part.stop // 2) for part in corner)
                )
                assert coarse.mean() == pytest.approx(expected.mean(), abs=1)


def test_saved_site_has_the_planes_of_each_channel(tmp_path):
    with make(tmp_path) as made:
        save_site(made, "p", "B02", 1, tmp_path / "site.ome.tiff")
    assert tifffile.imread(tmp_path / "site.ome.tiff").shape == (3, 64, 80)
    bright = tifffile.imread(tmp_path / "site_GFP.ome.tiff")
    np.testing.assert_array_equal(bright, plane("B02", 1, "GFP", 1))


REAL = [
    pytest.param(
        "imagexpress_exported_faim/9987_Plate_3434", "B02", {"DAPI": None, "FITC": 1}, id="3434"
    ),
    pytest.param(
        "imagexpress_faim/Projection-Mix", "E07", {"w1": 3, "w3": 1, "w4": 1}, id="projections"
    ),
    pytest.param("visiview_faim", "A01", {}, id="visiview"),
]


@pytest.mark.parametrize(("folder", "well", "depths"), REAL)
def test_real_plates(tmp_path, folder, well, depths):
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs the real files of {folder}")
    with Experiment.create(tmp_path / "real.tmaps") as made:
        (plate,) = made.add(scan(DATA / folder))
        list(convert(made))
        for channel, depth in depths.items():
            if depth is None:
                with pytest.raises(MissingError, match="z = 2"):
                    made.image(plate, well, 1, channel)
            else:
                assert len(made.image(plate, well, 1, channel)) == depth
