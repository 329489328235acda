"""Maps of small plates, against pictures put together by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from tests.workflow.rounds import make_experiment
from tests.workflow.test_align import align, nuclei
from tests.workflow.test_analyse import discs
from tests.workflow.test_contract import by_hand
from tests.workflow.test_corilla import calculate

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import PlateMap, open_map
from napari_tmaps.streams import ngff
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert, mapparts
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)_z(?P<z>\d)"
SHAPE = (150, 201)
WELLS = ("B02", "B04", "C03")
LAYOUT = {"stitch_layout": "horizontal", "n_vertical": 2, "n_horizontal": 2}


def plane(well: str, site: int, channel: str, z: int = 0) -> np.ndarray:
    rng = np.random.default_rng([ord(well[0]), int(well[1:]), site, ord(channel[0]), z])
    return rng.integers(100, 4000, SHAPE, dtype=np.uint16)


def name(well: str, site: int, channel: str, z: int = 0) -> str:
    return f"{well}_s{site}_{channel}_z{z}.tif"


def write_screen(folder: Path, depth: int = 1) -> None:
    """Three wells of 2 × 2 sites."""
    folder.mkdir()
    for well in WELLS:
        for site in (1, 2, 3, 4):
            for channel in ("DAPI", "GFP"):
                for z in range(depth):
                    path = folder / name(well, site, channel, z)
                    tifffile.imwrite(path, plane(well, site, channel, z))


def make(folder: Path, version: str = "0.5", **options) -> Experiment:
    made = Experiment.create(folder / "screen.tmaps", ngff_version=version)
    made.add(scan(folder / "files", pattern=PATTERN), plate="p")
    list(convert(made, **LAYOUT, **options))
    return made


@pytest.fixture
def screen(tmp_path: Path):
    write_screen(tmp_path / "files")
    with make(tmp_path) as made:
        yield made


def build(experiment: Experiment, **arguments) -> list[str]:
    step = PyramidBuilder(experiment)
    args = IlluminatiArguments(**arguments)
    step.check(args)
    return [event.message for event in run_step(step, args) if event.message]


def picture(shape: tuple[int, int], channel: str, read=plane) -> np.ndarray:
    """Level 0 by hand: wells 2 rows × 3 columns apart, sites side by side."""
    whole = np.zeros(shape, np.uint16)
    pitch = (320, 432)  # 300 and 402 pixels, 6 % more, up to multiples of 8
    for well in WELLS:
        for site in (1, 2, 3, 4):
            pixels = read(well, site, channel)
            if pixels is None:
                continue
            top = (ord(well[0]) - 66) * pitch[0] + SHAPE[0] * ((site - 1) // 2)
            left = (int(well[1:]) - 2) * pitch[1] + SHAPE[1] * ((site - 1) % 2)
            whole[top : top + SHAPE[0], left : left + SHAPE[1]] = pixels
    return whole


def halved(image: np.ndarray) -> np.ndarray:
    """Exact means of 2 × 2 pixels, halves rounded up; at an odd edge of those that exist."""
    height, width = image.shape
    padded = np.pad(image, [(0, height % 2), (0, width % 2)], mode="edge").astype(np.uint64)
    sums = padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]
    return ((sums + 2) // 4).astype(image.dtype)


def whole(level, t: int = 0, z: int = 0) -> np.ndarray:
    return level.read(t, z, slice(0, level.shape[2]), slice(0, level.shape[3]))


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_every_level_is_the_plate(tmp_path, version):
    write_screen(tmp_path / "files")
    with make(tmp_path, version) as made:
        build(made)
        found = open_map(made, "p")
        assert found.built
        assert not found.stale
        assert found.missing == ()
        for channel in ("DAPI", "GFP"):
            levels = found.channel(channel)
            expected = picture(levels[0].shape[2:], channel)
            assert len(levels) == 2  # 620 × 1266 pixels, then 310 × 633
            for level in levels:
                np.testing.assert_array_equal(whole(level), expected)
                expected = halved(expected)
            part = levels[0].read(0, 0, slice(140, 330), slice(150, 500))
            np.testing.assert_array_equal(part, picture((620, 1266), channel)[140:330, 150:500])


@pytest.mark.parametrize(("shape", "taken"), [((300, 268), True), ((299, 268), False)])
def test_half_size_pixels_of_the_sites_make_the_same_map(tmp_path, monkeypatch, shape, taken):
    rng = np.random.default_rng(3)
    (tmp_path / "files").mkdir()
    for site in (1, 2, 3, 4):
        pixels = rng.integers(100, 4000, shape, dtype=np.uint16)
        tifffile.imwrite(tmp_path / "files" / name("B02", site, "DAPI"), pixels)
    is_halved = mapparts._Channel.is_halved
    told, maps = [], []

    def asked(allowed: bool):
        def answer(self, site):
            told.append(is_halved(self, site))
            return allowed and told[-1]

        return answer

    with make(tmp_path) as made:
        for allowed in (True, False):
            monkeypatch.setattr(mapparts._Channel, "is_halved", asked(allowed))
            PyramidBuilder(made).delete_previous_job_output()
            build(made)
            maps.append([whole(level) for level in open_map(made, "p").channel("DAPI")])
    assert told[0] is taken
    for half, full in zip(*maps, strict=True):
        np.testing.assert_array_equal(half, full)


def test_other_programs_open_it(screen):
    build(screen)
    state = json.loads((screen.path / "maps/p/map.json").read_text())
    image = screen.path / "maps/p" / state["image"]
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    node = next(iter(Reader(parse_url(image))()))
    found = open_map(screen, "p")
    np.testing.assert_array_equal(
        np.asarray(node.data[0])[0, 0, 0], whole(found.channel("DAPI")[1])
    )
    assert node.metadata["channel_names"] == ["DAPI", "GFP"]
    info = ngff.read_info(image)
    assert info.axes == "tczyx"
    low, high = info.contrast[0]
    values = whole(found.channel("DAPI")[1])
    assert (low, high) == found.contrast("DAPI")
    assert (values[values > 0] <= high).mean() == pytest.approx(0.999, abs=1e-3)


def test_large_plates_have_coarser_levels_that_agree(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_tmaps.store.mapplan.COARSEST", 40)
    monkeypatch.setattr("napari_tmaps.model.arrange.LONGEST_PART", 150)  # wells in parts
    monkeypatch.setattr("napari_tmaps.store.mapfiles._CHUNK", 16)
    write_screen(tmp_path / "files")
    with make(tmp_path) as made:
        build(made)
        found = open_map(made, "p")
        assert found.plan.grid.parts == (3, 3)
        assert (found.plan.fine, found.plan.levels) == (3, 5)
        levels = found.channel("GFP")
        pitch = found.plan.grid.corner("C03")
        expected = np.zeros(levels[0].shape[2:], np.uint16)
        for site in found.plan.sites:
            here = slice(site.top, site.top + SHAPE[0]), slice(site.left, site.left + SHAPE[1])
            expected[here] = plane(site.well, site.site, "GFP")
        assert expected[pitch[0] : pitch[0] + 150].any()
        for level in levels:
            np.testing.assert_array_equal(whole(level), expected)
            expected = halved(expected)


def test_batches_and_engines_do_not_matter(screen, tmp_path):
    build(screen)
    image = next((screen.path / "maps/p").glob("*.ome.zarr"))
    first = {p.relative_to(image): p.read_bytes() for p in image.rglob("*") if p.is_file()}
    assert build(screen) == ["The maps are up to date."]
    PyramidBuilder(screen).delete_previous_job_output()
    assert not image.exists()
    assert by_hand(PyramidBuilder(screen), batch_size=1) == 3
    again = {p.relative_to(image): p.read_bytes() for p in image.rglob("*") if p.is_file()}
    assert again == first


def test_files_a_site(screen):
    build(screen)
    files = [path for path in (screen.path / "maps").rglob("*") if path.is_file()]
    assert len(files) <= 12  # for 12 sites of two channels


def test_only_what_has_changed_is_made_anew(screen, tmp_path):
    build(screen)
    before = {
        p: p.stat().st_mtime_ns
        for p in (screen.path / "maps/p").rglob("c/*/*/*/*/*")
        if p.is_file()
    }
    changed = np.full(SHAPE, 9, np.uint16)
    tifffile.imwrite(tmp_path / "files" / name("C03", 4, "GFP"), changed)
    screen.add(scan(tmp_path / "files", pattern=PATTERN), plate="p", update=True)
    run(convert(screen))
    batches = PyramidBuilder(screen).create_run_batches(IlluminatiArguments())
    assert [(w["well"], w["layers"]) for b in batches for w in b["work"]] == [
        ("C03", ["channel:DAPI", "channel:GFP"])  # one image has both
    ]
    build(screen)
    level = open_map(screen, "p").channel("GFP")[1]
    expected = picture(
        (620, 1266), "GFP", lambda *key: changed if key == ("C03", 4, "GFP") else plane(*key)
    )
    np.testing.assert_array_equal(whole(level), halved(expected))
    kept = [path for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert len(kept) == 4  # two wells of two channels


def test_an_interrupted_build_goes_on(screen):
    step = PyramidBuilder(screen)
    args = IlluminatiArguments(batch_size=1)
    batches = list(step.create_run_batches(args))
    results = [PyramidBuilder.for_jobs(screen.path).run_job(batches[0])]
    step.collect_job_output(step.create_collect_batch(args), results)
    done = batches[0]["work"][0]["well"]
    left = [w["well"] for b in step.create_run_batches(args) for w in b["work"]]
    assert left == [well for well in WELLS if well != done]
    build(screen)
    np.testing.assert_array_equal(
        whole(open_map(screen, "p").channel("DAPI")[1]), halved(picture((620, 1266), "DAPI"))
    )


def test_sites_that_are_missing_damaged_or_of_another_size(tmp_path):
    write_screen(tmp_path / "files")
    files = tmp_path / "files"
    for channel in ("DAPI", "GFP"):
        (files / name("B02", 2, channel)).unlink()  # a site
        tifffile.imwrite(files / name("B04", 1, channel), np.full((100, 90), 5, np.uint16))
    (files / name("C03", 1, "GFP")).unlink()  # a channel of a site
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(files, pattern=PATTERN), plate="p")
        list(convert(made))
        said = build(made)
        assert any("C03 site 1" in text and "GFP" in text for text in said)
        found = open_map(made, "p")
        assert found.missing == (("C03", 1, "channel:GFP"),)
        levels = found.channel("GFP")
        expected = np.zeros(levels[0].shape[2:], np.uint16)
        for site in found.plan.sites:
            if (site.well, site.site) == ("C03", 1):
                continue
            pixels = plane(site.well, site.site, "GFP")
            if (site.well, site.site) == ("B04", 1):
                pixels = np.full((100, 90), 5, np.uint16)
            height, width = pixels.shape
            expected[site.top : site.top + height, site.left : site.left + width] = pixels
        assert ("B02", 2) not in {(site.well, site.site) for site in found.plan.sites}
        np.testing.assert_array_equal(whole(levels[0]), expected)
        np.testing.assert_array_equal(whole(levels[1]), halved(expected))


def test_maps_older_than_the_layout_are_known(screen):
    build(screen)
    run(convert(screen, stitch_layout="horizontal", n_vertical=1, n_horizontal=4))
    found = open_map(screen, "p")
    assert found.stale
    assert not found.built
    assert len(found.channel("DAPI")) == 1  # level 0 is there all the same
    assert whole(found.channel("DAPI")[0]).any()
    build(screen)
    assert not open_map(screen, "p").stale
    assert len(list((screen.path / "maps/p").glob("*.ome.zarr"))) == 1


def test_maps_older_than_the_images_are_known(screen, tmp_path):
    build(screen)
    assert open_map(screen, "p").stale_wells() == {}
    tifffile.imwrite(tmp_path / "files" / name("C03", 4, "GFP"), np.full(SHAPE, 9, np.uint16))
    screen.add(scan(tmp_path / "files", pattern=PATTERN), plate="p", update=True)
    run(convert(screen))
    assert open_map(screen, "p").stale_wells() == {"C03": ("channel:DAPI", "channel:GFP")}


def test_stacks_and_originals(tmp_path):
    write_screen(tmp_path / "files", depth=2)
    with make(tmp_path, in_place=True) as made:
        build(made)
        levels = open_map(made, "p").channel("DAPI")
        assert levels[0].shape[:2] == (1, 2)
        for z in (0, 1):
            expected = picture(
                (620, 1266), "DAPI", lambda well, site, channel, z=z: plane(well, site, channel, z)
            )
            np.testing.assert_array_equal(whole(levels[0], z=z), expected)
            np.testing.assert_array_equal(whole(levels[1], z=z), halved(expected))


def test_labels_have_numbers_of_their_own_in_the_plate(screen):
    build(screen)
    assert open_map(screen, "p").object_types == ()
    run(analyse(screen, discs(threshold=3900)))
    batches = PyramidBuilder(screen).create_run_batches(IlluminatiArguments())
    assert {name for b in batches for w in b["work"] for name in w["layers"]} == {"labels:Discs"}
    build(screen)
    found = open_map(screen, "p")
    assert found.object_types == ("Discs",)
    fine, half = found.labels("Discs")
    numbers = whole(fine)
    np.testing.assert_array_equal(whole(half), numbers[::2, ::2])
    # In the order of the plate, each with its own
    sites = {found.plan.object_at(value)[:2] for value in np.unique(numbers) if value}
    assert len(sites) == 12
    site = found.plan.sites[5]
    row, column = np.argwhere(screen.labels("p", site.well, site.site, "Discs")[0] > 0)[0]
    label = screen.labels("p", site.well, site.site, "Discs")[0][row, column]
    value = numbers[site.top + row, site.left + column]
    assert found.plan.object_at(value) == (site.well, site.site, label)
    for wrong in (0, 10**9 + 7, found.plan.stride):
        with pytest.raises(NotFoundError, match="No object"):
            found.plan.object_at(wrong)
    state = json.loads((screen.path / "maps/p/map.json").read_text())
    labels = ngff.read_info(screen.path / "maps/p" / state["image"] / "labels/Discs")
    assert labels.is_label


def test_corrected_and_aligned(tmp_path):
    with make_experiment(tmp_path) as made:
        align(made)
        calculate(made)
        build(made, align=True, illumcorr=True, illumcorr_exceptions="1_GFP")
        found = open_map(made, "p")
        dapi = [whole(found.channel(f"{cycle}_DAPI")[0]).astype(float) for cycle in (0, 1)]
        there = (dapi[0] > 0) & (dapi[1] > 0)
        assert np.corrcoef(dapi[0][there], dapi[1][there])[0, 1] > 0.9
        np.testing.assert_array_equal(dapi[0] > 0, dapi[1] > 0)  # what they have in common
        site = next(s for s in found.plan.sites if (s.well, s.site) == ("B02", 2))
        window = made.shifts.window("p", "B02", 2)
        for channel, cycle in (("1_DAPI", 1), ("1_GFP", 1), ("0_GFP", 0)):
            image = made.image("p", "B02", 2, channel)[0]
            if channel != "1_GFP":
                image = made.illumination.field(channel, "p", "B02", 2, cycle, 0).correct(image)
            expected = window.paste(window.cut(image, cycle))
            levels = found.channel(channel)
            here = (
                slice(site.top, site.top + site.height),
                slice(site.left, site.left + site.width),
            )
            np.testing.assert_array_equal(levels[0].read(0, 0, *here), expected)
            inside = levels[0].read(0, 0, slice(here[0].start + 50, here[0].start + 60), here[1])
            np.testing.assert_array_equal(inside, expected[50:60])
            if site.top % 2 == site.left % 2 == 0:
                stored = whole(levels[1])
                half = halved(expected)
                row, column = site.top // 2, site.left // 2
                found_half = stored[row : row + half.shape[0], column : column + half.shape[1]]
                np.testing.assert_array_equal(found_half, half)


def test_labels_of_aligned_sites(tmp_path):
    with make_experiment(tmp_path) as made:
        align(made)
        run(analyse(made, nuclei("0_DAPI", "1_DAPI")))
        build(made, align=True)
        found = open_map(made, "p")
        labels, image = (
            whole(levels[0]) for levels in (found.labels("Spots"), found.channel("0_DAPI"))
        )
        np.testing.assert_array_equal(labels > 0, image > 1200)


def test_clipping_is_for_the_eye_only(screen):
    build(screen, clip=True, clip_value=777)
    found = open_map(screen, "p")
    assert whole(found.channel("DAPI")[1]).max() > 777
    assert ngff.read_info(found._files.image).contrast[0][1] == 777
    build(screen, clip=True, clip_percent=50.0)
    values = whole(open_map(screen, "p").channel("DAPI")[1])
    assert open_map(screen, "p").contrast("DAPI")[1] == pytest.approx(
        np.median(values[values > 0]), abs=2
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"illumcorr": True}, "Run corilla first", id="illumination"),
        pytest.param({"align": True}, "Run align first", id="shifts"),
        pytest.param({"illumcorr_exceptions": "DAPY"}, "Did you mean 'DAPI'", id="channel"),
    ],
)
def test_arguments_that_cannot_work(screen, arguments, words):
    with pytest.raises((InputError, NotFoundError), match=words):
        build(screen, **arguments)


def test_names_that_there_are_not(screen, tmp_path):
    found = open_map(screen, "p")
    assert not found.built
    assert found.contrast("DAPI") is None
    with pytest.raises(NotFoundError, match="DAPY"):
        found.channel("DAPY")
    with pytest.raises(NotFoundError, match="Discs"):
        found.labels("Discs")
    with pytest.raises(NotFoundError, match="plate 'q'"):
        open_map(screen, "q")
    with Experiment.create(tmp_path / "new.tmaps") as new:
        new.add(scan(tmp_path / "files", pattern=PATTERN), plate="p")
        with pytest.raises(NotFoundError, match="Convert it first"):
            open_map(new, "p")


def test_damaged_maps(screen):
    build(screen)
    state = screen.path / "maps/p/map.json"
    image = screen.path / "maps/p" / json.loads(state.read_text())["image"]
    shutil.rmtree(image / "1")
    with pytest.raises(FormatError, match="run illuminati"):
        open_map(screen, "p").channel("DAPI")
    state.write_text("{")
    with pytest.raises(FormatError, match="run illuminati"):
        open_map(screen, "p")


def test_the_map_is_read_from_many_threads(screen):
    from concurrent.futures import ThreadPoolExecutor

    build(screen)
    found: PlateMap = open_map(screen, "p")
    level = found.channel("DAPI")[0]
    expected = whole(level)
    rows = [slice(top, top + 31) for top in range(0, 589, 31)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda y: level.read(0, 0, y, slice(0, 1266)), rows))
    for y, part in zip(rows, parts, strict=True):
        np.testing.assert_array_equal(part, expected[y])
    assert zarr.open_array(found._files.image / "1", mode="r").shape == (1, 2, 1, 310, 633)


def test_a_cycle_that_is_missing_at_a_site(tmp_path):
    without = ("1/B02_s1_DAPI.tif", "1/B02_s1_GFP.tif")
    with make_experiment(tmp_path, without=without) as made:
        align(made)
        said = build(made, align=True)
        assert any("B02 site 1" in text and "1_DAPI" in text for text in said)
        found = open_map(made, "p")
        assert found.missing == (("B02", 1, "channel:1_DAPI"), ("B02", 1, "channel:1_GFP"))
        site = found.plan.sites[0]
        here = (slice(site.top, site.top + site.height), slice(site.left, site.left + site.width))
        for level in found.channel("1_DAPI")[:1]:
            assert not level.read(0, 0, *here).any()
        # What is there is shown whole: the site has nothing to be aligned with.
        image = made.image("p", "B02", 1, "0_DAPI")[0]
        np.testing.assert_array_equal(found.channel("0_DAPI")[0].read(0, 0, *here), image)
