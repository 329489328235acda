"""Other names for channels, object types and features."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.once import copy_of
from tests.server.running import make_screen, opened_from_afar, running, settings_with_users
from tests.workflow.rounds import make_experiment
from tests.workflow.screen import PATTERN, SIZE, name, plane
from tests.workflow.test_analyse import discs
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.client import TmClient
from napari_tmaps.client.ids import encode
from napari_tmaps.client.program import main
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.progress import finish_noting, run
from napari_tmaps.pipeline.correcting import correct
from napari_tmaps.pipeline.files import load_pipeline
from napari_tmaps.pipeline.foreign import rename_feature
from napari_tmaps.pipeline.renaming import rename_channel
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import CombinedGate, FilterGate, GateStore, RangeGate
from napari_tmaps.store.maps import open_map
from napari_tmaps.store.plate_map import load_plate_map, plate_map_history
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step

PLACE = {"plate_name": "plate01", "well_name": "C03", "well_pos_x": 1, "well_pos_y": 0}


def make_own(folder: Path) -> None:
    path = make_screen(folder)
    with Experiment.open(path) as experiment:
        Shelf(path / "pipelines").save("discs", discs())
        list(run_step(PyramidBuilder(experiment), IlluminatiArguments()))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return copy_of(make_own, tmp_path) / "served" / "test.tmaps"


@pytest.fixture
def client(own: Path) -> Iterator[TmClient]:
    with (
        running(settings_with_users(own.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as made,
    ):
        yield made


def test_a_channel_has_its_new_name_everywhere(client: TmClient, own: Path):
    before = client.download_object_feature_values("Discs")
    client.rename_channel("GFP", "Ki-67")
    assert [row["name"] for row in client.get_channels()] == ["DAPI", "Ki-67"]
    image = client.download_channel_image("Ki-67", **PLACE, correct=False)
    np.testing.assert_array_equal(image, plane("C03", 2, "GFP", 0))
    assert [row["name"] for row in client.get_channel_layers()] == ["DAPI", "Ki-67"]
    pd.testing.assert_frame_equal(client.download_object_feature_values("Discs"), before)
    with Experiment.open(own) as experiment:
        info = experiment.plate("plate01").info("B02", 1)
        assert [channel.name for channel in info.channels] == ["DAPI", "Ki-67"]
        pipeline = load_pipeline(own / "pipelines" / "discs.yaml")
        assert [each.name for each in pipeline.input.channels] == ["DAPI", "Ki-67"]
        plate = open_map(experiment, "plate01")
        assert plate.built
        assert plate.stale_wells() == {}
        # Nothing that is there is old because of its name.
        chunks = [path for path in own.glob("plates/*/*/*/*/0/**/*") if path.is_file()]
        written = [path.stat().st_mtime_ns for path in chunks]
        list(convert(experiment, workers=1))
        assert len(chunks) >= 4
        assert [path.stat().st_mtime_ns for path in chunks] == written
        assert not experiment.catalogue.object_types()["stale"].any()


def test_by_the_command_and_from_afar(own: Path, tmp_path: Path):
    named = CliRunner().invoke(app, ["rename-channel", str(own), "GFP", "Ki-67"])
    assert named.exit_code == 0, named.output
    assert "'GFP' is called 'Ki-67'" in named.output
    with opened_from_afar(own, tmp_path / "here") as experiment:
        experiment.rename_channel("Ki-67", "MIB-1")
        assert [channel.name for channel in experiment.channels()] == ["DAPI", "MIB-1"]
        image = experiment.image("plate01", "B02", 1, "MIB-1")
        np.testing.assert_array_equal(image[0], plane("B02", 1, "GFP", 0))
        with pytest.raises(NotFoundError, match="no channel 'Cy5'"):
            experiment.rename_channel("Cy5", "x")


def test_objects_of_before_are_still_measured(own: Path):
    with Experiment.open(own) as experiment:
        rename_channel(experiment, "DAPI", "DNA")
        rename_channel(experiment, "DNA", "Hoechst")
        assert experiment.catalogue.former_names() == {"DAPI": "Hoechst", "DNA": "Hoechst"}
        before = experiment.features.read_site("Discs", "plate01", "C03", 2)
        labels = experiment.labels("plate01", "C03", 2, "Discs")
        place = SiteObjects("Discs", "plate01", "C03", 2)
        corner = np.argwhere(labels == 1)[0]
        after = labels.copy()
        after[tuple(corner)] = 0
        edit, notes = finish_noting(correct(experiment, place, labels, after))
        assert edit is not None
        assert not notes
        table = experiment.features.read_site("Discs", "plate01", "C03", 2)
        assert list(table.columns) == list(before.columns)
        assert table["Intensity_sum_DAPI"].iloc[0] < before["Intensity_sum_DAPI"].iloc[0]


def test_what_is_recorded_later_has_the_name_that_was_given(own: Path, tmp_path: Path):
    with Experiment.open(own) as experiment:
        rename_channel(experiment, "GFP", "Ki-67")
        rename_channel(experiment, "Ki-67", "MIB-1")
        found = scan(tmp_path / "microscope", pattern=PATTERN)
        experiment.add(found, plate="plate02")
        list(convert(experiment, workers=1))
        assert experiment.catalogue.channel_names() == ["DAPI", "MIB-1"]
        image = experiment.image("plate02", "B02", 1, "MIB-1")
        np.testing.assert_array_equal(image[0], plane("B02", 1, "GFP", 0))
    assert name("B02", 1, "GFP", 0) in {path.name for path in (tmp_path / "microscope").iterdir()}


def test_a_channel_of_one_cycle(tmp_path: Path):
    with make_experiment(tmp_path) as experiment:
        before = experiment.image("p", "B02", 1, "1_GFP")
        with pytest.raises(InputError, match="begin with the number of the cycle"):
            rename_channel(experiment, "1_GFP", "CD45")
        rename_channel(experiment, "1_GFP", "1_CD45")
        names = experiment.catalogue.channel_names()
        assert sorted(names) == ["0_DAPI", "0_GFP", "1_CD45", "1_DAPI"]
        np.testing.assert_array_equal(experiment.image("p", "B02", 1, "1_CD45"), before)
        list(convert(experiment, workers=1))
        assert sorted(experiment.catalogue.channel_names()) == sorted(names)


@pytest.mark.parametrize(
    ("old", "new", "kind", "text"),
    [
        ("GFP", "DAPI", ExistsError, "There is a channel 'DAPI' already"),
        ("GFP", "Discs", ExistsError, "Objects are called 'Discs' already"),
        ("GFP", " x", InputError, "cannot be the name of a channel"),
        ("Cy5", "x", NotFoundError, "no channel 'Cy5'"),
    ],
)
def test_names_that_channels_cannot_have(client: TmClient, old, new, kind, text):
    with pytest.raises(kind, match=text):
        client.rename_channel(old, new)
    assert [row["name"] for row in client.get_channels()] == ["DAPI", "GFP"]


@pytest.fixture
def drops(client: TmClient) -> TmClient:
    """With two objects "Drops" that were sent."""
    labels = np.zeros((SIZE, SIZE + 16), np.int32)
    labels[5:15, 5:15] = 2
    labels[30:40, 70:] = 5
    client.create_mapobject_type("Drops")
    client.upload_segmentation_image("Drops", **PLACE, image=labels)
    values = pd.DataFrame({"Area": [100.0, 99.0], "Score": [0.5, 1.5]}, index=[2, 5])
    client.upload_feature_values("Drops", **PLACE, values=values)
    return client


def test_objects_that_were_sent(drops: TmClient, own: Path, capsys):
    before = drops.download_segmentation_image("Drops", **PLACE)
    gate = RangeGate(column="Score", low=0, high=1)
    with Experiment.open(own) as experiment:
        GateStore(own / "gates").save("Drops", "low", gate)
        one = experiment.features.read("Drops").reset_index().iloc[:1]
        SelectionStore(own / "selections").save("Drops", {"mine": Selection(one, "#ff0000")})
    drops.run_tool("cluster", "Drops", {"clusters": 2}, result="groups")
    start = ["-P", str(drops.session.port), "-u", "demo", "-p", "XXX", "object-type", "-e", "test"]
    assert main([*start, "rename", "-n", "Drops", "--new-name", "Droplets"]) == 0
    assert [row["name"] for row in drops.get_mapobject_types()] == ["Discs", "Droplets"]
    np.testing.assert_array_equal(drops.download_segmentation_image("Droplets", **PLACE), before)
    assert drops.download_object_feature_values("Droplets")["Score"].tolist() == [0.5, 1.5]
    assert drops.get_tool_result("Droplets", "groups")["name"] == "groups"
    assert GateStore(own / "gates").load("Droplets") == {"low": gate}
    assert list(SelectionStore(own / "selections").load("Droplets")) == ["mine"]
    with Experiment.open(own) as experiment:
        assert experiment.plate("plate01").label_names("C03", 2) == ["Discs", "Droplets"]


def test_objects_and_values_from_files(drops: TmClient, tmp_path: Path, capsys):
    labels = np.zeros((SIZE, SIZE + 16), np.uint16)
    labels[2:5, 2:5] = 3
    iio.imwrite(tmp_path / "labels.png", labels)
    (tmp_path / "values.csv").write_text("object_number,Area\n3,9.5\n")
    start = ["-P", str(drops.session.port), "-u", "demo", "-p", "XXX"]
    where = ["-o", "Drops", "-p", "plate01", "-w", "C03", "-x", "1", "-y", "0", "--filename"]
    send = ["segmentation", "-e", "test", "upload", *where, str(tmp_path / "labels.png")]
    assert main([*start, *send]) == 0
    assert capsys.readouterr().out.strip() == "1 object sent."
    np.testing.assert_array_equal(drops.download_segmentation_image("Drops", **PLACE), labels)
    send = ["feature-values", "-e", "test", "upload", *where, str(tmp_path / "values.csv")]
    assert main([*start, *send]) == 1
    assert "has no column 'label'" in capsys.readouterr().err
    assert main([*start, *send, "--index-col", "object_number"]) == 0
    assert drops.download_object_feature_values("Drops")["Area"].tolist() == [9.5]
    send = ["segmentation", "-e", "test", "upload", *where, str(tmp_path / "values.csv")]
    assert main([*start, *send]) == 1
    assert "cannot be read as a picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "kind", "text"),
    [
        ("Drops", "Discs", ExistsError, "There are objects of type 'Discs' already"),
        ("Drops", "GFP", ExistsError, "There is a channel 'GFP' already"),
        ("Drops", "a b", InputError, "cannot be the name of objects"),
        ("Discs", "Dots", InputError, "made by the pipeline 'discs'"),
        ("Dots", "Rings", NotFoundError, "no object type 'Dots'"),
    ],
)
def test_names_that_objects_cannot_have(drops: TmClient, old, new, kind, text):
    with pytest.raises(kind, match=text):
        drops.rename_mapobject_type(old, new)
    assert [row["name"] for row in drops.get_mapobject_types()] == ["Discs", "Drops"]


def test_objects_that_were_corrected_keep_their_name(drops: TmClient, own: Path):
    with Experiment.open(own) as experiment:
        place = SiteObjects("Drops", "plate01", "C03", 2)
        labels = experiment.labels("plate01", "C03", 2, "Drops")
        Corrections(experiment).save(place, labels, np.where(labels == 5, 0, labels))
    with pytest.raises(InputError, match="The Drops were corrected by hand"):
        drops.rename_mapobject_type("Drops", "Droplets")


def test_a_feature_that_was_sent(drops: TmClient, own: Path, capsys):
    gates = GateStore(own / "gates")
    gates.save("Drops", "low", RangeGate(column="Score", low=0, high=1))
    inside = CombinedGate(kind="not", gates=("low", RangeGate(column="Score", low=0, high=9)))
    gates.save("Drops", "rest", inside)
    start = ["-P", str(drops.session.port), "-u", "demo", "-p", "XXX", "feature", "-e", "test"]
    words = ["rename", "-o", "Drops", "-n", "Score", "--new-name", "Roundness, mean"]
    assert main([*start, *words]) == 0
    values = drops.download_object_feature_values("Drops")
    assert values["Roundness, mean"].tolist() == [0.5, 1.5]
    assert "Score" not in values
    assert gates.load("Drops")["low"].column == "Roundness, mean"
    assert gates.load("Drops")["rest"].gates[1].column == "Roundness, mean"
    gates.save("Drops", "large", FilterGate(text="Area > 99.5"))
    with pytest.raises(InputError, match="'large' filters by 'Area'"):
        drops.rename_feature("Drops", "Area", "Size")


@pytest.mark.parametrize(
    ("objects", "old", "new", "kind", "text"),
    [
        ("Drops", "Score", "Area", ExistsError, "have a feature 'Area' already"),
        ("Drops", "Score", "label", InputError, "cannot be the name of a feature"),
        ("Drops", "None", "x", NotFoundError, "no feature 'None'"),
        ("Discs", "Intensity_mean_DAPI", "x", InputError, "made by the pipeline"),
    ],
)
def test_names_that_features_cannot_have(drops: TmClient, objects, old, new, kind, text):
    with pytest.raises(kind, match=text):
        drops.rename_feature(objects, old, new)


def test_objects_without_features(client: TmClient, own: Path):
    client.create_mapobject_type("Drops")
    with Experiment.open(own) as experiment, pytest.raises(NotFoundError):
        rename_feature(experiment, "Drops", "Area", "x")
    address = f"{client._address()}/features/{encode('Drops', 'Area')}"
    with pytest.raises(NotFoundError, match="Drops have no features yet"):
        client.session.json("PUT", address, body={"name": "x"})


def test_a_feature_that_was_sent_goes(drops: TmClient, own: Path, capsys):
    gates = GateStore(own / "gates")
    gates.save("Drops", "low", RangeGate(column="Score", low=0, high=1))
    gates.save("Drops", "rest", CombinedGate(kind="not", gates=("low",)))
    start = ["-P", str(drops.session.port), "-u", "demo", "-p", "XXX", "feature", "-e", "test"]
    assert main([*start, "rm", "-o", "Drops", "-n", "Score"]) == 1
    assert "The gate 'low' looks at 'Score'" in capsys.readouterr().err
    gates.remove("Drops", "rest")
    gates.remove("Drops", "low")
    assert main([*start, "rm", "-o", "Drops", "-n", "Score"]) == 0
    values = drops.download_object_feature_values("Drops")
    assert "Score" not in values
    assert values["Area"].tolist() == [100.0, 99.0]
    (drop,) = (row for row in drops.get_mapobject_types() if row["name"] == "Drops")
    assert drop["features"] == len(drops.get_features("Drops"))
    with pytest.raises(NotFoundError, match="no feature 'Score'"):
        drops.session.json("DELETE", f"{drops._address()}/features/{encode('Drops', 'Score')}")
    with pytest.raises(InputError, match="made by the pipeline"):
        drops.delete_feature("Discs", "Intensity_mean_DAPI")


def test_what_is_in_a_well(client: TmClient, own: Path):
    assert [row["description"] for row in client.get_wells()] == [{}, {}]
    client.describe_well("plate01", "B02", {"treatment": "DMSO", "dose": 0.5})
    client.describe_well("plate01", "C03", {"treatment": "Taxol", "dose": 2, "batch": "x"})
    client.describe_well("plate01", "B02", {"dose": 1.5, "batch": None})
    said = {row["name"]: row["description"] for row in client.get_wells()}
    assert said == {
        "B02": {"treatment": "DMSO", "dose": "1.5"},
        "C03": {"treatment": "Taxol", "dose": "2", "batch": "x"},
    }
    kept = load_plate_map(own, ["plate01"])
    assert kept is not None
    assert kept.wells["dose"].tolist() == [1.5, 2.0]
    history = plate_map_history(own)
    assert set(history["who"]) == {"demo"}
    assert len(history) == 6
    for wrong, kind, text in (
        ({"dose": "much"}, InputError, "'much' is no number"),
        ({"Dose": 1}, InputError, "the column 'dose' twice"),
        ({"Well": "x"}, InputError, "cannot be said of a well"),
        ({"control": "maybe"}, InputError, "none of negative, positive"),
    ):
        with pytest.raises(kind, match=text):
            client.describe_well("plate01", "B02", wrong)
    with pytest.raises(NotFoundError):
        client.session.json(
            "PUT", f"{client._address()}/wells/{encode('plate01', 'D04')}", body={"description": {}}
        )
    assert load_plate_map(own, ["plate01"]).wells.equals(kept.wells)


def test_a_channel_is_renamed_while_another_plate_waits_for_its_layout(own: Path):
    with Experiment.open(own) as experiment:
        experiment.add(scan(own.parent.parent / "microscope", pattern=PATTERN), plate="later")
        rename_channel(experiment, "GFP", "Ki-67")
        assert experiment.image("plate01", "C03", 2, "Ki-67").any()
        assert not run(convert(experiment, workers=1))
        assert experiment.image("later", "C03", 2, "Ki-67").any()


def test_an_object_of_a_site_that_is_gone(client: TmClient, own: Path):
    (file,) = (own / "features" / "Discs").glob("*/B02.parquet")
    rows = pq.ParquetFile(file).read().to_pandas().assign(site=9)
    rows.to_parquet(file, index=False)
    with pytest.raises(NotFoundError, match="site 9 of well B02, which the layout has not any mor"):
        client.get_mapobject("Discs", 1)


def test_sites_by_their_place(client: TmClient):
    address = f"{client._address()}/sites"
    query = {"well_name": "C03", "well_pos_y": 0, "well_pos_x": 1}
    (site,) = client.session.json("GET", address, query=query)["data"]
    assert (site["well_name"], site["number"]) == ("C03", 2)
