"""Options that several commands of the workflow share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


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
