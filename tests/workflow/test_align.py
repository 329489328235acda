"""Cycles of a screen whose shifts we know."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.workflow.rounds import SHAPE, SITES, WELLS, make_experiment, picture, true_shift
from tests.workflow.test_contract import by_hand

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.alignment import repaired
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.shifts import ShiftStore, Window
from napari_tmaps.workflow import analyse
from napari_tmaps.workflow.align import AlignArguments, ImageRegistrator
from napari_tmaps.workflow.local import run_step


def align(experiment: Experiment, **arguments) -> list[str]:
    step = ImageRegistrator(experiment)
    args = AlignArguments(**{"ref_wavelength": "DAPI", **arguments})
    step.check(args)
    return [event.message for event in run_step(step, args) if event.message]


@pytest.fixture
def rounds(tmp_path):
    with make_experiment(tmp_path, cycles=3) as made:
        yield made


def test_shifts_are_found_to_a_part_of_a_pixel(rounds):
    said = align(rounds)
    assert "Cycle 1: 4 sites aligned" in said[0]
    table = rounds.shifts.table().set_index(["plate", "well", "site", "cycle"])
    assert len(table) == 2 * 2 * 3
    for well in WELLS:
        for site in SITES:
            for cycle in (0, 1, 2):
                row = table.loc[("p", well, site, cycle)]
                true = true_shift(well, site, cycle)
                assert np.hypot(row["y_px"] - true[0], row["x_px"] - true[1]) < 0.05
                assert row["state"] == ("measured" if cycle else "reference")
                assert not row["quality"] < 0.9
    assert align(rounds) == ["All sites are aligned already."]


def test_engines_and_originals_make_no_difference(rounds, tmp_path):
    align(rounds)
    first = (rounds.shifts.path / "shifts.csv").read_text()
    ImageRegistrator(rounds).delete_previous_job_output()
    assert by_hand(ImageRegistrator(rounds), batch_size=1, ref_wavelength="DAPI") == 4
    assert (rounds.shifts.path / "shifts.csv").read_text() == first
    with make_experiment(tmp_path / "more", cycles=3, converted=False) as in_place:
        align(in_place)
        columns = ["y_px", "x_px", "state"]
        pd.testing.assert_frame_equal(
            in_place.shifts.table()[columns], rounds.shifts.table()[columns]
        )


def nuclei(*channels: str) -> PipelineDescription:
    """Bright objects in the first channel; intensities of all."""
    measure = [
        {
            "name": f"measure_{channel}",
            "module": "measure_intensity",
            "inputs": {
                "extract_objects": "Spots",
                "assign_objects": "Spots",
                "intensity_image": channel,
            },
        }
        for channel in channels
    ]
    morphology = {
        "name": "form",
        "module": "measure_morphology",
        "inputs": {"extract_objects": "Spots", "assign_objects": "Spots"},
    }
    return PipelineDescription.model_validate(
        {
            "name": "spots",
            "input": {"channels": [{"name": channel} for channel in channels]},
            "pipeline": [
                {
                    "name": "bright",
                    "module": "threshold_manual",
                    "inputs": {"image": channels[0]},
                    "settings": {"threshold": 1200},
                },
                {"name": "label", "module": "label", "inputs": {"mask": "bright.mask"}},
                {
                    "name": "register",
                    "module": "register_objects",
                    "inputs": {"mask": "label.label_image"},
                    "outputs": {"objects": "Spots"},
                },
                *measure,
                morphology,
            ],
            "output": {"objects": [{"name": "Spots"}]},
        }
    )


def test_pipelines_see_all_cycles_aligned(rounds):
    align(rounds)
    run(analyse(rounds, nuclei("0_DAPI", "1_DAPI", "2_DAPI")))
    table = rounds.features.read("Spots")
    # The same objects are seen in all cycles, so that their intensities agree.
    for cycle in (1, 2):
        ratio = table[f"Intensity_mean_{cycle}_DAPI"] / table["Intensity_mean_0_DAPI"]
        assert ratio[~table["is_border"]].between(0.9, 1.1).all()
    # Labels lie in the frame of the site; the border that a cycle does not have is empty.
    labels = rounds.labels("p", "B02", 1, "Spots")[0]
    assert labels.shape == SHAPE
    top, bottom, left, right = rounds.shifts.window("p", "B02", 1).margins
    assert (top, bottom, left, right) == (6, 0, 0, 5)
    assert not labels[:6].any()
    assert not labels[:, -5:].any()
    image = picture("B02", 1, 0, "DAPI")
    np.testing.assert_array_equal(labels[6:, :-5] > 0, image[6:, :-5] > 1200)
    row = table.loc[("p", "B02", 1, 0, 3)]
    y, x = np.nonzero(labels == 3)
    assert row["Morphology_Local_Centroid_y"] == pytest.approx(y.mean())
    assert row["Morphology_Local_Centroid_x"] == pytest.approx(x.mean())
    assert row["Intensity_max_0_DAPI"] == image[labels == 3].max()


def test_results_follow_the_shifts(rounds):
    run(analyse(rounds, nuclei("0_DAPI", "1_DAPI")))
    align(rounds)
    said = [event.message for event in analyse(rounds, nuclei("0_DAPI", "1_DAPI"))]
    assert not any("already" in text for text in said)
    said = [event.message for event in analyse(rounds, nuclei("0_DAPI", "1_DAPI"))]
    assert any("already" in text for text in said)


def test_a_cycle_that_is_missing_at_a_site(tmp_path):
    without = ("1/B02_s1_DAPI.tif", "1/B02_s1_GFP.tif", "0/B03_s2_DAPI.tif")
    with make_experiment(tmp_path, without=without) as made:
        said = align(made)
        assert any("B02 site 1" in text for text in said)
        table = made.shifts.table()
        assert set(table[table["cycle"] == 1]["site"].to_numpy()) == {1, 2}
        places = set(zip(table["well"], table["site"], table["cycle"], strict=True))
        assert ("B02", 1, 0) in places
        assert ("B02", 1, 1) not in places
        assert not any(place[:2] == ("B03", 2) for place in places)  # no reference
        assert set(made.catalogue.failures()["step"]) >= {"align"}
        # Other sites are as if nothing had happened.
        row = table[(table["well"] == "B02") & (table["site"] == 2) & (table["cycle"] == 1)]
        assert row["y_px"].item() == pytest.approx(true_shift("B02", 2, 1)[0], abs=0.05)


def test_a_reference_image_that_is_missing_in_one_cycle(tmp_path):
    """Other channels of that cycle are put where those of the site beside it are."""
    with make_experiment(tmp_path, without=("1/B02_s1_DAPI.tif",)) as made:
        said = align(made)
        assert any("channel '1_DAPI' here; what else it has takes the shift" in t for t in said)
        table = made.shifts.table().set_index(["well", "site", "cycle"])
        row, beside = table.loc[("B02", 1, 1)], table.loc[("B02", 2, 1)]
        assert (row["state"], row["quality"]) == ("repaired", 0)
        assert (row["y_px"], row["x_px"]) == (beside["y_px"], beside["x_px"])


def test_arguments_that_cannot_work(rounds, tmp_path):
    for arguments, words in (
        ({"ref_cycle": 7}, "no cycle 7"),
        ({"ref_wavelength": "Cy5"}, "'Cy5' is not in every cycle"),
        ({"ref_wavelength": ""}, "Say which channel"),
        ({"illumcorr": True}, "Run corilla first"),
    ):
        with pytest.raises(InputError, match=words):
            align(rounds, **arguments)
    with (
        make_experiment(tmp_path / "one", cycles=1) as single,
        pytest.raises(InputError, match="nothing to align"),
    ):
        align(single)


@pytest.mark.parametrize("projection", ["max", "mean", "middle"])
def test_options_change_little(rounds, projection):
    align(rounds, projection=projection, robust_align=True, rescale_percentile=99)
    row = rounds.shifts.table().query("well == 'B03' and site == 1 and cycle == 2")
    true = true_shift("B03", 1, 2)
    assert row["y_px"].item() == pytest.approx(true[0], abs=0.1)
    assert row["x_px"].item() == pytest.approx(true[1], abs=0.1)
    assert rounds.shifts.facts()["settings"]["projection"] == projection


def measured(*rows: tuple[str, int, float, float, float | None]) -> pd.DataFrame:
    names = ["well", "site", "measured_y_px", "measured_x_px", "quality"]
    table = pd.DataFrame(rows, columns=names).assign(plate="p", cycle=1)
    table.loc[table["quality"].isna(), "cycle"] = 0
    return table


def test_shifts_that_cannot_be_true_are_repaired():
    rows = [("A01", site, 5.0 + site / 10, -3.0, 0.9) for site in range(1, 6)]
    rows += [
        ("A01", 6, 0.0, 0.0, None),  # the reference
        ("A01", 7, 60.0, 0.0, 0.1),  # nothing in common
        ("A02", 1, 6.0, -4.0, 0.5),  # fits worse, but is near
        ("A02", 2, 200.0, 0.0, 0.5),  # far, and fits worse than most
        ("A02", 3, 200.0, 0.0, 0.95),  # far, but surely so
        ("A03", 1, 1.0, 1.0, 0.0),
    ]
    table = repaired(measured(*rows), min_quality=0.3, max_shift=0).set_index(["well", "site"])
    assert list(table["state"]) == ["measured"] * 5 + [
        "reference", "repaired", "measured", "repaired", "measured", "repaired",
    ]  # fmt: skip
    assert table.loc[("A01", 7), ["y_px", "x_px"]].tolist() == pytest.approx([5.3, -3.0])
    assert table.loc[("A02", 2), ["y_px", "x_px"]].tolist() == pytest.approx([103.0, -2.0])
    # No good one in the well: the median of the plate
    assert table.loc[("A03", 1), "x_px"] == pytest.approx(-3)
    limited = repaired(measured(*rows), min_quality=0.3, max_shift=50).set_index(["well", "site"])
    assert limited.loc[("A02", 3), ["y_px", "x_px"]].tolist() == pytest.approx([6.0, -4.0])
    none = repaired(measured(("A01", 1, 5.0, 5.0, 0.1)), min_quality=0.3, max_shift=0)
    assert none[["y_px", "x_px", "state"]].to_numpy().tolist() == [[0.0, 0.0, "unknown"]]


def test_window_and_its_labels():
    window = Window({0: (0, 0), 1: (2, -1), 2: (-1, 3)})
    assert window.margins == (2, 1, 3, 1)
    frame = np.arange(100).reshape(10, 10)
    # Cycle 1 shows at (y - 2, x + 1) what the reference shows at (y, x).
    np.testing.assert_array_equal(window.cut(frame, 0), frame[2:9, 3:9])
    np.testing.assert_array_equal(window.cut(frame, 1), frame[0:7, 4:10])
    np.testing.assert_array_equal(window.cut(frame, 2), frame[3:10, 0:6])
    pasted = window.paste(window.cut(frame, 0))
    assert pasted.shape == frame.shape
    np.testing.assert_array_equal(pasted[2:9, 3:9], frame[2:9, 3:9])
    with pytest.raises(FormatError, match="more than an image"):
        window.cut(frame[:3], 0)


def test_damaged_table(tmp_path):
    store = ShiftStore(tmp_path / "alignment")
    assert store.table().empty
    assert store.facts() == {}
    assert store.window("p", "A01", 1) is None
    store.path.mkdir()
    (store.path / "shifts.csv").write_text("plate,well\np,A01\n")
    with pytest.raises(FormatError, match="Run align again"):
        store.table()


def test_batches_are_plain_json(rounds):
    step = ImageRegistrator(rounds)
    batches = list(step.create_run_batches(AlignArguments(ref_wavelength="DAPI", batch_size=3)))
    assert json.loads(json.dumps(batches, allow_nan=False)) == batches
    assert step.sites_of(batches[0])[0] == ("p", "B02", 1)
