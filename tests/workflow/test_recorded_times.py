"""A plate whose GFP was recorded at times 0 and 2 of 0, 1, 2, 3 only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.workflow.screen import plane
from tests.workflow.test_analyse import discs
from tests.workflow.test_illuminati import build
from tests.workflow.test_recorded_planes import IN_PLACE

from napari_tmaps.errors import MissingError, PipelineError
from napari_tmaps.model.progress import run
from napari_tmaps.model.report import import_report, report_text
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export import save_site
from napari_tmaps.store.maps import open_map
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.align import AlignArguments, ImageRegistrator
from napari_tmaps.workflow.local import run_step

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)_t(?P<t>\d)"
TIMES = {"DAPI": (0, 1, 2, 3), "GFP": (0, 2)}


def frame(well: str, site: int, channel: str, t: int) -> np.ndarray:
    """A plane that tells its time."""
    return plane(well, site, channel, 0) + np.uint16(20 * t)


def write(folder: Path, times: dict[str, tuple[int, ...]], lost: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    for well in ("B02", "C03"):
        for site in (1, 2):
            for channel in times:
                for t in times[channel]:
                    name = f"{well}_s{site}_{channel}_t{t}.tif"
                    if name not in lost:
                        tifffile.imwrite(folder / name, frame(well, site, channel, t))
    return folder


def make(folder: Path, times=TIMES, *, lost: tuple[str, ...] = (), **options) -> Experiment:
    """Wells B02, C03 × 2 sites."""
    made = Experiment.create(folder / "screen.tmaps")
    made.add(scan(write(folder / "files", times, lost), pattern=PATTERN), plate="p")
    list(convert(made, **options))
    return made


def test_the_scan_says_which_channel_has_fewer(tmp_path):
    found = scan(write(tmp_path / "files", TIMES), pattern=PATTERN)
    assert found.summary()["time_points"] == {"DAPI": 4, "GFP": 2}
    assert found.summary()["size_t"] == 4
    assert "Time points  4 of DAPI; 2 of GFP" in report_text(import_report(found))
    assert not found.planes["missing"].any()


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_each_channel_has_its_own_times(tmp_path, in_place):
    with make(tmp_path, in_place=in_place) as made:
        info = made.info()
        assert (info["missing"], info["time_points"]) == ([], {"DAPI": 4, "GFP": 2})
        image = made.image("p", "C03", 2, "GFP", t=2)
        np.testing.assert_array_equal(image, frame("C03", 2, "GFP", 2)[np.newaxis])
        with pytest.raises(MissingError, match=r"'GFP' was not recorded at t = 1, only at t = 0, "):
            made.image("p", "C03", 2, "GFP", t=1)
        with pytest.raises(MissingError, match=r"'DAPI' was not recorded at t = 7"):
            made.image("p", "C03", 2, "DAPI", t=7)


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_times_when_all_channels_were_recorded_are_analysed(tmp_path, in_place):
    with make(tmp_path, in_place=in_place) as made:
        messages = [event.message for event in analyse(made, discs())]
        told = "p: analysed at t = 0, 2 only, for 'GFP' of the pipeline was not recorded at all 4"
        assert any(message.startswith(told) for message in messages)
        assert made.info()["failures"] == []
        table = made.features.read("Discs")
        assert sorted(set(table.index.get_level_values("t"))) == [0, 2]
        labels = made.labels("p", "B02", 2, "Discs", t=2)
        value = table.loc[("p", "B02", 2, 2, 1), "Intensity_mean_GFP"]
        assert value == pytest.approx(frame("B02", 2, "GFP", 2)[labels[0] == 1].mean(), rel=1e-12)
        assert not made.labels("p", "B02", 2, "Discs", t=1).any()
        run(analyse(made, discs(channels=("DAPI",))))
        times = made.features.read("Discs").index.get_level_values("t")
        assert sorted(set(times)) == [0, 1, 2, 3]


def test_a_lost_image_still_fails_its_site(tmp_path):
    with make(tmp_path, lost=("B02_s1_GFP_t2.tif",)) as made:
        assert [(g["channel"], g["t"]) for g in made.info()["missing"]] == [("GFP", 2)]
        run(analyse(made, discs()))
        (failed,) = made.info()["failures"]
        assert (failed["well"], failed["site"]) == ("B02", 1)
        assert "'GFP' has no image at t = 2" in failed["message"]


def test_channels_that_were_never_recorded_together_are_refused(tmp_path):
    with make(tmp_path, {"DAPI": (0, 1), "GFP": (2,)}) as made:
        message = r"'discs' cannot run on plate 'p'.*'DAPI' at t = 0, 1; 'GFP' at t = 2\. Leave"
        with pytest.raises(PipelineError, match=message):
            run(analyse(made, discs()))


def test_a_site_that_ended_before_the_second_channel_fails_alone(tmp_path):
    times = {"DAPI": (0, 1, 2), "GFP": (2,)}
    lost = ("B02_s1_DAPI_t2.tif", "B02_s1_GFP_t2.tif")
    found = scan(write(tmp_path / "files", times, lost), pattern=PATTERN)
    # As of formats that tell how many time points each position has.
    found = replace(found, planes=found.planes[~found.planes["missing"]].reset_index(drop=True))
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(found, plate="p")
        list(convert(made))
        run(analyse(made, discs()))
        (failed,) = made.info()["failures"]
        assert (failed["well"], failed["site"]) == ("B02", 1)
        assert (
            "never recorded at the same time: 'DAPI' at t = 0, 1; 'GFP' at t = none"
            in (failed["message"])
        )
        assert len(made.features.read("Discs")) == 3 * 2


def test_a_later_acquisition_without_one_of_the_channels(tmp_path):
    with make(tmp_path, {"DAPI": (0,), "GFP": (0,)}) as made:
        later = write(tmp_path / "later", {"DAPI": (0, 1)})
        made.add(scan(later, pattern=PATTERN), plate="p", acquisition="later")
        list(convert(made))
        assert made.info()["time_points"] == {"DAPI": 3, "GFP": 1}
        assert made.info()["missing"] == []
        run(analyse(made, discs()))
        assert set(made.features.read("Discs").index.get_level_values("t")) == {0}


def test_the_map_has_gaps_and_no_failures(tmp_path):
    with make(tmp_path) as made:
        build(made)
        found = open_map(made, "p")
        assert found.missing == ()
        site = found.plan.sites[-1]
        corner = slice(site.top, site.top + 64), slice(site.left, site.left + 80)
        for t in range(4):
            shown = found.channel("GFP")[0].read(t, 0, *corner)
            coarse = found.channel("GFP")[1].read(
                t, 0, *(slice(part.start // 2, part.stop // 2) for part in corner)
            )
            if t in TIMES["GFP"]:
                expected = frame(site.well, site.site, "GFP", t)
                np.testing.assert_array_equal(shown, expected)
                assert coarse.mean() == pytest.approx(expected.mean(), abs=1)
            else:
                assert not shown.any()
                assert not coarse.any()


def test_saved_site_has_the_times_of_each_channel(tmp_path):
    with make(tmp_path) as made:
        save_site(made, "p", "B02", 1, tmp_path / "site.ome.tiff")
    assert tifffile.imread(tmp_path / "site.ome.tiff").shape == (4, 64, 80)
    other = tifffile.imread(tmp_path / "site_GFP.ome.tiff")
    np.testing.assert_array_equal(other, [frame("B02", 1, "GFP", t) for t in TIMES["GFP"]])
    told = json.loads((tmp_path / "site.metadata.json").read_text())["layers"]
    assert told[1]["metadata"] == {"recorded_time_points": [0, 2]}


def test_cycles_are_aligned_by_the_first_time_of_their_channel(tmp_path):
    folder = tmp_path / "screen.tmaps"
    with Experiment.create(folder, workflow_type="multiplexing") as made:
        for name, times in (("one", {"DAPI": (0, 1), "GFP": (1,)}), ("two", {"GFP": (0,)})):
            found = scan(write(tmp_path / name, times), pattern=PATTERN)
            made.add(found, plate="p", acquisition=name)
        list(convert(made))
        args = AlignArguments(ref_wavelength="GFP")
        run(run_step(ImageRegistrator(made), args))
        assert made.info()["failures"] == []
        assert set(made.shifts.table()["state"]) <= {"reference", "measured"}
