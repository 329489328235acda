"""Experiments of servers, opened by their addresses: which there are, and the folder of each here.

<cache>/servers/<server>/<user>/<id>/       the folder; `mirror.Mirror` follows it
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from napari_tmaps.client.address import Address
from napari_tmaps.client.login import Logins, log_in
from napari_tmaps.client.session import LoggedOutError, Session
from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.store.mirror import Mirror
from napari_tmaps.store.mirror_files import OWN
from napari_tmaps.store.mirror_room import make_room, most_bytes
from napari_tmaps.store.user_folders import cache_folder, config_folder
from napari_tmaps.streams.mounts import mount, source_of


def open_mirror(text: str, password: str | None = None) -> Mirror:
    """The mirror of an experiment of a server, by its address.

    Raises
    ------
    InputError
        It is no address.
    RefusedError
        The user may not read it, or is not logged in.
    NotFoundError
        The user has no such experiment.
    StorageError
        The server cannot be reached.
    """
    session, address = log_in(Address.parse(text), logins(), password)
    try:
        address = replace(address, id=_id_of(session, address), experiment="")
        user = quote(address.user, safe="")
        server = quote(address.server.partition("://")[2], safe="")
        root = cache_folder() / "servers" / server / user / quote(address.id, safe="")
        known = source_of(root)
        if isinstance(known, Mirror):
            session.close_all()
            known.session.token = session.token
            return known
        (root / OWN).mkdir(parents=True, exist_ok=True)
        (root / OWN / "about.json").write_text(json.dumps({"address": str(address)}))
        mirror = Mirror(root, address, session)
        make_room(cache_folder() / "servers", most_bytes())
        mirror.refresh(thoroughly=True)
    except LoggedOutError:
        logins().keep(address.server, address.user, "")
        session.close_all()
        raise
    except BaseException:
        session.close_all()
        raise
    mount(root, mirror)
    return mirror


def followed_address(folder: Path) -> str:
    """The address of the experiment that a folder follows; "" if it follows none."""
    try:
        about = json.loads((folder / OWN / "about.json").read_text(encoding="utf-8"))
        return str(about["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def mirror_in(folder: Path) -> Mirror | None:
    """The mirror that a folder is; None if it is an experiment of its own."""
    known = source_of(folder)
    if isinstance(known, Mirror):
        return known
    address = followed_address(folder)
    return open_mirror(address) if address else None


def logins() -> Logins:
    """The logins of this user."""
    return Logins(config_folder() / "logins.json")


def experiments_at(session: Session) -> list[dict[str, Any]]:
    """Experiments that the user may see: id, name, description, user, write_access."""
    rows: list[dict[str, Any]] = session.json("GET", "/api/experiments")["data"]
    return rows


def _id_of(session: Session, address: Address) -> str:
    rows = experiments_at(session)
    if address.id:
        named = [row for row in rows if row["id"] == address.id]
        name: str = address.id
    else:
        name = address.experiment
        named = [row for row in rows if row["name"] == name] if name else rows
    if len(named) != 1:
        error = unknown(f"experiment of '{address.user}' at {address.server}", name, [
            row["name"] for row in rows
        ])  # fmt: skip
        raise (
            error
            if not named or name
            else NotFoundError(
                f"Say which experiment: {address}/NAME. There are: "
                + ", ".join(f"'{row['name']}'" for row in rows)
                + "."
            )
        )
    return str(named[0]["id"])
