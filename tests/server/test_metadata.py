"""Metadata corrected over HTTP, and in an experiment that is opened from afar."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.running import make_screen, opened_from_afar, running, settings_with_users

from napari_tmaps.client import TmClient
from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.server.users import UserStore
from napari_tmaps.store.edited_values import edited
from napari_tmaps.workflow.door import Experiment


def test_from_afar_as_here(tmp_path: Path):
    own = make_screen(tmp_path)
    with opened_from_afar(own, tmp_path / "here") as experiment:
        image = experiment.site_image("plate01", "B02", 1)
        assert image.pixel_size_um == (None, None, None)
        (note,) = experiment.edit_metadata(pixel_size_um=0.5)
        assert note.startswith("Measured with the former size, and marked stale: Discs.")
        assert experiment.info()["pixel_size_um"] == [0.5, 0.5]
        assert experiment.site_image("plate01", "B02", 1).pixel_size_um == (None, 0.5, 0.5)
        with pytest.raises(InputError, match="nanometres"):
            experiment.edit_metadata(pixel_size_um=650)
        experiment.edit_metadata(pixel_size_um=650, sure=True)
    with Experiment.open(own) as experiment:
        assert [(row["edited"], row["who"]) for row in edited(experiment)] == [([650, 650], "demo")]


def test_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = make_screen(tmp_path)
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    settings = settings_with_users(own.parent)
    with running(settings) as port:
        with TmClient("127.0.0.1", port, "demo", "XXX", "test") as client:
            address = f"{client._address()}/metadata"
            body = {"edits": {"channels": {"GFP": {"exposure_ms": 80}}}}
            assert client.session.json("PUT", address, body=body) == {"data": []}
            (row,) = client.session.json("GET", address)["data"]
            assert (row["of"], row["edited"], row["who"]) == ("GFP", 80, "demo")
            for name in ("gain", "cls"):
                with pytest.raises(InputError, match=f"'{name}' cannot be corrected"):
                    client.session.json("PUT", address, body={"edits": {name: 2}})
        users = UserStore(settings.database)
        (entry,) = users.experiments("demo")
        users.share(entry.id, "reader", write=False)
        address = f"http://reader@127.0.0.1:{port}/test"
        with (
            Experiment.open(address, password="rrr") as experiment,
            pytest.raises(StorageError, match="is shared with you to read"),
        ):
            experiment.edit_metadata(pixel_size_um=0.5)
