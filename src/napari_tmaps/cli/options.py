"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    # TissueMAPS writes --batch_size as well as --batch-size.
    "token_normalize_func": lambda text: text.replace("_", "-"),
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")]

Threads = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Jobs at a time; by default one a processor."),
]


@dataclass(frozen=True)
class Called:
    """What stands before the verb; `text` is a folder, a name or a number."""

    text: str
    verbosity: int

    @property
    def verbose(self) -> bool:
        """Whether tracebacks are wanted."""
        return self.verbosity > 0

    @cached_property
    def folder(self) -> Path:
        """The folder of the experiment.

        Raises
        ------
        TmapsError
            There is no such experiment, or there are several.
        """
        from napari_tmaps.store.known import find_experiment

        return find_experiment(self.text).expanduser().absolute()


ExperimentText = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Folder of the experiment (….tmaps), or its name or number (tmaps experiments).",
    ),
]
Verbosity = Annotated[
    int,
    typer.Option(
        "--verbosity",
        "-v",
        count=True,
        help="-v: show tracebacks of errors; -vv: show also the log of a job that is run.",
    ),
]


def before(context: typer.Context, experiment: ExperimentText, verbose: Verbosity = 0) -> None:
    """Callback of the programs that take the experiment before a verb."""
    context.obj = Called(experiment, verbose)


class EngineKind(StrEnum):
    """What runs the jobs."""

    DASK = "dask"
    PROCESSES = "processes"
    THREADS = "threads"


EngineOption = Annotated[
    EngineKind,
    typer.Option("--engine", help="Run jobs on a dask cluster, in processes or in threads."),
]
Workers = Annotated[
    int, typer.Option(min=0, help="Jobs at the same time; 0: one for each processor.")
]
Scheduler = Annotated[
    str, typer.Option(help="Address of a running dask scheduler, e.g. tcp://host:8786.")
]
Cluster = Annotated[str, typer.Option(help="YAML file of a cluster with a queue (dask-jobqueue).")]
Depth = Annotated[
    int, typer.Option("--depth", "-d", min=0, help="0: say nothing while it runs; 1: each step.")
]
Interval = Annotated[
    float,
    typer.Option("--interval", "-i", min=0, help="Seconds between lines of progress."),
]
