"""Illumination of a screen whose lamp we know."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.workflow.test_analyse import discs
from tests.workflow.test_contract import by_hand

from napari_tmaps.errors import InputError, NotFoundError, PipelineError
from napari_tmaps.measure.illumination import LogSums, add_planes, empty_sums, merge
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.corilla import CorillaArguments, IlluminationCalculator
from napari_tmaps.workflow.fields import harmony_flat_field
from napari_tmaps.workflow.local import run_step

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)"
SHAPE = (48, 64)


def lamp() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 64.0
    return 1 / (1 + (y - 0.3) ** 2 + (x - 0.6) ** 2)


def write_screen(folder: Path, sites: int = 8) -> None:
    """Wells B02 and B03; intensities vary from pixel to pixel, under one lamp a channel."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for well in ("B02", "B03"):
        for site in range(1, sites + 1):
            for channel, light in (("DAPI", lamp()), ("GFP", lamp()[::-1])):
                scene = rng.lognormal(7, 0.3, SHAPE)
                path = folder / f"{well}_s{site}_{channel}.tif"
                tifffile.imwrite(path, np.rint(scene * light).astype(np.uint16))


@pytest.fixture
def screen(tmp_path: Path):
    write_screen(tmp_path / "files")
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(tmp_path / "files", pattern=PATTERN), plate="p")
        run(convert(made))
        yield made


def calculate(experiment: Experiment, **arguments) -> list[str]:
    step = IlluminationCalculator(experiment)
    args = CorillaArguments(**arguments)
    step.check(args)
    return [event.message for event in run_step(step, args) if event.message]


def stack(experiment: Experiment, channel: str) -> np.ndarray:
    return np.stack(
        [
            experiment.image("p", well, site, channel)[0]
            for well in ("B02", "B03")
            for site in range(1, 9)
        ]
    )


def test_statistics_are_those_of_all_images(screen):
    said = calculate(screen)
    assert any("16 images" in text for text in said)
    entries = {entry.channel: entry for entry in screen.illumination.entries()}
    assert set(entries) == {"DAPI", "GFP"}
    logs = np.log10(stack(screen, "DAPI"))
    folder = screen.illumination.path / entries["DAPI"].folder
    np.testing.assert_allclose(tifffile.imread(folder / "mean.tif"), logs.mean(axis=0), atol=2e-5)
    np.testing.assert_allclose(
        tifffile.imread(folder / "std.tif"), logs.std(axis=0, ddof=1), atol=2e-5
    )
    facts = screen.illumination.statistics(entries["DAPI"])
    pooled = np.sort(stack(screen, "DAPI"), axis=None)
    assert facts["images"] == 16
    assert facts["percentiles"]["50"] == pooled[pooled.size // 2 - 1]
    counts = pd.read_csv(folder / "histogram.csv")
    assert counts["pixels"].sum() == pooled.size
    assert (counts["intensity"] * counts["pixels"]).sum() == pooled.sum()
    assert facts["unevenness_before_percent"] > 3 * facts["unevenness_after_percent"]
    assert calculate(screen) == ["All illumination fields are there already."]


def test_corrected_images_are_even(screen):
    calculate(screen)
    field = screen.illumination.field("GFP", "p", "B02", 1, 0, 0)
    images = stack(screen, "GFP")
    before, after = (
        np.mean(found, axis=0)[:40, :56].reshape(5, 8, 7, 8).mean(axis=(1, 3))
        for found in (images, [field.correct(image) for image in images])
    )
    assert before.std() / before.mean() > 0.08
    assert after.std() / after.mean() < 0.025
    # A part of an image is corrected as it is within the whole.
    part = field.correct(images[0][8:20, 5:30], slice(8, 20), slice(5, 30))
    np.testing.assert_array_equal(part, field.correct(images[0])[8:20, 5:30])


def test_batches_and_engines_do_not_matter(screen):
    calculate(screen, batch_size=100)
    first = {p.name: p.read_bytes() for p in screen.illumination.path.rglob("*.tif")}
    names = [entry.folder for entry in screen.illumination.entries()]
    IlluminationCalculator(screen).delete_previous_job_output()
    assert screen.illumination.entries() == ()
    by_hand(IlluminationCalculator(screen), batch_size=3)
    assert names == [entry.folder for entry in screen.illumination.entries()]
    assert first == {p.name: p.read_bytes() for p in screen.illumination.path.rglob("*.tif")}


def test_a_field_from_a_part_of_its_images_is_not_written(screen):
    step = IlluminationCalculator(screen)
    args = CorillaArguments(batch_size=4)
    batches = json.loads(json.dumps(list(step.create_run_batches(args))))
    collect = step.create_collect_batch(args)
    jobs = IlluminationCalculator.for_jobs(screen.path)
    results = [jobs.run_job(batch) for batch in batches[:-1]]
    step.collect_job_output(collect, results)
    assert [entry.channel for entry in screen.illumination.entries()] == ["DAPI"]
    # What was added up is not read again.
    images = screen.plate("p").path
    hidden = images.with_name("elsewhere")
    images.rename(hidden)
    results = [jobs.run_job(batch) for batch in batches[:-1]]
    hidden.rename(images)
    step.collect_job_output(collect, [*results, jobs.run_job(batches[-1])])
    assert [entry.channel for entry in screen.illumination.entries()] == ["DAPI", "GFP"]
    assert not (screen.path / "workflow" / "illumination_sums").exists()


def test_by_plate_and_by_acquisition(screen, tmp_path):
    write_screen(tmp_path / "more", sites=2)
    screen.add(scan(tmp_path / "more", pattern=PATTERN), plate="p", acquisition="second")
    run(convert(screen))  # the second one is a second time point of two sites
    calculate(screen, by="acquisition")
    store = screen.illumination
    first = store.find("DAPI", "p", "B02", 1, 0, 0)
    second = store.find("DAPI", "p", "B02", 1, 0, 1)
    assert store.statistics(first)["images"] == 16
    assert store.statistics(second)["images"] == 4
    assert store.find("DAPI", "p", "B02", 5, 0, 1) is None
    calculate(screen, by="plate")
    assert store.find("DAPI", "p", "B02", 5, 0, 1) == store.find("DAPI", "p", "B02", 1, 0, 0)
    assert store.find("DAPI", "other", "B02", 1, 0, 0) is None
    calculate(screen, by="cycle")
    assert store.find("DAPI", "other", "B02", 1, 0, 0) is not None
    assert store.find("DAPI", "p", "B02", 1, 1, 0) is None
    assert len([path for path in store.path.iterdir() if path.is_dir()]) == 2


def test_an_image_that_is_gone_or_of_another_size_is_left_out_and_told(tmp_path):
    write_screen(tmp_path / "files", sites=3)
    tifffile.imwrite(tmp_path / "files/B02_s2_DAPI.tif", np.ones((20, 20), np.uint16))
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(tmp_path / "files", pattern=PATTERN), plate="p")
        (tmp_path / "files/B03_s1_DAPI.tif").unlink()
        list(convert(made))
        said = calculate(made)
        assert any("B02 site 2" in text and "20 × 20" in text for text in said)
        failures = made.catalogue.failures().query("step == 'corilla'")
        assert set(failures["well"]) == {"B02", "B03"}
        facts = {e.channel: made.illumination.statistics(e) for e in made.illumination.entries()}
        assert (facts["DAPI"]["images"], facts["GFP"]["images"]) == (4, 6)


def test_flat_and_dark_images_of_the_user(screen, tmp_path):
    tifffile.imwrite(tmp_path / "flat_DAPI.tif", (lamp() * 1000).astype(np.uint16))
    tifffile.imwrite(tmp_path / "flat_GFP.tif", (lamp()[::-1] * 1000).astype(np.uint16))
    tifffile.imwrite(tmp_path / "dark.tif", np.full(SHAPE, 7, np.uint16))
    calculate(
        screen,
        method="images",
        flat_image=str(tmp_path / "flat_{channel}.tif"),
        dark_image=str(tmp_path / "dark.tif"),
    )
    image = stack(screen, "DAPI")[0]
    flat = (lamp() * 1000).astype(np.uint16) / 1.0
    expected = np.rint((image - 7.0) / (flat / flat.mean()))
    found = screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).correct(image)
    assert np.abs(found - expected).max() <= 1


def test_flat_field_found_in_the_images(screen):
    calculate(screen, method="flat")
    found = screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).flat
    assert np.corrcoef(found.ravel(), lamp().ravel())[0, 1] > 0.8
    assert found.mean() == pytest.approx(1, abs=1e-3)
    calculate(screen, method="flat", dark_level=20)
    assert (screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).dark == 20).all()
    calculate(screen, method="flat", dark_level=-1)
    assert screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).dark.min() >= 0


def test_a_correction_that_makes_it_worse_says_so(tmp_path):
    """Few images of bright objects: the field shows them instead of the lamp."""
    (tmp_path / "files").mkdir()
    for site in (1, 2, 3, 4):
        image = np.full(SHAPE, 1000, np.uint16)
        image[10 * site : 10 * site + 9, 20:50] = 40000
        tifffile.imwrite(tmp_path / f"files/B02_s{site}_DAPI.tif", image)
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(tmp_path / "files", pattern=PATTERN), plate="p")
        run(convert(made))
        assert any("less even than they are" in text for text in calculate(made))


PROFILE = (
    "{Background: {Character: NonFlat, Mean: 1857.9, Profile: {Coefficients: [[1.5], [-0.5, 0.25], "
    "[0, 1, 0]], Dims: [4, 2], Origin: [1.5, 0.5], Scale: [0.1, 0.2], Type: Polynomial}}, "
    "Channel: 3, ChannelName: 488 650, Version: Acapella:2013}"
)


def test_profile_of_harmony():
    flat = harmony_flat_field(PROFILE)
    x, y = (3 - 1.5) * 0.1, (0 - 0.5) * 0.2
    by_hand_value = 1.5 - 0.5 * x + 0.25 * y + x * y
    assert flat.shape == (2, 4)
    assert flat.mean() == pytest.approx(1)
    centre = 1.5 - 0.5 * 0.05 + 0.25 * -0.1 - 0.05 * 0.1
    assert flat[0, 3] / flat[0, 2] == pytest.approx(by_hand_value / centre)


def test_real_profile_of_harmony(shared_data, tmp_path):
    folder = shared_data / "harmony_operetta_compose" / "operetta_plate"
    with Experiment.create(tmp_path / "op.tmaps") as made:
        made.add(scan(folder))
        run(convert(made))
        said = calculate(made, method="microscope")
        entries = made.illumination.entries()
        assert len(entries) == len(made.channels()), said
        flat = tifffile.imread(made.illumination.path / entries[0].folder / "flat.tif")
        assert flat.shape == made.info()["image_size"] or list(flat.shape) == [1080, 1080]
        assert 0.2 < flat.min() < 1 < flat.max() < 2
        assert flat[0, 0] < flat[540, 540]


def test_real_flat_and_dark_images(shared_data, tmp_path):
    """A field of a real microscope levels its own picture."""
    folder = shared_data / "fractal_illum"
    (tmp_path / "files").mkdir()
    from skimage import io

    picture = io.imread(folder / "flatfield_corr_matrix.png")
    tifffile.imwrite(tmp_path / "files/B02_s1_DAPI.tif", picture)
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(tmp_path / "files", pattern=PATTERN), plate="p")
        run(convert(made))
        flat = str(folder / "flatfield_corr_matrix.png")
        calculate(made, method="images", flat_image=flat)
        image = made.image("p", "B02", 1, "DAPI")[0]
        even = made.illumination.field("DAPI", "p", "B02", 1, 0, 0).correct(image)
        assert picture.max() > 6 * picture.min()
        assert np.ptp(even.astype(int)) <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"method": "images"}, "needs flat_image", id="no image"),
        pytest.param({"method": "images", "flat_image": "x.tif"}, "no file 'x.tif'", id="gone"),
        pytest.param({"flat_image": "x.tif"}, "go with the method 'images'", id="other method"),
    ],
)
def test_arguments_that_cannot_work(screen, arguments, words):
    with pytest.raises(InputError, match=words):
        calculate(screen, **arguments)


@pytest.mark.parametrize(
    ("flat", "dark", "words"),
    [
        pytest.param(np.zeros(SHAPE, np.uint16), None, "not greater than 0", id="zeros"),
        pytest.param(np.ones((4, *SHAPE, 3), np.uint8), None, "one grey plane", id="colours"),
        pytest.param(b"no image", None, "cannot be read", id="no image"),
        pytest.param(np.ones(SHAPE, np.uint8), np.ones((2, 2), np.uint8), "2 × 2", id="sizes"),
    ],
)
def test_images_that_are_no_fields(screen, tmp_path, flat, dark, words):
    path = tmp_path / "flat.tif"
    if isinstance(flat, bytes):
        path.write_bytes(flat)
    else:
        tifffile.imwrite(path, flat)
    arguments = {"method": "images", "flat_image": str(path)}
    if dark is not None:
        tifffile.imwrite(tmp_path / "dark.tif", dark)
        arguments["dark_image"] = str(tmp_path / "dark.tif")
    assert any(words in text for text in calculate(screen, **arguments))
    assert screen.illumination.entries() == ()


def test_no_profile_of_the_microscope(screen):
    assert any("stored no flat field" in text for text in calculate(screen, method="microscope"))


def test_before_the_layout(tmp_path):
    with Experiment.create(tmp_path / "empty.tmaps") as empty, pytest.raises(NotFoundError):
        calculate(empty)


def corrected_discs() -> PipelineDescription:
    content = discs(threshold=1400).model_dump()
    content["input"]["channels"][0]["correct"] = True
    return PipelineDescription.model_validate(content)


def test_pipelines_see_corrected_channels(screen):
    with pytest.raises(PipelineError, match="corilla"):
        run(analyse(screen, corrected_discs()))
    calculate(screen)
    run(analyse(screen, corrected_discs()))
    image = stack(screen, "DAPI")[0]
    corrected = screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).correct(image)
    labels = screen.labels("p", "B02", 1, "Discs")[0]
    # register_objects takes a mask of what the module saw as bright
    np.testing.assert_array_equal(labels > 0, corrected > 1400)
    table = screen.features.read("Discs")
    assert table["Intensity_max_DAPI"].max() == max(
        screen.illumination.field("DAPI", "p", "B02", 1, 0, 0).correct(image).max()
        for image in stack(screen, "DAPI")
    )
    assert table["Intensity_max_GFP"].max() <= stack(screen, "GFP").max()
    # The same again is not done again; another field is another result.
    assert any("already" in event.message for event in analyse(screen, corrected_discs()))
    calculate(screen, by="plate", method="flat")
    assert not any("already" in event.message for event in analyse(screen, corrected_discs()))


def test_sums_can_be_merged_in_any_order():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 65536, (6, 5, 7), dtype=np.uint16)

    def added(numbers) -> LogSums:
        sums = empty_sums((5, 7), np.uint16)
        for number in numbers:
            sums = add_planes(sums, [images[number]])
        return sums

    whole = added(range(6))
    parts = merge([added([4, 1]), added([5]), added([0, 3, 2])])
    assert parts.count == whole.count == 6
    for name in ("total", "squares", "counts"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
