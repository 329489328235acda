"""How the command line shows progress, tables and errors."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import typer

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.recorded import depth_text, times_text
from napari_tmaps.model.words import counted

Value = TypeVar("Value")


@contextmanager
def plain_errors(verbose: bool) -> Iterator[None]:
    """One clear message on the error stream and exit code 1; on request, the traceback before."""
    try:
        yield
    except TmapsError as error:
        if verbose:
            traceback.print_exc()
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("Stopped. What was finished is kept; the same command goes on.", err=True)
        raise typer.Exit(130) from error


def follow(events: Iterator[Progress], *, quiet: bool = False) -> tuple[int, dict[str, float]]:
    """Do the work and draw a bar for each stage, or lines where there is no terminal.

    Returns
    -------
    failures, seconds
        Number of events that report a failure, and the time of each stage.
    """
    failures = 0
    seconds: dict[str, float] = {}
    start = perf_counter()
    with _Bars(quiet) as bars:
        for event in events:
            now = perf_counter()
            seconds[event.stage] = seconds.get(event.stage, 0.0) + now - start
            start = now
            failures += event.failed
            bars.show(event)
    return failures, seconds


def finish(failures: int, experiment: Path) -> None:
    """Exit with 1 if there were failures."""
    if failures:
        typer.secho(
            f"{counted(failures, 'problem')}; see above or 'tmaps info {experiment}'. All the rest "
            "is done.",
            fg=typer.colors.RED,
            err=True,
        )
        raise typer.Exit(1)


def as_json(content: Any) -> None:
    """Print JSON for other programs."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def ended(events: Generator[Progress, None, Value]) -> Value:
    """Do the work as `follow` does, and return what it comes to."""
    found: list[Value] = []

    def steps() -> Iterator[Progress]:
        found.append((yield from events))

    follow(steps())
    return found[0]


def paced(events: Iterator[Progress], interval: float) -> Iterator[Progress]:
    """The same events; where there is no terminal, with a line of progress now and then."""
    last = perf_counter()
    for event in events:
        yield event
        if not sys.stderr.isatty() and event.total and perf_counter() - last > interval:
            last = perf_counter()
            yield Progress(event.stage, 0, 0, f"{event.done} of {event.total}")


class _Bars:
    """A progress bar for each stage on a terminal; elsewhere one line when a stage ends."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._tasks: dict[str, Any] = {}
        self._ended: set[str] = set()
        self._progress: Any = None
        if sys.stderr.isatty() and not quiet:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as RichProgress

            self._progress = RichProgress(
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )

    def __enter__(self) -> _Bars:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, event: Progress) -> None:
        if event.failed:
            self._say(f"  {event.stage}: {event.message}", typer.colors.RED)
        elif event.total == 0 and event.message:
            self._say(f"  {event.stage}: {event.message}", None)
        elif self._progress:
            if event.stage not in self._tasks:
                self._tasks[event.stage] = self._progress.add_task(event.stage, total=event.total)
            self._progress.update(self._tasks[event.stage], completed=event.done, total=event.total)
        elif event.done == event.total > 0 and event.stage not in self._ended:
            self._ended.add(event.stage)
            self._say(f"  {event.stage}: {event.message or f'{event.done} of {event.total}'}", None)

    def _say(self, text: str, color: str | None) -> None:
        if self._quiet:
            return
        if self._progress:
            self._progress.console.print(text, style=color, markup=False, highlight=False)
        else:
            typer.secho(text, fg=color, err=True)


def facts(rows: Mapping[str, Any]) -> None:
    """Names and values, one a line, names aligned."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        lines = str(value).splitlines() or [""]
        typer.echo(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            typer.echo(" " * (width + 2) + line)


def summary_rows(summary: Mapping[str, Any]) -> dict[str, str]:
    """The layout in a person's words, from the JSON of a scan or of an experiment."""
    size, pixel = summary["image_size"], summary["pixel_size_um"]
    sites = summary["sites_per_well"]
    counts = sorted(set(sites.values()))
    return {
        "Microscope": summary["vendor"] or "-",
        "Plates": _listed(summary["plates"]),
        "Wells": f"{len(summary['wells'])}: {_listed(summary['wells'])}",
        "Sites": (
            f"{sum(sites.values())} ({' or '.join(map(str, counts))} per well)" if sites else "0"
        ),
        "Channels": f"{len(summary['channels'])}: {_listed(summary['channels'])}",
        "z planes": depth_text(summary),
        "Time points": times_text(summary),
        "Cycles": str(summary["cycles"]),
        "Image": f"{size[0]} × {size[1]} px (y × x)" if size else "unknown",
        "Bit depth": f"{summary['dtype'] or 'unknown'}",
        "Pixel size": f"{pixel[0]:.6g} × {pixel[1]:.6g} µm (y × x)" if pixel else "unknown",
        "Images found": str(summary["planes"]),
    }


def oddities(sentences: Sequence[str]) -> None:
    """What a person should know, as a list."""
    if not sentences:
        typer.echo("Nothing odd was found.")
        return
    typer.secho(f"Please note ({len(sentences)}):", fg=typer.colors.YELLOW)
    for sentence in sentences:
        typer.echo(f"  - {sentence}")


def _listed(names: Sequence[Any], most: int = 12) -> str:
    shown = [str(name) or "(unnamed)" for name in names[:most]]
    return ", ".join(shown) + (f" … {names[-1]}" if len(names) > most else "")
