"""`tmaps serve`: experiments over HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import Verbose
from napari_tmaps.errors import InputError

if TYPE_CHECKING:
    from napari_tmaps.server.settings import ServerSettings

app = typer.Typer()


@app.command()
def serve(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIRECTORY…", help="Folders with experiments.")
    ],
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            "-u",
            help="A user who may log in; made if new, with the password of TM_PASSWORD or asked "
            "for. To the first belong the experiments that are in the folders. Repeat.",
        ),
    ] = None,
    change_password: Annotated[
        str, typer.Option(help="Give this user another password, and end.")
    ] = "",
    host: Annotated[str, typer.Option("--host", "-H", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-P", min=0, max=65535)] = 8002,
    certificate: Annotated[Path | None, typer.Option(help="Certificate (.pem), for https.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key of the certificate (.pem).")] = None,
    register_folder: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose files users may add without sending them. Repeat."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Serve experiments to napari, Python, curl, R and others; see docs/server.md."""
    with show.plain_errors(verbose):
        _check(folders, certificate, key)
        try:
            import uvicorn

            from napari_tmaps.server.app import make_app
        except ModuleNotFoundError as error:
            raise InputError(
                f"The server needs the package '{error.name}'. Install it: "
                "pip install 'napari-tmaps[server]'."
            ) from error
        from napari_tmaps.server.settings import ServerSettings

        settings = ServerSettings(
            folders=tuple(folder.absolute() for folder in folders),
            owner=user[0] if user else "",
            register_folders=tuple(folder.absolute() for folder in register_folder or ()),
        )
        if _prepare_users(settings, user or [], change_password):
            return
        made = make_app(settings)
    uvicorn.run(
        made,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="info" if verbose else "warning",
        timeout_graceful_shutdown=5,
    )


def _check(folders: list[Path], certificate: Path | None, key: Path | None) -> None:
    for path in (*folders, certificate, key):
        if path is not None and not path.exists():
            raise InputError(f"'{path}' does not exist.")
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"'{folder}' is no folder; serve the folder that experiments are in.")
    if key is not None and certificate is None:
        raise InputError("--key needs --certificate too.")


def _prepare_users(settings: ServerSettings, names: list[str], changed: str) -> bool:
    """Make users; True if that was all that was asked for."""
    from napari_tmaps.server.users import UserStore

    users = UserStore(settings.database)
    if changed:
        users.set_password(changed, _password(changed))
        typer.echo(f"'{changed}' has a new password; all logins have ended.")
        return True
    for name in names:
        if name not in users.names():
            users.add(name, _password(name))
    if not users.names():
        raise InputError("Nobody could log in. Make a user: tmaps serve … --user NAME.")
    return False


def _password(name: str) -> str:
    given = os.environ.get("TM_PASSWORD")
    return given or typer.prompt(
        f"New password for {name}", hide_input=True, confirmation_prompt=True
    )
