from __future__ import annotations

import errno
import itertools
import shutil
import zipfile

import numpy as np
import pytest
import tifffile
import zarr
from tests.workflow.screen import PATTERN, name, plane

from napari_tmaps.errors import FormatError, InputError, MissingError, NotFoundError, StorageError
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.local import run_step
from napari_tmaps.workflow.metaconfig import MetadataConfigurator
from napari_tmaps.workflow.metaextract import acquisition_omexml, read_omexml


def test_every_pixel_arrives(experiment):
    assert run(convert(experiment)) == []
    for well, site, channel in itertools.product(("B02", "C03"), (1, 2), ("DAPI", "GFP")):
        image = experiment.image("plate01", well, site, channel)
        assert image.dtype == np.uint16
        assert np.array_equal(image, plane(well, site, channel, 0)[np.newaxis])
    assert experiment.wells("plate01") == ["B02", "C03"]
    assert experiment.sites("plate01", "b2")["site"].tolist() == [1, 2]


def test_names_are_read_anew_by_an_expression(experiment):
    step = MetadataConfigurator(experiment)
    run(run_step(step, step.Arguments()))
    before = experiment.catalogue.source_planes()
    # site and plane change places
    swapped = r"(?P<w>[A-H]\d\d)_s(?P<z>\d)_(?P<c>DAPI|GFP)_z(?P<s>\d)"
    run(run_step(step, step.Arguments(regex=swapped)))
    after = experiment.catalogue.source_planes()
    assert sorted(after["path"]) == sorted(before["path"])
    assert set(after["site"]) == set(before["z"])
    assert experiment.sites("plate01", "B02")["site"].tolist() == sorted(set(before["z"]))
    run(run_step(step, step.Arguments(regex=PATTERN)))
    back = experiment.catalogue.source_planes()
    assert back["site"].tolist() == before["site"].tolist()
    with pytest.raises(FormatError):
        run(run_step(step, step.Arguments(regex=r"(?P<w>X\d\d)")))
    assert experiment.catalogue.source_planes()["site"].tolist() == before["site"].tolist()


def test_other_programs_read_the_plate(experiment):
    from ome_zarr_models import open_ome_zarr

    run(convert(experiment))
    path = experiment.plate("plate01").path
    group = zarr.open_group(str(path), mode="r")
    assert np.array_equal(np.asarray(group["C/03/2/0"])[0, 1, 0], plane("C03", 2, "GFP", 0))
    assert type(open_ome_zarr(group)).__name__ == "HCS"
    image = open_ome_zarr(zarr.open_group(str(path / "C" / "03" / "2"), mode="r"))
    assert type(image).__name__ == "Image"


def test_second_run_finds_everything_there(experiment):
    run(convert(experiment))
    image = experiment.plate("plate01").image_path("B02", 1)
    before = (image / "zarr.json").stat().st_mtime_ns
    events = list(convert(experiment))
    assert any("there already" in event.message for event in events)
    assert (image / "zarr.json").stat().st_mtime_ns == before


def test_omexml_of_each_file_is_valid(experiment, folder):
    import ome_types

    run(convert(experiment))
    documents = dict(read_omexml(experiment, "plate01", "acquisition01"))
    assert sorted(documents) == sorted(path.name for path in folder.iterdir())
    ome = ome_types.from_xml(documents[name("C03", 2, "GFP", 0)], validate=True)
    pixels = ome.images[0].pixels
    assert (pixels.size_y, pixels.size_x, pixels.size_c) == (64, 80, 1)
    assert pixels.channels[0].name == "GFP"
    with pytest.raises(NotFoundError, match="acquisition01"):
        next(read_omexml(experiment, "plate01", "acquisition02"))


def test_omexml_of_a_whole_acquisition_is_valid(experiment):
    import ome_types

    ome = ome_types.from_xml(
        acquisition_omexml(experiment, "plate01", "acquisition01"), validate=True
    )
    assert [image.name for image in ome.images] == [
        "B02 site 1", "B02 site 2", "C03 site 1", "C03 site 2",
    ]  # fmt: skip
    assert [channel.name for channel in ome.images[0].pixels.channels] == ["DAPI", "GFP"]
    assert [(well.row, well.column) for well in ome.plates[0].wells] == [(1, 1), (2, 2)]
    assert len(ome.plates[0].wells[0].well_samples) == 2
    with pytest.raises(NotFoundError, match="plate01/acquisition01"):
        acquisition_omexml(experiment, "plate01", "x")


def test_omexml_before_metaextract(experiment):
    with pytest.raises(NotFoundError, match="Run metaextract"):
        next(read_omexml(experiment, "plate01", "acquisition01"))


def test_missing_image_becomes_a_gap_never_zeros(tmp_path, folder):
    (folder / name("C03", 2, "GFP", 0)).unlink()
    with Experiment.create(tmp_path / "gap.tmaps") as experiment:
        experiment.add(scan(folder, pattern=PATTERN), plate="plate01")
        run(convert(experiment))
        gap = experiment.info()["missing"]
        assert [(item["well"], item["site"], item["channel"]) for item in gap] == [
            ("C03", 2, "GFP")
        ]
        with pytest.raises(MissingError, match=r"C03 site 2.*'GFP'.*t = 0, z = 0"):
            experiment.image("plate01", "C03", 2, "GFP")
        there = experiment.image("plate01", "C03", 2, "DAPI")
        assert np.array_equal(there[0], plane("C03", 2, "DAPI", 0))


def test_image_lost_after_the_scan_is_reported_and_tried_again(experiment, folder):
    path = folder / name("B02", 1, "GFP", 0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    failures = run(convert(experiment))
    assert len(failures) == 1
    assert "B02 site 1" in failures[0].message
    assert path.name in failures[0].message
    info = experiment.info()
    assert [item["site"] for item in info["missing"]] == [1]
    assert info["failures"][0]["well"] == "B02"
    path.write_bytes(content)
    assert run(convert(experiment)) == []
    assert experiment.info()["missing"] == []
    assert np.array_equal(
        experiment.image("plate01", "B02", 1, "GFP")[0], plane("B02", 1, "GFP", 0)
    )


def test_planes_of_a_site_that_disagree(experiment, folder):
    tifffile.imwrite(folder / name("B02", 2, "GFP", 0), np.zeros((64, 80), np.uint8))
    tifffile.imwrite(folder / name("C03", 1, "GFP", 0), np.zeros((32, 32), np.uint16))
    messages = [event.message for event in run(convert(experiment))]
    assert len(messages) == 2
    assert any("uint8" in text and "B02 site 2" in text for text in messages)
    assert any("32 × 32" in text and "C03 site 1" in text for text in messages)
    plate = experiment.plate("plate01")
    assert not plate.image_path("B02", 2).exists()
    assert plate.image_path("B02", 1).exists()
    assert not list(plate.path.rglob("*.part"))


def test_full_disk_leaves_what_is_whole(experiment, monkeypatch):
    from napari_tmaps.streams import chunkfiles, ngff

    run(convert(experiment))
    plate = experiment.plate("plate01")
    before = np.asarray(ngff.read_levels(plate.image_path("B02", 1))[0])
    (plate.image_path("C03", 2) / "zarr.json").unlink()

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(chunkfiles, "write_parts", full)
    with pytest.raises(StorageError, match="disk is full"):
        run(convert(experiment))
    monkeypatch.undo()
    assert not list(plate.path.rglob("*.part"))
    assert np.array_equal(np.asarray(ngff.read_levels(plate.image_path("B02", 1))[0]), before)
    assert run(convert(experiment)) == []
    assert np.array_equal(
        experiment.image("plate01", "C03", 2, "GFP")[0], plane("C03", 2, "GFP", 0)
    )


def test_cancelled_conversion_goes_on(experiment):
    events = convert(experiment, workers=1)
    for event in events:
        if event.stage == "imextract" and event.done:
            events.close()
            break
    written = [
        well
        for well in ("B02", "C03")
        for site in (1, 2)
        if experiment.plate("plate01").image_path(well, site).exists()
    ]
    assert 0 < len(written) < 4
    assert run(convert(experiment)) == []
    assert np.array_equal(
        experiment.image("plate01", "C03", 2, "GFP")[0], plane("C03", 2, "GFP", 0)
    )


@pytest.fixture
def stacks(tmp_path):
    """One site of three z planes in one multi-page file, and three time points in files."""
    target = tmp_path / "stacks"
    target.mkdir()
    for t in range(2):
        pages = np.stack([plane("B02", 1, "DAPI", z) + 50 * t for z in range(3)])
        tifffile.imwrite(target / f"B02_s1_t{t}.tif", pages, photometric="minisblack")
    return target


STACK_PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_t(?P<t>\d)"


def test_each_plane_comes_from_its_own_page(tmp_path, stacks):
    """The defect of TissueMAPS: multi-page files gave their first page for every plane."""
    with Experiment.create(tmp_path / "z.tmaps") as experiment:
        experiment.add(scan(stacks, pattern=STACK_PATTERN), plate="p")
        assert run(convert(experiment)) == []
        channel = experiment.catalogue.channel_names()[0]
        for t, z in itertools.product(range(2), range(3)):
            image = experiment.image("p", "B02", 1, channel, t=t)
            assert np.array_equal(image[z], plane("B02", 1, "DAPI", z) + 50 * t)


def test_maximum_projection(tmp_path, stacks):
    with Experiment.create(tmp_path / "mip.tmaps") as experiment:
        experiment.add(scan(stacks, pattern=STACK_PATTERN), plate="p")
        run(convert(experiment, mip=True))
        channel = experiment.catalogue.channel_names()[0]
        image = experiment.image("p", "B02", 1, channel, t=1)
        assert np.array_equal(image, plane("B02", 1, "DAPI", 2)[np.newaxis] + 50)
        # The argument is remembered: a second run finds the same images up to date.
        assert any("there already" in event.message for event in convert(experiment))


def test_stated_layout(tmp_path, stacks, folder):
    with Experiment.create(tmp_path / "l.tmaps") as experiment:
        experiment.add(scan(folder, pattern=PATTERN), plate="p")
        run(convert(experiment, stitch_layout="vertical", n_vertical=2, n_horizontal=1))
        assert experiment.sites("p", "B02")[["y", "x"]].to_numpy().tolist() == [[0, 0], [1, 0]]
        with pytest.raises(InputError, match="2 sites"):
            run(convert(experiment, n_vertical=3, n_horizontal=3))


def test_a_layout_that_there_is_not(experiment):
    with pytest.raises(InputError, match=r"stitch_layout is 'spiral'.*zigzag_horizontal"):
        run(convert(experiment, stitch_layout="spiral"))


def test_multiplexing_gives_each_round_its_own_channels(tmp_path, folder):
    with Experiment.create(tmp_path / "m.tmaps", workflow_type="multiplexing") as experiment:
        for number in (1, 2):
            experiment.add(scan(folder, pattern=PATTERN), plate="p", acquisition=f"round{number}")
        run(convert(experiment))
        assert experiment.catalogue.channel_names() == ["0_DAPI", "0_GFP", "1_DAPI", "1_GFP"]
        image = experiment.image("p", "C03", 2, "1_GFP")
        assert np.array_equal(image[0], plane("C03", 2, "GFP", 0))
        assert experiment.info()["cycles"] == 2


def test_later_acquisition_continues_the_time_series(tmp_path, folder):
    with Experiment.create(tmp_path / "t.tmaps") as experiment:
        for number in (1, 2):
            experiment.add(scan(folder, pattern=PATTERN), plate="p", acquisition=f"hour{number}")
        run(convert(experiment))
        assert experiment.info()["size_t"] == 2
        image = experiment.image("p", "B02", 1, "DAPI", t=1)
        assert np.array_equal(image[0], plane("B02", 1, "DAPI", 0))


def test_older_ome_zarr(tmp_path, folder):
    with Experiment.create(tmp_path / "old.tmaps", ngff_version="0.4") as experiment:
        experiment.add(scan(folder, pattern=PATTERN), plate="p")
        run(convert(experiment))
        assert (experiment.plate("p").path / ".zgroup").exists()
        assert np.array_equal(
            experiment.image("p", "C03", 1, "DAPI")[0], plane("C03", 1, "DAPI", 0)
        )


def test_experiment_without_acquisition(tmp_path):
    with (
        Experiment.create(tmp_path / "empty.tmaps") as experiment,
        pytest.raises(NotFoundError, match="tmaps add"),
    ):
        run(convert(experiment))


def test_archives_are_zip_files(experiment):
    run(convert(experiment))
    archive = next((experiment.path / "metadata").rglob("*.zip"))
    assert zipfile.ZipFile(archive).testzip() is None


def test_damaged_image_is_not_taken_for_done(experiment):
    run(convert(experiment))
    path = experiment.plate("plate01").image_path("B02", 1)
    (path / "zarr.json").write_text("{")
    with pytest.raises(FormatError):
        experiment.image("plate01", "B02", 1, "DAPI")
    assert run(convert(experiment)) == []
    assert np.array_equal(
        experiment.image("plate01", "B02", 1, "DAPI")[0], plane("B02", 1, "DAPI", 0)
    )


def convert_and_delete(experiment, folder, pattern=PATTERN) -> list[str]:
    experiment.add(scan(folder, pattern=pattern), plate="plate01")
    run(convert(experiment, in_place=True))
    step = ImageExtractor(experiment)
    events = list(run_step(step, step.Arguments(delete=True)))
    return [event.message for event in events if "microscope files" in event.message]


def test_originals_are_never_deleted(tmp_path, folder):
    before = sorted(folder.iterdir())
    with Experiment.create(tmp_path / "e.tmaps") as experiment:
        (note,) = convert_and_delete(experiment, folder)
    assert "they stay" in note
    assert sorted(folder.iterdir()) == before


def test_uploads_are_deleted_once_all_is_converted(tmp_path, folder):
    with Experiment.create(tmp_path / "e.tmaps") as experiment:
        uploads = experiment.path / "uploads" / "acquisition01"
        shutil.copytree(folder, uploads)
        (uploads / "notes.txt").write_text("kept")
        path = uploads / name("C03", 2, "GFP", 0)
        content = path.read_bytes()
        path.write_bytes(content[:200])
        (note,) = convert_and_delete(experiment, uploads)
        assert "could not be made" in note
        assert len(list(uploads.iterdir())) == 9
        path.write_bytes(content)
        experiment.add(scan(uploads, pattern=PATTERN), plate="plate01", update=True)
        run(convert(experiment, in_place=True))
        step = ImageExtractor(experiment)
        events = list(run_step(step, step.Arguments(delete=True)))
        assert "are deleted" in events[-1].message or "are deleted" in events[-2].message
        assert [item.name for item in uploads.iterdir()] == ["notes.txt"]
        image = experiment.image("plate01", "C03", 2, "GFP")
        assert np.array_equal(image[0], plane("C03", 2, "GFP", 0))
        # What is converted stays up to date without its files.
        assert list(step.create_run_batches(step.Arguments())) == []
