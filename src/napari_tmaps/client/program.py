"""`tm_client`: resources and verbs of a server on the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_tmaps.client.api import TmClient
from napari_tmaps.client.login import kept_password
from napari_tmaps.client.verbs import VERBS
from napari_tmaps.errors import TmapsError


def parser() -> argparse.ArgumentParser:
    """All resources, verbs and options."""
    top = argparse.ArgumentParser(
        prog="tm_client", description="Client of a server of experiments."
    )
    env = os.environ
    top.add_argument("-H", "--host", default=env.get("TM_HOST", "localhost"))
    top.add_argument("-P", "--port", type=int, default=int(env.get("TM_PORT", "8002")))
    top.add_argument("-u", "--user", default=env.get("TM_USER", ""))
    top.add_argument("-p", "--password", default=env.get("TM_PASSWORD"), dest="login")
    top.add_argument("--https", action="store_true", help="the server has a certificate")
    top.add_argument("-v", "--verbosity", action="count", default=0, help="say more; repeat")
    resources = top.add_subparsers(dest="resource", required=True, metavar="RESOURCE")
    for resource, verbs in VERBS.items():
        part = resources.add_parser(resource, help=", ".join(verbs))
        if resource != "experiment":
            part.add_argument("-e", "--experiment", required=True, help="name of the experiment")
        names = part.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb, (_, options) in verbs.items():
            one = names.add_parser(verb)
            for flags, how in options:
                one.add_argument(*flags, **how)
    return top


def password_of(user: str, given: str | None) -> str:
    """The password: as given, of `~/.tm_pass` (YAML, user: password), or asked for.

    Raises
    ------
    InputError
        The file is no such YAML.
    """
    if given is not None:
        return given
    kept = kept_password(user)
    if kept is not None:
        return kept
    return getpass.getpass(f"Password of {user}: ")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns the exit code."""
    a = parser().parse_args(arguments)
    try:
        name = a.experiment if a.resource != "experiment" else getattr(a, "name", None)
        login = password_of(a.user, a.login)
        with TmClient(a.host, a.port, a.user, login, name, https=a.https) as client:
            found = VERBS[a.resource][a.verb][0](client, a)
    except TmapsError as error:
        if a.verbosity > 2:
            raise
        print(f"Error: {error}", file=sys.stderr)
        return 1
    _show(found, a.verbosity)
    return 0


def _show(found: Any, verbosity: int) -> None:
    if isinstance(found, Path):
        found = [found]
    if isinstance(found, list) and found and all(isinstance(item, Path) for item in found):
        if verbosity > 1:  # as the guide has it: the place of a file is told from -vv on
            print("\n".join(map(str, found)))
    elif isinstance(found, str):
        print(found)
    elif isinstance(found, list):
        for row in found:
            print(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False))


def run() -> None:
    """Entry point of the program `tm_client`."""
    sys.exit(main())
