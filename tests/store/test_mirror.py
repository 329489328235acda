"""An experiment of a server, opened here: the same values, each byte fetched once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.server.running import make_screen, running, settings_with_users
from tests.workflow.test_analyse import discs

from napari_tmaps.client.session import LoggedOutError, Session
from napari_tmaps.errors import NotFoundError, StorageError
from napari_tmaps.pipeline.files import load_pipeline
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.gates import GateStore, RangeGate
from napari_tmaps.store.maps import open_map
from napari_tmaps.store.mirror import Mirror
from napari_tmaps.store.plate_map import (
    check_plate_map,
    load_plate_map,
    plate_map_history,
    save_plate_map,
)
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.streams.mounts import ComingError
from napari_tmaps.workflow import analyse
from napari_tmaps.workflow.door import Experiment
from napari_tmaps.workflow.lock import coordinating, coordinator


@dataclass
class Served:
    """A server with one experiment, which a test may change."""

    path: Path
    address: str

    def open(self) -> Experiment:
        return Experiment.open(self.address, password="XXX")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_screen(tmp_path_factory.mktemp("mirrored"))


@pytest.fixture
def served(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    path = Path(shutil.copytree(made, tmp_path / "served" / "test.tmaps"))
    with running(settings_with_users(path.parent)) as port:
        yield Served(path, f"http://demo@127.0.0.1:{port}/test")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Method and address of each request, with "304" where nothing had changed."""
    found: list[str] = []
    send = Session._send

    def noted(self, method, target, content, headers):
        answer = send(self, method, target, content, headers)
        found.append(f"{method} {target}" + " 304" * (answer.status == 304))
        return answer

    monkeypatch.setattr(Session, "_send", noted)
    return found


def test_the_same_as_on_the_server(served: Served):
    with served.open() as ours, Experiment.open(served.path) as theirs:
        assert ours.info() == theirs.info()
        assert ours.plate_names() == ["plate01"]
        pd.testing.assert_frame_equal(ours.features.read("Discs"), theirs.features.read("Discs"))
        sites = theirs.catalogue.sites()
        for well, site in sites[["well", "site"]].itertuples(index=False):
            for channel in theirs.catalogue.channel_names():
                np.testing.assert_array_equal(
                    ours.image("plate01", well, site, channel),
                    theirs.image("plate01", well, site, channel),
                )
            np.testing.assert_array_equal(
                ours.labels("plate01", well, site, "Discs"),
                theirs.labels("plate01", well, site, "Discs"),
            )
        channel = theirs.catalogue.channel_names()[0]
        level, other = (open_map(each, "plate01").channel(channel)[0] for each in (ours, theirs))
        height, width = level.shape[2:]
        everything = (0, 0, slice(0, height), slice(0, width))
        assert level.read(*everything).any()
        np.testing.assert_array_equal(level.read(*everything), other.read(*everything))


def test_nothing_is_fetched_before_it_is_looked_at_and_nothing_twice(
    served: Served, asked: list[str]
):
    with served.open() as first:
        assert not [line for line in asked if ".parquet" in line or "/c/" in line]
        first.features.read("Discs")
        first.image("plate01", "B02", 1, first.catalogue.channel_names()[0])
        assert [line for line in asked if ".parquet" in line]
        assert not [line for line in asked if "/C/03/" in line], "another well"
    asked.clear()
    with Experiment.open(served.address) as again:  # the login is still good
        again.features.read("Discs")
        again.image("plate01", "B02", 1, again.catalogue.channel_names()[0])
        assert again.labels("plate01", "B02", 1, "Discs").any()
    files = [line for line in asked if "/files" in line and "labels" not in line]
    assert files
    assert all(line.endswith(" 304") for line in files), files


def test_what_changes_on_the_server_comes_with_a_refresh(served: Served):
    with served.open() as ours:
        before = ours.labels("plate01", "B02", 1, "Discs")
        rows = len(ours.features.read("Discs"))
        assert not ours.refresh()
        with Experiment.open(served.path) as theirs:
            theirs.rename("other")
            changed = discs().model_copy(
                update={
                    "pipeline": tuple(
                        step.model_copy(update={"settings": {**step.settings, "threshold": 60_000}})
                        if "threshold" in step.settings
                        else step
                        for step in discs().pipeline
                    )
                }
            )
            list(analyse(theirs, changed, workers=1))
        assert ours.refresh()
        assert ours.name == "other"
        assert before.any()
        assert not ours.labels("plate01", "B02", 1, "Discs").any()
        assert len(ours.features.read("Discs")) < rows
        shutil.rmtree(served.path / "features" / "Discs")
        assert ours.refresh()
        assert ours.features.object_types() == []


def test_nothing_is_written_here(served: Served):
    with served.open() as ours:
        with pytest.raises(StorageError, match=r"is on http://\S+: that can be changed"):
            ours.rename("mine")
        with pytest.raises(StorageError, match="not from here"):
            ours.features.remove("Discs")
        assert ours.name == "test"
        assert len(ours.features.read("Discs"))


def test_who_may_read_is_told_why_nothing_can_be_written(served: Served):
    with served.open() as ours:
        ours.mirror.ask("POST", "/shares", body={"user": "reader", "write_access": False})
    address = served.address.replace("demo@", "reader@")
    with Experiment.open(address, password="rrr") as ours:
        assert len(ours.features.read("Discs"))
        with pytest.raises(StorageError, match="is shared with you to read"):
            ours.rename("mine")


def test_a_folder_of_a_mirror_opens_as_the_experiment(served: Served):
    with served.open() as ours:
        assert ours.place == served.address.removesuffix("test") + "api/experiments/MQ=="
        with Experiment.open(ours.path) as again:
            assert again.mirror is ours.mirror
        assert ours.image("plate01", "B02", 1, ours.catalogue.channel_names()[0]).any()
        path, place = ours.path, ours.place
    with Experiment.open(path) as again, Experiment.open(place) as third:
        assert again.info() == third.info()


CASES = [
    pytest.param("http://demo@{}/none", "XXX", NotFoundError, "There are: 'test'", id="name"),
    pytest.param("http://demo@{}/test", "bad", LoggedOutError, "name or the password", id="login"),
    pytest.param("http://demo@{}/test", None, LoggedOutError, "Log in", id="no login"),
    pytest.param("http://{}/test", None, LoggedOutError, "Say who you are", id="nobody"),
    pytest.param("http://stranger@{}/test", "sss", NotFoundError, "none at all", id="stranger"),
    pytest.param(
        "http://demo@127.0.0.1:1/test", "XXX", StorageError, "cannot be reached", id="off"
    ),
]


@pytest.mark.parametrize(("text", "password", "error", "match"), CASES)
def test_what_cannot_be_opened(served: Served, monkeypatch, tmp_path, text, password, error, match):
    monkeypatch.setenv("HOME", str(tmp_path))
    address = text.format(served.address.partition("@")[2].removesuffix("/test"))
    with pytest.raises(error, match=match):
        Experiment.open(address, password=password)


def test_several_experiments(served: Served):
    with served.open() as ours:
        ours.mirror.session.json("POST", "/api/experiments", body={"name": "third"})
    with pytest.raises(NotFoundError, match=r"Say which experiment: .*: 'test', 'third'"):
        Experiment.open(served.address.removesuffix("test"))


def test_a_lost_connection_is_told_and_what_was_seen_stays(made: Path, tmp_path, monkeypatch):
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    path = Path(shutil.copytree(made, tmp_path / "served" / "test.tmaps"))
    with running(settings_with_users(path.parent)) as port:
        ours = Experiment.open(f"http://demo@127.0.0.1:{port}/test", password="XXX")
        channel = ours.catalogue.channel_names()[0]
        seen = ours.image("plate01", "B02", 1, channel)
    with ours:
        np.testing.assert_array_equal(ours.image("plate01", "B02", 1, channel), seen)
        with pytest.raises(StorageError, match="cannot be reached"):
            ours.image("plate01", "C03", 1, channel)
        with pytest.raises(StorageError, match="cannot be reached"):
            ours.refresh()


def test_an_ended_login_and_a_deleted_experiment_are_told(served: Served):
    with served.open() as ours:
        good = ours.mirror.session.token
        ours.mirror.session.token = "old"
        with pytest.raises(StorageError, match=r"Your login at http://\S+ is over"):
            ours.refresh()
        ours.mirror.session.token = good
        ours.mirror.session.json("DELETE", ours.mirror.address.path)
        with pytest.raises(StorageError, match="does not have the experiment any more"):
            ours.refresh()


def test_a_server_of_another_version_is_told(served: Served, monkeypatch):
    monkeypatch.setattr("napari_tmaps.server.routes_files.FORMAT", 2)
    with pytest.raises(StorageError, match="Use the same version on both"):
        served.open()


def test_the_main_thread_does_not_wait_for_long(served: Served):
    arrived = []
    with served.open() as ours:
        ours.mirror.patience_s = 0.0
        ours.mirror.on_arrival = lambda: arrived.append(1)
        channel = ours.catalogue.channel_names()[0]
        while True:
            try:
                image = ours.image("plate01", "B02", 1, channel)
                break
            except ComingError as error:
                assert "On its way from http://127.0.0.1" in str(error)  # noqa: PT017
        assert image.any()
    assert arrived


def test_gates_selections_pipelines_and_the_plate_map_are_sent(served: Served):
    with served.open() as ours, Experiment.open(served.path) as theirs:
        gate = RangeGate(column="Morphology_Area", low=1.0, high=9.0)
        GateStore(ours.path / "gates").save("Discs", "large", gate)
        assert GateStore(theirs.path / "gates").load("Discs") == {"large": gate}
        GateStore(ours.path / "gates").save("Discs", "other", gate)
        assert set(GateStore(theirs.path / "gates").load("Discs")) == {"large", "other"}
        objects = ours.features.read("Discs").reset_index()[INDEX].head(3)
        SelectionStore(ours.path / "selections").set("Discs", "mine", Selection(objects))
        found = SelectionStore(theirs.path / "selections").load("Discs")["mine"].objects
        assert found.to_numpy().tolist() == objects.to_numpy().tolist()
        Shelf(ours.path / "pipelines").save("discs", discs())
        assert load_pipeline(theirs.path / "pipelines" / "discs.yaml").pipeline == discs().pipeline
        wells = pd.DataFrame({"plate": "plate01", "well": ["B02", "C03"], "drug": ["a", "b"]})
        plate_map = check_plate_map(wells, ["plate01"], "drugs")
        save_plate_map(plate_map, ours.path, ["plate01"])
        kept = load_plate_map(theirs.path, ["plate01"])
        assert kept is not None
        assert kept.values() == plate_map.values()
        assert len(plate_map_history(theirs.path)) == 2
        assert not ours.refresh(), "what was sent is known"


def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(served: Served):
    with served.open() as ours, Experiment.open(served.path) as theirs:
        gate = RangeGate(column="Morphology_Area", low=1.0, high=9.0)
        GateStore(theirs.path / "gates").save("Discs", "theirs", gate)
        with pytest.raises(StorageError, match="was changed by somebody else meanwhile"):
            GateStore(ours.path / "gates").save("Discs", "ours", gate)
        assert set(GateStore(ours.path / "gates").load("Discs")) == {"theirs"}
        GateStore(ours.path / "gates").save("Discs", "ours", gate)
        assert set(GateStore(theirs.path / "gates").load("Discs")) == {"theirs", "ours"}


def test_what_is_refused_without_waiting_is_told_and_taken_back(served: Served):
    told: list[str] = []
    with served.open() as ours, Experiment.open(served.path) as theirs:
        ours.mirror.patience_s, ours.mirror.on_problem = 0.05, told.append
        gate = RangeGate(column="Morphology_Area", low=1.0, high=9.0)
        GateStore(ours.path / "gates").save("Discs", "first", gate)
        GateStore(ours.path / "gates").save("Discs", "second", gate)
        assert set(GateStore(ours.path / "gates").load("Discs")) == {"first", "second"}
        ours.mirror.finish()
        assert set(GateStore(theirs.path / "gates").load("Discs")) == {"first", "second"}
        assert told == []
        ours.mirror.session.token = "old"
        GateStore(ours.path / "gates").save("Discs", "third", gate)
        ours.mirror.finish()
        assert len(told) == 1
        assert told[0].startswith("Discs.json could not be saved on the server: Your login")
        assert set(GateStore(ours.path / "gates").load("Discs")) == {"first", "second"}


def test_who_may_read_sends_nothing(served: Served):
    with served.open() as ours:
        ours.mirror.ask("POST", "/shares", body={"user": "reader", "write_access": False})
    address = served.address.replace("demo@", "reader@")
    with Experiment.open(address, password="rrr") as ours:
        gate = RangeGate(column="Morphology_Area", low=1.0, high=9.0)
        with pytest.raises(StorageError, match="is shared with you to read"):
            GateStore(ours.path / "gates").save("Discs", "mine", gate)
        assert GateStore(ours.path / "gates").load("Discs") == {}


def test_nobody_sees_a_run_ended_before_its_tables_are_here(served: Served, monkeypatch):
    with served.open() as ours:
        seen = []
        follow = Mirror._follow_catalogue

        def watched(self, file):
            seen.append(coordinator(ours.path) is not None)
            follow(self, file)
            seen.append(coordinator(ours.path) is not None)

        monkeypatch.setattr(Mirror, "_follow_catalogue", watched)
        with coordinating(served.path, "something"):
            ours.refresh()
            assert coordinator(ours.path) is not None
        ours.refresh()
        assert coordinator(ours.path) is None
        assert seen == [True] * 4


def test_passwords_that_are_found(served: Served, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TM_PASSWORD", "XXX")
    Experiment.open(served.address).close()
    monkeypatch.delenv("TM_PASSWORD")
    (tmp_path / ".tm_pass").write_text("reader: rrr\n")
    with pytest.raises(NotFoundError, match="none at all"):
        Experiment.open(served.address.replace("demo@", "reader@"))
