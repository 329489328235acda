"""Sites cut from one large picture, where the stage is wrong by an amount that we know."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from tests.cli.test_commands import tmaps
from tests.workflow.test_contract import by_hand

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import open_map
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.local import run_step
from napari_tmaps.workflow.metaconfig import MetadataConfigurator

PIXEL_UM = 0.5
HEIGHT, WIDTH = 300, 320
STEP = (270, 288)  # 10 % of a side is shared
GRID = (3, 3)
JITTER = 6
ORIGIN = 20


def picture(seed: int) -> np.ndarray:
    """Blobs of several sizes and a texture, larger than all sites together."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(ORIGIN * 2 + STEP[0] * 3 + 60, ORIGIN * 2 + STEP[1] * 3 + 60))
    blobs = gaussian_filter(noise, 5) * 10 + gaussian_filter(noise[::-1], 2) * 3
    return 1000 + 300 * np.asarray(blobs)


def nominal(site: int) -> np.ndarray:
    """First pixel of a site (from 1) by the stage."""
    return np.array(divmod(site - 1, GRID[1])) * STEP + ORIGIN


def truth(seed: int) -> np.ndarray:
    """First pixels of the nine sites in the picture."""
    rng = np.random.default_rng([seed, 1])
    jitter = rng.integers(-JITTER, JITTER + 1, (9, 2))
    return np.array([nominal(site) for site in range(1, 10)]) + jitter


def write_wells(
    folder: Path, wells: dict[str, int], *, blank: tuple[tuple[str, int], ...] = (), step: float = 1
) -> None:
    """Files and an index with the stage positions; `blank` sites show nothing but noise."""
    folder.mkdir()
    rows = []
    lamp = 1 - 0.3 * np.linspace(-1, 1, HEIGHT)[:, None] ** 2 * np.ones(WIDTH)
    for well, seed in wells.items():
        whole = picture(seed)
        rng = np.random.default_rng([seed, 2])
        for site, (y, x) in enumerate(truth(seed), 1):
            seen = whole[y : y + HEIGHT, x : x + WIDTH]
            seen = np.full_like(seen, 1000) if (well, site) in blank else seen
            pixels = seen * lamp + rng.normal(0, 10, seen.shape)
            name = f"{well}_{site}.tif"
            tifffile.imwrite(folder / name, np.clip(np.rint(pixels), 0, 65535).astype(np.uint16))
            centre = (nominal(site) * step + (HEIGHT / 2, WIDTH / 2)) * PIXEL_UM
            stage = {"stage_y_um": centre[0], "stage_x_um": centre[1]}
            rows.append(
                {"path": name, "well": well, "site": site, "channel": "DAPI", "plate": "p"}
                | {**stage, "pixel_size_um": PIXEL_UM}
            )
    pd.DataFrame(rows).to_csv(folder / "load_data.csv", index=False)


def make(folder: Path, wells: dict[str, int], **options) -> Experiment:
    write_wells(folder / "files", wells, **options)
    made = Experiment.create(folder / "tiles.tmaps")
    made.add(scan(folder / "files"), plate="p")
    return made


def corners(experiment: Experiment, well: str) -> np.ndarray:
    """First pixels of the sites of a well, as stored."""
    sites = experiment.sites("p", well)
    stage = sites[["stage_y_um", "stage_x_um"]].to_numpy() / PIXEL_UM
    return stage - sites[["height", "width"]].to_numpy() / 2


def error(experiment: Experiment, well: str, seed: int) -> float:
    """Largest distance from the truth, in pixels, the well as a whole moved onto it."""
    off = corners(experiment, well) - truth(seed)
    return float(np.hypot(*(off - off.mean(axis=0)).T).max())


def configure(experiment: Experiment, **arguments) -> list[str]:
    step = MetadataConfigurator(experiment)
    events = run_step(step, step.Arguments(**{"stitch": True, **arguments}))
    return [event.message for event in events if event.message]


@pytest.fixture(scope="module")
def _files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiles") / "files"
    write_wells(folder, {"B02": 3, "B03": 4})
    return folder


@pytest.fixture
def tiles(tmp_path, _files):
    """Two wells of 3 × 3 sites; only read the files."""
    with Experiment.create(tmp_path / "tiles.tmaps") as made:
        made.add(scan(_files), plate="p")
        yield made


def test_sites_lie_where_their_images_fit(tiles):
    run(run_step(MetadataConfigurator(tiles), MetadataConfigurator.Arguments()))
    assert error(tiles, "B02", 3) > 4
    before = corners(tiles, "B02")
    said = configure(tiles)
    for well, seed in (("B02", 3), ("B03", 4)):
        assert error(tiles, well, seed) < 0.5
    assert said[0].startswith("2 wells stitched by 24 of 24 overlaps")
    # As a whole the well stays where the stage said.
    np.testing.assert_allclose(corners(tiles, "B02").mean(axis=0), before.mean(axis=0))
    assert said[0] in tiles.info()["oddities"]


def test_the_map_and_the_images_follow(tiles):
    run(convert(tiles, stitch=True))
    top, left = np.array(
        [[site.top, site.left] for site in open_map(tiles, "p").plan.sites if site.well == "B02"]
    ).T
    off = np.column_stack([top, left]) - truth(3)
    assert np.abs(off - off[0]).max() <= 1
    one, two = (tiles.plate("p").info("B02", site).translation_um for site in (1, 2))
    apart = (truth(3)[1] - truth(3)[0]) * PIXEL_UM
    np.testing.assert_allclose(np.subtract(two, one)[1:], apart, atol=0.5 * PIXEL_UM)
    # The choice is remembered, and nothing is measured or written again.
    image = tiles.plate("p").image_path("B02", 1) / "zarr.json"
    written = image.stat().st_mtime_ns
    said = [event.message for event in convert(tiles)]
    assert any("2 wells stitched" in text for text in said)
    assert image.stat().st_mtime_ns == written


def test_off_again_puts_sites_back(tiles):
    configure(tiles)
    configure(tiles, stitch=False)
    np.testing.assert_allclose(corners(tiles, "B02"), [nominal(site) for site in range(1, 10)])


def test_engines_make_no_difference(tiles):
    configure(tiles)
    first = tiles.catalogue.sites()
    tiles.catalogue.set("stitching", {})
    assert by_hand(MetadataConfigurator(tiles), stitch=True) == 2
    pd.testing.assert_frame_equal(tiles.catalogue.sites(), first)
    tiles.catalogue.set("stitching", {})
    step = MetadataConfigurator(tiles)
    batches = step.create_run_batches(step.Arguments(stitch=True))
    assert json.loads(json.dumps(batches, allow_nan=False)) == batches
    assert sum(batch["units"] for batch in batches) == 24


def test_what_was_measured_is_not_measured_again(tiles):
    said = configure(tiles)
    step = MetadataConfigurator(tiles)
    assert step.create_run_batches(step.Arguments(stitch=True)) == []
    assert said[-1] in configure(tiles)
    assert error(tiles, "B02", 3) < 0.5


def test_a_blank_site_stays_and_spoils_nothing(tmp_path):
    with make(tmp_path, {"B02": 5}, blank=(("B02", 3),)) as made:
        said = configure(made)
        off = np.delete(corners(made, "B02") - truth(5), 2, axis=0)
        assert np.hypot(*(off - off.mean(axis=0)).T).max() < 0.5
        np.testing.assert_allclose(corners(made, "B02")[2], nominal(3))
        assert "by 10 of 12 overlaps" in said[0]
        assert said[1].startswith("1 sites of stitched wells keep")


def test_wells_without_overlap_keep_their_positions(tmp_path):
    with make(tmp_path, {"B02": 6}, step=1.2) as made:
        before = [nominal(site) * 1.2 for site in range(1, 10)]
        said = configure(made)
        np.testing.assert_allclose(corners(made, "B02"), before)
        assert said == ["1 wells (B02) are not stitched: their sites do not overlap."]


def test_wells_with_nothing_to_see_keep_their_positions(tmp_path):
    blank = tuple(("B02", site) for site in range(1, 10))
    with make(tmp_path, {"B02": 6}, blank=blank) as made:
        said = configure(made)
        np.testing.assert_allclose(corners(made, "B02"), [nominal(s) for s in range(1, 10)])
        assert said == ["1 wells (B02) are not stitched: their overlaps show nothing in common."]


def test_wells_without_stage_positions_are_told(experiment):
    said = configure(experiment, stitch_channel="GFP")
    assert said[-1] == (
        "2 wells (B02, C03) are not stitched: they have no stage positions, or pixels of unknown "
        "size."
    )


def test_shifts_beyond_the_limit_are_not_believed(tiles):
    said = configure(tiles, max_shift_um=0.1)
    assert said == ["2 wells (B02, B03) are not stitched: their overlaps show nothing in common."]
    assert error(tiles, "B02", 3) > 4
    # Of neighbours that are out by up to 12 px, a limit of 3 leaves some.
    said = configure(tiles, max_shift_um=3 * PIXEL_UM)
    used = int(said[0].split(" by ")[1].split()[0])
    near = 0
    for seed in (3, 4):
        off = truth(seed) - [nominal(site) for site in range(1, 10)]
        for one, two in [(s, s + 1) for s in range(9) if s % 3 < 2] + [
            (s, s + 3) for s in range(6)
        ]:
            near += bool(np.hypot(*(off[two] - off[one])) <= 3)
    assert used == near


def test_a_site_that_cannot_be_read_is_told_and_tried_again(tmp_path):
    with make(tmp_path, {"B02": 7}) as made:
        path = tmp_path / "files" / "B02_5.tif"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        said = configure(made)
        assert any("B02 site 5" in text for text in said)
        assert any("by 8 of 12 overlaps" in text for text in said)
        assert made.catalogue.failures()["step"].tolist() == ["metaconfig"]
        path.write_bytes(whole)
        assert any("by 12 of 12 overlaps" in text for text in configure(made))
        assert made.catalogue.failures().empty
        assert error(made, "B02", 7) < 0.5


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_the_command_with_any_engine(tiles, engine):
    configure(tiles)
    expected = tiles.catalogue.sites()
    tiles.catalogue.set("stitching", {})
    configure(tiles, stitch=False, max_shift_um=10)
    tmaps("metaconfig", tiles.path, "init", "--stitch", "--max-shift-um", 10)
    said = tmaps("metaconfig", tiles.path, "submit", "--engine", engine).output
    assert "2 wells stitched by 24 of 24 overlaps" in " ".join(said.split())
    pd.testing.assert_frame_equal(tiles.catalogue.sites(), expected)


def test_arguments_that_cannot_work(tiles):
    with pytest.raises(NotFoundError, match=r"channel.*'GFP'.*DAPI"):
        configure(tiles, stitch_channel="GFP")
    with pytest.raises(InputError, match="regex first"):
        run(convert(tiles, stitch=True, regex=r"(?P<w>[A-H]\d\d)_(?P<s>\d)"))


def test_channels_of_a_real_mosaic_tell_the_same(shared_data, tmp_path):
    """2 × 2 tiles with an overlap of 10 %, recorded with a camera that is turned a little."""
    with Experiment.create(tmp_path / "real.tmaps") as made:
        made.add(scan(shared_data / "lif_fractal"), plate="p")
        found = []
        for channel in ("Cyan", "Yellow", "Magenta"):
            said = configure(made, stitch_channel=channel)
            assert said[0].startswith("2 wells stitched by 8 of 8 overlaps")
            found.append(made.catalogue.sites()[["stage_y_um", "stage_x_um"]].to_numpy())
        for other in found[1:]:
            assert np.abs(other - found[0]).max() < 0.5 * 2.27941
