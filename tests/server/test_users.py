"""Users, tokens, shares."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from napari_tmaps.client.ids import decode, decode_number, encode
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.server.users import ForbiddenError, LoginError, UserStore


@pytest.fixture
def users(tmp_path: Path) -> UserStore:
    store = UserStore(tmp_path / "users.db")
    for name in ("anna", "bert"):
        store.add(name, f"word of {name}")
    return store


def test_the_file_tells_neither_password_nor_token(users: UserStore):
    token = users.login("anna", "word of anna", 1)
    with sqlite3.connect(users.path) as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert "word of anna" not in dump
    assert b"word of anna".hex() not in dump.lower()
    assert token not in dump
    assert users.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("name", "word"), [("anna", "word of bert"), ("nobody", "x"), ("", "")])
def test_who_is_not_let_in(users: UserStore, name: str, word: str):
    with pytest.raises(LoginError, match="The name or the password is wrong"):
        users.login(name, word, 1)


def test_tokens_end(users: UserStore):
    over = users.login("anna", "word of anna", 0)
    with pytest.raises(LoginError, match="its time is over"):
        users.user_of(over)
    token, other = (users.login("anna", "word of anna", 1) for _ in range(2))
    users.revoke(token)
    with pytest.raises(LoginError):
        users.user_of(token)
    assert users.user_of(other) == "anna"
    users.set_password("anna", "new")
    with pytest.raises(LoginError):
        users.user_of(other)
    assert users.user_of(users.login("anna", "new", 1)) == "anna"


def test_names_and_passwords_that_do_not_fit(users: UserStore):
    with pytest.raises(ExistsError, match="There is a user 'anna' already"):
        users.add("anna", "x")
    with pytest.raises(InputError, match="cannot be the name of a user"):
        users.add("../x", "x")
    with pytest.raises(InputError, match="1 to 1024"):
        users.add("carl", "")
    with pytest.raises(NotFoundError, match="no user 'carl'"):
        users.set_password("carl", "x")


def test_shares(users: UserStore):
    number = users.register(Path("/data/a.tmaps"), "anna")
    assert users.register(Path("/data/a.tmaps"), "bert") == number  # it stays anna's
    with pytest.raises(ForbiddenError, match="did not share"):
        users.entry("bert", number)
    users.share(number, "bert", write=False)
    assert not users.entry("bert", number).write
    with pytest.raises(ForbiddenError, match="shared with you to read"):
        users.entry("bert", number, write=True)
    users.share(number, "bert", write=True)
    assert users.entry("bert", number, write=True).owner == "anna"
    users.unshare(number, "bert")
    assert users.experiments("bert") == []
    with pytest.raises(NotFoundError, match="no user 'carl'"):
        users.share(number, "carl", write=True)
    users.forget(number)
    with pytest.raises(NotFoundError, match="no experiment number"):
        users.entry("anna", number)


def test_ids():
    assert encode(1) == "MQ=="  # as in the guide
    assert decode(encode("plate 1", "Größe/ä"), 2) == ["plate 1", "Größe/ä"]
    for bad in ("M", "?", "ÿ", encode("a", "b")):
        with pytest.raises(NotFoundError, match="has the id"):
            decode(bad)
    for bad in ("x", "-1", "1" * 20, "²"):
        with pytest.raises(NotFoundError, match="has the id"):
            decode_number(encode(bad))
