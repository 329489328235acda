"""The programs of the steps: `tmaps metaextract …`, also installed as `metaextract …`.

Their options are made from the arguments of the steps. To make them, the steps must be loaded,
which takes a while; so each is here only by its name until it is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from napari_tmaps.model.steps import STEPS


def attach_steps(app: typer.Typer) -> None:
    """Make each step a command of `app`, which hands everything on to the program of the step."""
    for name, entry in STEPS.items():
        app.command(
            name,
            help=entry.help,
            rich_help_panel="Steps of the workflow",
            add_help_option=False,
            context_settings={
                "ignore_unknown_options": True,
                "allow_extra_args": True,
                "allow_interspersed_args": False,
            },
        )(_handing_on(name))


def _handing_on(name: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        run_step_program(name, context.args, f"tmaps {name}")

    return command


def run_step_program(name: str, args: Sequence[str], called: str) -> None:
    """Run the program of a step and end this one."""
    from napari_tmaps.cli.steps import step_app

    typer.main.get_command(step_app(name))(args=list(args), prog_name=called)


def step_main() -> None:
    """Entry point of the programs metaextract, imextract …: the name says which step."""
    name = Path(sys.argv[0]).stem
    run_step_program(name, sys.argv[1:], name)


def workflow_main() -> None:
    """Entry point of the program tm_workflow."""
    from napari_tmaps.cli.workflow import app

    app(prog_name="tm_workflow")
