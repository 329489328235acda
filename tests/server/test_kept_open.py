"""What is kept open between requests never answers as things were before a change."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from tests.server.running import make_screen, running, settings_with_users
from tests.workflow.screen import SIZE, plane

from napari_tmaps.client import TmClient
from napari_tmaps.client.ids import encode
from napari_tmaps.errors import NotFoundError
from napari_tmaps.store.illumination import IlluminationStore
from napari_tmaps.workflow.door import Experiment

ADDRESS = "/api/experiments/MQ=="
PLACE = {"well_name": "C03", "well_pos_x": 1, "well_pos_y": 0}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return make_screen(tmp_path)


@pytest.fixture
def client(own: Path) -> Iterator[TmClient]:
    """A client that has looked at everything once."""
    with (
        running(settings_with_users(own.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as made,
    ):
        assert image(made) is not None
        seen(made)
        yield made


def image(
    client: TmClient, channel: str = "GFP", plate: str = "plate01", correct: bool = False
) -> np.ndarray:
    query = {**PLACE, "plate_name": plate, "correct": correct, "format": "tiff"}
    address = f"{ADDRESS}/channels/{encode(channel)}/image-file"
    return tifffile.imread(io.BytesIO(client.session.fetch("GET", address, query=query)))


def seen(client: TmClient) -> tuple[list[str], ...]:
    """Names of the experiment, and of its plates, channels and layers."""

    def names(what: str) -> list[str]:
        return [row["name"] for row in client.session.json("GET", f"{ADDRESS}/{what}")["data"]]

    (experiment,) = client.get_experiments()
    rooms = ("plates", "channels", "channel_layers", "segmentation_layers")
    return ([experiment["name"]], *map(names, rooms))


def test_other_names(client: TmClient, own: Path):
    with Experiment.open(own) as experiment:
        experiment.rename_channel("GFP", "Ki-67")
        experiment.rename_plate("plate01", "A")
        experiment.rename("screen")
    channels = ["DAPI", "Ki-67"]
    assert seen(client) == (["screen"], ["A"], channels, channels, ["Discs"])
    np.testing.assert_array_equal(image(client, "Ki-67", "A"), plane("C03", 2, "GFP", 0))
    with pytest.raises(NotFoundError, match="no channel 'GFP'"):
        image(client, plate="A")
    with pytest.raises(NotFoundError, match="no plate 'plate01'"):
        image(client, "DAPI")


def test_illumination_that_is_found_anew(client: TmClient, own: Path):
    fields = IlluminationStore(own / "illumination")
    raw = plane("C03", 2, "GFP", 0)
    for flat in (0.5, 2.0):
        arrays = {"flat": np.full(raw.shape, flat), "dark": np.zeros(raw.shape)}
        entry = fields.write_field(
            arrays, method="flat", channel="GFP", key=str(flat), statistics={}
        )
        fields.set_entries([entry])
        expected = fields.load(entry).correct(raw)
        assert not np.array_equal(expected, raw)
        np.testing.assert_array_equal(image(client, correct=True), expected)


def test_another_experiment_in_its_place(client: TmClient, own: Path, tmp_path: Path):
    with Experiment.open(shutil.copytree(own, tmp_path / "other.tmaps")) as other:
        other.rename_channel("GFP", "Cy5")
    own.rename(tmp_path / "moved.tmaps")
    for what in ("sites", "channel_layers", f"channels/{encode('GFP')}/image-file"):
        with pytest.raises(NotFoundError, match="There is no experiment at"):
            client.session.json(
                "GET", f"{ADDRESS}/{what}", query={**PLACE, "plate_name": "plate01"}
            )
    (tmp_path / "other.tmaps").rename(own)
    channels = ["DAPI", "Cy5"]
    assert seen(client) == (["test"], ["plate01"], channels, channels, ["Discs"])
    np.testing.assert_array_equal(image(client, "Cy5"), plane("C03", 2, "GFP", 0))


def test_files_are_given_back_before_they_are_removed(client: TmClient, own: Path):
    def held() -> list[str]:
        files = psutil.Process().open_files()
        return [file.path for file in files if Path(file.path).is_relative_to(own)]

    assert held()
    client.delete_experiment()
    assert held() == []


def test_many_read_while_something_changes(client: TmClient, own: Path):
    def read(_: int) -> None:
        assert len(client.get_sites()) == 4
        assert image(client).shape == (SIZE, SIZE + 16)
        client.session.close()

    with ThreadPoolExecutor(8) as pool:
        reading = pool.map(read, range(40))
        for number in range(10):
            with Experiment.open(own) as experiment:
                experiment.catalogue.set("description", f"number {number}")
        assert len(list(reading)) == 40
