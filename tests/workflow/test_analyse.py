from __future__ import annotations

import errno

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.workflow.screen import PATTERN, name, plane

from napari_tmaps.errors import NotFoundError, PipelineError, StorageError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export import save_site
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert


def discs(threshold: int = 400, channels: tuple[str, ...] = ("DAPI", "GFP")) -> PipelineDescription:
    """Objects are what is brighter than the threshold in DAPI; intensities of all channels."""
    measure = [
        {
            "name": f"measure_{channel}",
            "module": "measure_intensity",
            "inputs": {
                "extract_objects": "Discs",
                "assign_objects": "Discs",
                "intensity_image": channel,
            },
        }
        for channel in channels
    ]
    return PipelineDescription.model_validate(
        {
            "name": "discs",
            "input": {"channels": [{"name": channel} for channel in channels]},
            "pipeline": [
                {
                    "name": "bright",
                    "module": "threshold_manual",
                    "inputs": {"image": "DAPI"},
                    "settings": {"threshold": threshold},
                },
                {
                    "name": "register",
                    "module": "register_objects",
                    "inputs": {"mask": "bright.mask"},
                    "outputs": {"objects": "Discs"},
                },
                *measure,
            ],
            "output": {"objects": [{"name": "Discs"}]},
        }
    )


@pytest.fixture
def converted(experiment) -> Experiment:
    run(convert(experiment))
    return experiment


def test_labels_and_features_of_every_site(converted):
    assert run(analyse(converted, discs())) == []
    table = converted.features.read("Discs")
    assert len(table) == 2 * 2 * 2
    labels = converted.labels("plate01", "C03", 2, "Discs")
    image = plane("C03", 2, "GFP", 0)
    row = table.loc[("plate01", "C03", 2, 0, 1)]
    pixels = image[labels[0] == 1]
    assert row["Intensity_mean_GFP"] == pytest.approx(pixels.mean(), rel=1e-12)
    assert row["Intensity_max_GFP"] == pixels.max()
    assert not row["is_border"]
    info = converted.info()
    assert info["objects"] == {"Discs": 8}
    assert info["features"] == {"Discs": len(table.columns)}
    assert info["stale"] == []


def test_labels_are_read_by_another_program(converted):
    import zarr

    run(analyse(converted, discs()))
    image = converted.plate("plate01").image_path("B02", 1)
    group = zarr.open_group(str(image / "labels"), mode="r")
    assert dict(group.attrs)["ome"]["labels"] == ["Discs"]
    labels = np.asarray(group["Discs/0"])
    assert labels.shape == (1, 1, 1, 64, 80)
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_second_run_does_nothing_and_says_so(converted):
    run(analyse(converted, discs()))
    events = list(analyse(converted, discs()))
    assert any("analysed already" in event.message for event in events)
    assert len(converted.features.read("Discs")) == 8


def test_changed_settings_replace_the_result(converted):
    run(analyse(converted, discs()))
    run(analyse(converted, discs(threshold=5000)))
    assert len(converted.features.read("Discs")) == 0
    assert converted.labels("plate01", "B02", 1, "Discs").max() == 0
    assert "Intensity_mean_DAPI" in converted.features.columns("Discs")
    run(analyse(converted, discs()))
    assert len(converted.features.read("Discs")) == 8


def test_chosen_sites_only(converted):
    run(analyse(converted, discs(), sites=[("plate01", "B02", 2)]))
    table = converted.features.read("Discs").reset_index()
    assert set(zip(table["well"], table["site"], strict=True)) == {("B02", 2)}
    run(analyse(converted, discs()))
    assert len(converted.features.read("Discs")) == 8


def test_number_of_threads_does_not_matter(converted, tmp_path):
    run(analyse(converted, discs(), workers=1))
    first = converted.features.read("Discs")
    files = {path.name: path.read_bytes() for path in converted.features.root.rglob("*.parquet")}
    converted.features.remove("Discs")
    run(analyse(converted, discs(threshold=401), workers=4))
    again = {path.name: path.read_bytes() for path in converted.features.root.rglob("*.parquet")}
    pd.testing.assert_frame_equal(converted.features.read("Discs"), first)
    assert files == again


def test_results_become_stale_when_images_change(converted, folder):
    run(analyse(converted, discs()))
    converted.add(scan(folder, pattern=PATTERN), plate="plate01", acquisition="later")
    run(convert(converted))
    assert converted.info()["stale"] == ["Discs"]
    assert len(converted.features.read("Discs")) == 8
    assert converted.labels("plate01", "B02", 1, "Discs").max() == 2
    run(analyse(converted, discs()))
    assert converted.info()["stale"] == []
    table = converted.features.read("Discs").reset_index()
    assert sorted(table["t"].unique()) == [0, 1]
    assert len(table) == 16


def test_one_bad_site_never_stops_the_plate(tmp_path, folder):
    (folder / name("B02", 1, "GFP", 0)).unlink()
    with Experiment.create(tmp_path / "gap.tmaps") as experiment:
        experiment.add(scan(folder, pattern=PATTERN), plate="plate01")
        run(convert(experiment))
        failures = run(analyse(experiment, discs()))
        assert len(failures) == 1
        assert "B02 site 1" in failures[0].message
        assert "'GFP'" in failures[0].message
        assert len(experiment.features.read("Discs")) == 6
        assert experiment.info()["failures"][0]["step"] == "jterator"
        # A pipeline that does not need the lost channel runs on all sites.
        assert run(analyse(experiment, discs(channels=("DAPI",)))) == []
        assert len(experiment.features.read("Discs")) == 8


def test_pipeline_that_does_not_fit_reads_no_image(converted, monkeypatch):
    from napari_tmaps.store.images import StoredImage

    monkeypatch.setattr(StoredImage, "read_channel", lambda *_a, **_k: pytest.fail("read"))
    with pytest.raises(PipelineError, match="DAPY"):
        run(analyse(converted, discs(channels=("DAPY",))))
    wanting = discs().model_dump()
    wanting["input"]["channels"][0]["correct"] = True
    with pytest.raises(PipelineError, match="illumination"):
        run(analyse(converted, PipelineDescription.model_validate(wanting)))


def test_analysis_before_conversion(experiment):
    with pytest.raises((NotFoundError, PipelineError), match=r"convert|channel"):
        run(analyse(experiment, discs()))


def test_full_disk_during_analysis(converted, monkeypatch):
    from napari_tmaps.store import plates

    def full(*_args, **_kwargs):
        raise StorageError("The disk is full.") from OSError(errno.ENOSPC, "full")

    run(analyse(converted, discs()))
    before = converted.features.read("Discs")
    monkeypatch.setattr(plates.PlateFolder, "write_labels", full)
    with pytest.raises(StorageError, match="full"):
        run(analyse(converted, discs(threshold=5000)))
    monkeypatch.undo()
    pd.testing.assert_frame_equal(converted.features.read("Discs"), before)
    run(analyse(converted, discs(threshold=5000)))
    assert len(converted.features.read("Discs")) == 0


def test_originals_are_read_in_place(experiment):
    """Nothing is copied: only the layout is worked out, pixels come from the microscope's files."""
    run(convert(experiment, in_place=True))
    assert not list((experiment.path / "plates").rglob("0/zarr.json"))
    image = experiment.image("plate01", "C03", 2, "GFP")
    assert np.array_equal(image, plane("C03", 2, "GFP", 0)[np.newaxis])
    assert run(analyse(experiment, discs())) == []
    table = experiment.features.read("Discs")
    assert experiment.labels("plate01", "B02", 1, "Discs").max() == 2
    image, labels, *_ = save_site(
        experiment, "plate01", "C03", 2, experiment.path.parent / "one.ome.tiff"
    )
    saved = tifffile.imread(image)
    assert np.array_equal(saved[1], plane("C03", 2, "GFP", 0))
    assert tifffile.imread(labels).max() == 2
    # Converting later changes neither the results nor their standing.
    assert run(convert(experiment)) == []
    assert experiment.info()["stale"] == []
    assert experiment.labels("plate01", "B02", 1, "Discs").max() == 2
    assert any("analysed already" in event.message for event in analyse(experiment, discs()))
    run(analyse(experiment, discs(threshold=401)))
    pd.testing.assert_frame_equal(experiment.features.read("Discs"), table)


def test_gaps_in_place(tmp_path, folder):
    (folder / name("B02", 1, "GFP", 0)).unlink()
    with Experiment.create(tmp_path / "gap.tmaps") as experiment:
        experiment.add(scan(folder, pattern=PATTERN), plate="plate01")
        run(convert(experiment, in_place=True))
        (failed,) = run(analyse(experiment, discs()))
        assert "B02 site 1" in failed.message
        assert len(experiment.features.read("Discs")) == 6


def test_a_folder_that_has_grown(converted, folder):
    """Known files are recognised: only what is new or changed is converted and analysed."""
    run(analyse(converted, discs()))
    plate = converted.plate("plate01")
    before = (plate.image_path("B02", 1) / "zarr.json").stat().st_mtime_ns
    for channel in ("DAPI", "GFP"):
        tifffile.imwrite(folder / name("D04", 1, channel, 0), plane("D04", 1, channel, 0))
    changed = plane("C03", 2, "DAPI", 0)
    changed[0, 0] = 7
    tifffile.imwrite(folder / name("C03", 2, "DAPI", 0), changed)
    converted.add(scan(folder, pattern=PATTERN), plate="plate01", update=True)
    assert run(convert(converted)) == []
    assert (plate.image_path("B02", 1) / "zarr.json").stat().st_mtime_ns == before
    assert converted.image("plate01", "C03", 2, "DAPI")[0, 0, 0] == 7
    assert np.array_equal(converted.image("plate01", "D04", 1, "GFP")[0], plane("D04", 1, "GFP", 0))
    assert converted.info()["stale"] == ["Discs"]
    run(analyse(converted, discs()))
    assert converted.info()["stale"] == []
    assert len(converted.features.read("Discs")) == 10
