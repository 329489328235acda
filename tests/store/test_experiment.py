from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.workflow.screen import PATTERN, name, plane, write_screen

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, make_planes
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.store.experiment import Experiment, is_experiment
from napari_tmaps.store.names import safe_name
from napari_tmaps.vendors import scan


def a_scan(tmp_path, **columns):
    planes = make_planes(path="a.tif", height=10, width=10, dtype="uint16", **columns)
    return Scan("Test", tmp_path, planes, (Channel("C01", excitation_nm=405.0),))


@pytest.fixture
def experiment(tmp_path):
    with Experiment.create(tmp_path / "screen.tmaps", description="why") as made:
        yield made


def test_create_and_open(experiment):
    assert experiment.name == "screen"
    with Experiment.open(experiment.path) as opened:
        assert opened.name == "screen"
        assert opened.catalogue.get("description") == "why"
        assert opened.workflow_type == "canonical"
    with Experiment.open(experiment.path / "experiment.db") as opened:
        assert opened.path == experiment.path


def test_create_never_touches_what_is_there(experiment, tmp_path):
    with pytest.raises(ExistsError, match="an experiment already"):
        Experiment.create(experiment.path)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("ten years of work")
    with pytest.raises(ExistsError, match="not empty"):
        Experiment.create(precious)
    assert (precious / "thesis.txt").read_text() == "ten years of work"
    assert not is_experiment(precious)


def test_create_with_a_bad_version(tmp_path):
    with pytest.raises(InputError, match=r"0\.5 or 0\.4"):
        Experiment.create(tmp_path / "x", ngff_version="0.6")


def test_create_where_nothing_may_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, ExistsError)):
        Experiment.create(tmp_path / "file" / "x")


def test_open_what_is_no_experiment(tmp_path):
    with pytest.raises(NotFoundError, match="tmaps create"):
        Experiment.open(tmp_path)
    with pytest.raises(NotFoundError, match="does not exist"):
        Experiment.open(tmp_path / "nowhere")


def test_open_another_version(experiment):
    experiment.catalogue.set("version", 99)
    with pytest.raises(FormatError, match="another version"):
        Experiment.open(experiment.path)


def test_damaged_catalogue(experiment):
    experiment.close()
    (experiment.path / "experiment.db").write_bytes(b"not a database, but long enough" * 100)
    with pytest.raises(FormatError, match="damaged"):
        Experiment.open(experiment.path)


def test_locked_catalogue(experiment, monkeypatch):
    from napari_tmaps.store.catalogue import database

    monkeypatch.setattr(database, "WAIT_S", 0.05)
    with Experiment.open(experiment.path) as other:
        lock = sqlite3.connect(experiment.path / "experiment.db")
        lock.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="another program"):
            other.catalogue.set("name", "x")
        lock.rollback()
        lock.close()


def test_add_and_read_back(experiment, tmp_path):
    scan = a_scan(tmp_path, plate="P 1", well=["B02", "C03"], stage_y_um=1.5)
    assert experiment.add(scan) == ["P 1"]
    back = experiment.catalogue.source_planes().drop(columns="acquisition_id")
    assert back[list(scan.planes)].equals(scan.planes)
    row = experiment.catalogue.acquisitions().iloc[0]
    assert (row["plate"], row["vendor"]) == ("P 1", "Test")
    assert row["facts"]["channels"][0]["excitation_nm"] == 405.0
    only = experiment.catalogue.source_planes(sites=[("P 1", "C03", 1)])
    assert only["well"].tolist() == ["C03"]


def test_add_the_same_acquisition_twice(experiment, tmp_path):
    experiment.add(a_scan(tmp_path), plate="p")
    with pytest.raises(ExistsError, match="--acquisition"):
        experiment.add(a_scan(tmp_path), plate="p")
    experiment.add(a_scan(tmp_path), plate="p", acquisition="second")
    assert len(experiment.catalogue.acquisitions()) == 2


def test_add_several_plates_at_once(experiment, tmp_path):
    scan = a_scan(tmp_path, plate=["P1", "P2/b"])
    assert experiment.add(scan) == ["P1", "P2_b"]
    with pytest.raises(InputError, match="2 plates"):
        experiment.add(scan, plate="one", acquisition="x")


def test_remove_an_acquisition_that_nothing_was_made_of(experiment, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"pixels")
    experiment.add(a_scan(tmp_path, plate="P1", well="A01"), acquisition="first")
    experiment.add(a_scan(tmp_path, plate="P1", well="A02"), acquisition="second")
    experiment.add(a_scan(tmp_path, plate="P2", well="A01"), acquisition="first")
    with pytest.raises(NotFoundError, match=r"'third'.*'first', 'second'"):
        experiment.remove_acquisition("P1", "third")
    experiment.catalogue.set_offsets({1: (0, 0)})  # the layout holds it from now on
    with pytest.raises(ExistsError, match="cannot be taken out"):
        experiment.remove_acquisition("P1", "first")
    experiment.remove_acquisition("P1", "second")
    assert list(experiment.catalogue.source_planes()["well"]) == ["A01", "A01"]
    experiment.remove_acquisition("P2", "first")
    assert experiment.plate_names() == ["P1"]
    assert set(experiment.catalogue.fingerprints()) == {("1", "a.tif")}
    assert (tmp_path / "a.tif").read_bytes() == b"pixels"


def test_an_older_experiment_keeps_what_may_have_been_made_of(experiment, tmp_path):
    experiment.add(a_scan(tmp_path, plate="P1", well="A01"))
    assert experiment.catalogue.laid_out() == frozenset()
    row = {"plate": "P1", "well": "A01", "site": 1, "y": 0, "x": 0, "height": 10, "width": 10}
    none = pd.DataFrame()
    experiment.catalogue.set_layout(pd.DataFrame([row]), none, none)
    with pytest.raises(ExistsError):  # nobody has noted which acquisitions its layout holds
        experiment.remove_acquisition("P1", "acquisition01")


def test_rename(experiment):
    assert experiment.name == "screen"
    experiment.rename(" second ")
    assert experiment.name == "second"
    with pytest.raises(InputError, match="cannot be empty"):
        experiment.rename(" ")


def test_add_refuses_two_files_for_one_plane(experiment, tmp_path):
    planes = make_planes(path=["a.tif", "b.tif"])
    with pytest.raises(FormatError, match=r"'a\.tif', 'b\.tif'"):
        experiment.add(Scan("Test", tmp_path, planes, (Channel("C01"),)))
    assert experiment.plate_names() == []


def test_add_refuses_an_acquisition_without_images(experiment, tmp_path):
    planes = make_planes(path="a.tif", missing=True)
    with pytest.raises(FormatError, match="no image"):
        experiment.add(Scan("Test", tmp_path, planes, (Channel("C01"),)))


def test_add_refuses_a_well_outside_of_the_plate(experiment, tmp_path):
    with pytest.raises(InputError, match="I13 does not fit a plate of 96"):
        experiment.add(a_scan(tmp_path, well="I13"), plate_format=PlateFormat.of(96))
    assert experiment.plate_names() == []
    experiment.add(a_scan(tmp_path, well="I13"))
    assert experiment.catalogue.plate_format("plate01") == PlateFormat.of(384)


def test_a_plate_of_unknown_format_grows_with_its_wells(experiment, tmp_path):
    experiment.add(a_scan(tmp_path, well="A01"), plate="p")
    assert experiment.catalogue.plate_format("p").wells == 1
    experiment.add(a_scan(tmp_path, well="B02"), plate="p", acquisition="second")
    assert experiment.catalogue.plate_format("p").wells == 96
    with pytest.raises(InputError, match="P24 does not fit a plate of 96"):
        experiment.add(
            a_scan(tmp_path, well="P24"),
            plate="p",
            acquisition="third",
            plate_format=PlateFormat.of(96),
        )
    assert experiment.catalogue.plate_format("p").wells == 96


def test_an_acquisition_of_another_folder_is_no_update(experiment, tmp_path):
    experiment.add(a_scan(tmp_path), plate="p")
    experiment.add(a_scan(tmp_path, well=["A01", "A02"]), plate="p", update=True)
    assert len(experiment.catalogue.source_planes()) == 2
    with pytest.raises(ExistsError, match="lies in"):
        experiment.add(a_scan(tmp_path / "elsewhere"), plate="p", update=True)


@pytest.mark.parametrize("name", ["a/b", "..", "", "x" * 101, "C:x"])
def test_names_that_cannot_be_folders(experiment, tmp_path, name):
    with pytest.raises(InputError, match="folder on disk"):
        experiment.add(a_scan(tmp_path), acquisition=name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b: c", "a_b_ c"), ("..", "unnamed"), ("Plätte 1", "Pl_tte 1"), ("ok", "ok")],
)
def test_safe_name(text, expected):
    assert safe_name(text) == expected


def test_unknown_names_say_what_there_is(experiment, tmp_path):
    experiment.add(a_scan(tmp_path), plate="plate01")
    with pytest.raises(NotFoundError, match="Did you mean 'plate01'"):
        experiment.plate("plate1")
    with pytest.raises(NotFoundError, match="no well of plate"):
        experiment.sites("plate01", "A02")
    with pytest.raises(NotFoundError, match="channel 'X'"):
        experiment.image("plate01", "A01", 1, "X")
    with pytest.raises(NotFoundError, match="plate"):
        experiment.catalogue.plate_format("nope")


def test_info_of_an_empty_experiment_is_complete(experiment):
    info = experiment.info()
    assert info["plates"] == []
    assert info["objects"] == {}
    assert info["planes"] == 0


def test_info_tells_oddities(experiment, tmp_path):
    odd = (Oddity("doubtful", "Pixels of 25,400 µm."),)
    experiment.add(replace(a_scan(tmp_path), oddities=odd))
    assert experiment.info()["oddities"] == ["Pixels of 25,400 µm."]
    assert experiment.info()["planes"] == 1


def test_a_hundred_thousand_planes(experiment, tmp_path):
    wells = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
    count = 100_000
    site = np.arange(count) // len(wells) + 1
    planes = make_planes(
        well=np.resize(wells, count), site=site, path=[f"{n}.tif" for n in range(count)]
    )
    experiment.add(Scan("Test", tmp_path, planes, (Channel("C01"),)), plate="p")
    back = experiment.catalogue.source_planes()
    assert len(back) == count
    assert back["path"].tolist() == planes["path"].tolist()


def test_files_that_are_imported_already_are_known_again(tmp_path):
    write_screen(tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    other = tmp_path / "copy" / name("B02", 1, "DAPI", 0)
    tifffile.imwrite(other, plane("B02", 1, "DAPI", 0) + 1)
    with Experiment.create(tmp_path / "a.tmaps") as made:
        copied = scan(tmp_path / "copy", pattern=PATTERN)
        made.add(scan(tmp_path / "first", pattern=PATTERN), plate="p")
        made.add(copied, plate="another plate")
        assert not [text for text in made.info()["oddities"] if "already" in text]
        made.add(copied, plate="p", acquisition="again")
        made.add(copied, plate="p", acquisition="again", update=True)
        (told,) = (text for text in made.info()["oddities"] if "already" in text)
    assert told.startswith("7 of 8 files are in acquisition 'acquisition01' already")
    assert told.endswith("add it as 'acquisition01' with --update instead.")


def test_a_layout_that_another_process_has_changed_is_read_anew(experiment, tmp_path):
    experiment.add(a_scan(tmp_path, plate="P1", well="A01"))
    none = pd.DataFrame()

    def lay_out(who, well):
        row = {"plate": "P1", "well": well, "site": 1, "y": 0, "x": 0, "height": 10, "width": 10}
        who.catalogue.set_layout(pd.DataFrame([row]), none, none)

    with Experiment.open(experiment.path) as other:
        for who, well in ((experiment, "A01"), (other, "A02"), (experiment, "A03")):
            lay_out(who, well)
            for reader in (experiment, other):
                sites = reader.catalogue.sites()
                assert list(sites["well"]) == [well]
                sites["well"] = "Z99"  # the table is of him who asked for it
                assert list(reader.catalogue.sites()["well"]) == [well]


def test_a_setting_is_read_anew_once_it_has_changed_and_is_nobody_elses(experiment):
    mine = experiment.catalogue
    assert mine.get("notes", []) == []
    mine.set("notes", ["one"])
    mine.get("notes").append("two")
    assert mine.get("notes") == ["one"], "who has it may change it"
    with Experiment.open(experiment.path) as other:
        other.catalogue.set("notes", [0.1, None, "x"])
        other.catalogue.set_object_type("cells", "p", 3, 2)
    assert mine.get("notes") == [0.1, None, "x"]
    assert list(mine.object_types()["name"]) == ["cells"]
    for value in (3, 2.5, "3", True, {"a": [1]}):
        mine.set("value", value)
        assert mine.get("value") == value
        assert type(mine.get("value")) is type(value)
