"""`tmaps experiments …`: the user's list, by whose names and numbers commands take experiments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import AsJson
from napari_tmaps.errors import NotFoundError

app = typer.Typer(
    help="The list of your experiments: every command takes a name or number of it.",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def resolve(text: str) -> Path:
    """The folder of an experiment: by path, name or number; ends the program if there is none."""
    from napari_tmaps.store.known import find_experiment

    with show.plain_errors(False):
        return find_experiment(text)


ExperimentPath = Annotated[
    Path,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Folder of the experiment (….tmaps), or its name or number (tmaps experiments).",
        parser=resolve,
    ),
]


@app.callback(invoke_without_command=True)
def _list(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    from napari_tmaps.store.experiment import is_experiment
    from napari_tmaps.store.known import known_experiments

    if context.invoked_subcommand is not None:
        return
    rows: list[dict[str, Any]] = [
        {**asdict(row), "there": is_experiment(Path(row.path))}
        for row in sorted(known_experiments(), key=lambda row: row.number)
    ]
    if as_json:
        show.as_json(rows)
        return
    for row in rows:
        gone = "" if row["there"] else "  (no longer there)"
        typer.echo(f"{row['number']:>3}  {row['name']:<24}  {row['path']}{gone}")
    if not rows:
        typer.echo("No experiment was made or opened yet. 'tmaps experiments add FOLDER' adds one.")


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="Folder of an experiment (….tmaps).")],
) -> None:
    """Put an experiment on the list."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.store.known import remember

    with show.plain_errors(False), Experiment.open(folder) as experiment:
        entry = remember(experiment)
    typer.echo(f"'{entry.name}' has number {entry.number}.")


@app.command()
def forget(
    experiment: Annotated[str, typer.Argument(help="Number, name or folder.")],
) -> None:
    """Take an experiment off the list; the experiment itself is not touched."""
    from napari_tmaps.store import known

    with show.plain_errors(False):
        rows = known.known_experiments()
        folder = str(Path(experiment).expanduser().absolute())
        found = [
            row for row in rows if experiment in (str(row.number), row.name) or row.path == folder
        ]
        if not found:
            raise NotFoundError(f"'{experiment}' is not on the list. See 'tmaps experiments'.")
        if len(found) > 1:
            known.find_experiment(experiment)  # tells which there are
        known.forget(found[0].path)
    typer.echo(f"'{found[0].name}' is off the list; its folder '{found[0].path}' stays as it is.")
