"""Addresses of experiments, and logins that are kept."""

from __future__ import annotations

import os
import stat

import pytest

from napari_tmaps.client.address import Address, is_address
from napari_tmaps.client.login import Logins
from napari_tmaps.errors import InputError

CASES = [
    pytest.param("http://lab", Address("lab"), id="server"),
    pytest.param("https://lab:80/", Address("lab", 80, True), id="https"),
    pytest.param(
        "http://me@lab/a%20screen", Address("lab", user="me", experiment="a screen"), id="name"
    ),
    pytest.param("HTTP://lab/api/experiments/MQ==/info", Address("lab", id="MQ=="), id="id"),
    pytest.param("http://[::1]:8002/x", Address("::1", experiment="x"), id="v6"),
]


@pytest.mark.parametrize(("text", "address"), CASES)
def test_an_address(text, address):
    assert is_address(text)
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["http://", "ftp://lab/x", "lab:8002", "http://lab:x/"])
def test_what_is_no_address(text):
    with pytest.raises(InputError, match=r"is no address of a server\. Write it like http://demo@"):
        Address.parse(text)


def test_folders_are_no_addresses(tmp_path):
    assert not is_address(tmp_path)
    assert not is_address("/data/screen.tmaps")


def test_logins_are_kept_for_the_user_alone(tmp_path, monkeypatch):
    file = tmp_path / "new" / "logins.json"
    logins = Logins(file)
    assert logins.users("http://lab:8002") == []
    logins.keep("http://lab:8002", "me", "t1")
    logins.keep("http://lab:8002", "you", "t2")
    assert Logins(file).token("http://lab:8002", "me") == "t1"
    assert set(logins.users("http://lab:8002")) == {"me", "you"}
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    logins.keep("http://lab:8002", "me", "")
    assert logins.token("http://lab:8002", "me") == ""
    monkeypatch.setattr("napari_tmaps.client.login.time.time", lambda: 4e9)
    assert logins.token("http://lab:8002", "you") == "", "its time is over"
    file.write_text("nonsense")
    assert logins.users("http://lab:8002") == []
