"""Where a workflow stands, and what it would need, as text or JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.model.wells import WellName, row_letters, sorted_wells
from napari_tmaps.model.words import counted

_SIGNS = {"waiting": "·", "running": "▸", "done": "✓", "failed": "✗"}
_SHOWN = 5
"""Problems of a step that are printed; the others 'tmaps info' tells."""


def report(folder: Path, *, as_json: bool, wells: bool, watch_s: float | None = None) -> None:
    """Print where the workflow of an experiment stands; with `watch_s`, again until it ends."""
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.workflow.status import status

    with Experiment.open(folder) as experiment:
        while True:
            state = status(experiment)
            if as_json:
                show.as_json(state)
            else:
                show_status(state, wells=wells)
            if watch_s is None or state["coordinator"] is None:
                return
            time.sleep(watch_s)


def show_status(state: Mapping[str, Any], *, wells: bool = False) -> None:
    """Print what `workflow.status.status` says; with a map of the wells if asked for."""
    last = state["submission"]
    if last is None:
        typer.echo("Nothing was submitted yet.")
    else:
        typer.echo(f"Submission {last['id']} of {last['created']}: {last['state']}")
        if last["message"]:
            typer.echo(f"  {last['message']}")
    for step in state["steps"]:
        without_work = float(step["state"] == "TERMINATED")
        share = step["done"] / step["total"] if step["total"] else without_work
        bar = "█" * round(20 * share) if step["state"] != "NEW" else ""
        jobs = ", ".join(f"{number} {name}" for name, number in step["jobs"].items())
        typer.echo(
            f"{step['name']:<12}{step['state']:<12}|{bar:<20}| "
            f"{step['done']} of {step['total']}  {jobs}"
        )
        for job in step["failed"]:
            typer.echo(f"  job {job['job']}: {job['message']}")
        for text in step["problems"][:_SHOWN]:
            typer.echo(f"  {text}")
        if len(step["problems"]) > _SHOWN:
            typer.echo("  … and more: tmaps info")
        for plate, table in step["wells"].items():
            states = {well: row["state"] for well, row in table.items()}
            under_way = "running" if step["state"] == "RUNNING" else "begun"
            typer.echo(f"  {plate}: {_counted(states, under_way)}")
            if wells:
                for line in well_map(states):
                    typer.echo(f"    {line}")


def _counted(states: Mapping[str, str], under_way: str, most: int = 6) -> str:
    """E.g. "12 wells: 9 done, 1 failed (B03), 2 running (C01, C02)"; stopped, 2 are begun."""
    parts = []
    for state in ("done", "failed", "running", "waiting"):
        names = sorted_wells(well for well, value in states.items() if value == state)
        if names:
            shown = ", ".join(names[:most]) + (" …" if len(names) > most else "")
            named = f" ({shown})" if state in ("failed", "running") else ""
            word = under_way if state == "running" else state
            parts.append(f"{len(names)} {word}{named}")
    return f"{counted(len(states), 'well')}: " + ", ".join(parts)


def well_map(states: Mapping[str, str]) -> Iterator[str]:
    """Lines of a plate map; a well without work is blank.

    >>> list(well_map({"B02": "done", "B03": "failed", "C02": "waiting"}))
    ['     2  3', ' B   ✓  ✗', ' C   ·']
    """
    names = [WellName.parse(well) for well in states]
    columns = range(min(n.column_index for n in names), max(n.column_index for n in names) + 1)
    yield "   " + "".join(f"{column + 1:>3}" for column in columns)
    for row in range(min(n.row_index for n in names), max(n.row_index for n in names) + 1):
        found = (states.get(str(WellName.at(row, column))) for column in columns)
        signs = "".join(f"  {_SIGNS[state] if state else ' '}" for state in found)
        yield f"{row_letters(row):>2} {signs}".rstrip()


def show_plan(plan: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a submission would do and need: what `workflow.probe.dry_run` says."""
    if as_json:
        show.as_json(plan)
        return
    for row in plan["steps"]:
        if row["jobs"] is None:
            typer.echo(f"{row['step']:<12}{row['note']}")
            continue
        text = f"{counted(row['jobs'], 'job')}, {row['units']} files or sites"
        if row["units"] and row["seconds"] is not None:
            text += (
                f": about {_duration(row['seconds'])} of one worker, {row['memory_mb']:.0f} MB of "
                f"memory, {row['disk_mb']:.0f} MB on disk"
            )
        typer.echo(f"{row['step']:<12}{text}")
        if row["note"]:
            typer.echo(f"  {row['note']}")
    if plan["memory_mb"] is not None:
        typer.echo(
            f"In all about {_duration(plan['seconds'])} with {plan['workers']} workers, "
            f"{plan['memory_mb']:.0f} MB of memory, {plan['disk_mb']:.0f} MB on disk "
            f"({plan['free_mb']:.0f} MB are free)."
        )
    if plan["disk_mb"] is not None and plan["disk_mb"] > plan["free_mb"]:
        typer.secho("The disk is too small for it.", fg=typer.colors.RED)


def _duration(seconds: float) -> str:
    """E.g. "3.1 s", "4 min", "2.5 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
