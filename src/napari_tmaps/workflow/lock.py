"""One coordinator for an experiment at a time, and how others see and stop it.

workflow/coordinator.json     who it is; its time of change is the heartbeat
workflow/kill                 a request to stop
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_tmaps.errors import ExistsError, StorageError
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.metadata_edits import carry_out
from napari_tmaps.streams.atomic import disk_errors, remove
from napari_tmaps.streams.mounts import source_of

WORKFLOW = "a workflow"
"""What somebody does who runs step after step."""
BEAT_S = 5.0
"""How often the coordinator says that it lives."""
SILENT_S = 60.0
"""A coordinator on another machine that was silent for so long is dead."""


def _lock_path(folder: Path) -> Path:
    return folder / "workflow" / "coordinator.json"


def coordinator(folder: Path) -> dict[str, Any] | None:
    """Who works on an experiment now: what, pid, host, since; None if nobody does.

    Raises
    ------
    StorageError
        It cannot be found out, e.g. because the file belongs to somebody else.
    """
    path = _lock_path(folder)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        beat = path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # just being written, or cut short when its maker died
        content, beat = {"what": "starting", "pid": None, "host": "", "since": ""}, 0.0
        with suppress(OSError):
            beat = path.stat().st_mtime
    except OSError as error:
        raise StorageError(
            f"'{path}' cannot be read: {error.strerror or error}. Check its permissions and its "
            "disk."
        ) from error
    # A folder that lies on a server has the file only while its maker lives there.
    return content if source_of(path) is not None or _lives(content, beat) else None


def _lives(content: dict[str, Any], beat: float) -> bool:
    if content["host"] != socket.gethostname():
        return time.time() - beat < SILENT_S
    import psutil  # type: ignore[import-untyped]

    try:
        # A number of a process is used again some day; its start is not.
        process = psutil.Process(content["pid"])
        same = abs(process.create_time() - content["started"]) < 2
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # it is somebody else's
        return True


@contextmanager
def coordinating(folder: Path, what: str) -> Iterator[None]:
    """Be the coordinator of an experiment for a while.

    A correction of metadata that was interrupted is carried out first: nobody works on a mix.

    Raises
    ------
    ExistsError
        Another one is at work; the message says which.
    """
    import psutil

    path = _lock_path(folder)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "what": what,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "started": psutil.Process().create_time(),
    }
    _take(folder, path, content)
    remove(_kill_path(folder))
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, ended), daemon=True)
    heart.start()
    try:
        with Experiment.open(folder) as experiment:
            if experiment.mirror is None:
                run(carry_out(experiment))
        yield
    finally:
        ended.set()
        heart.join()
        remove(path)
        remove(_kill_path(folder))


def _take(folder: Path, path: Path, content: dict[str, Any]) -> None:
    with disk_errors(path):
        for _ in range(2):
            try:
                with path.open("x", encoding="utf-8") as file:
                    json.dump(content, file)
                return
            except FileExistsError as error:
                other = coordinator(folder)
                if other is None:  # its maker is dead
                    remove(path)
                    continue
                raise ExistsError(
                    f"'{folder.name}' is being worked on since {other['since']}: {other['what']}"
                    f"{_how_far(folder, other['what'])}, process {other['pid']} on "
                    f"{other['host']}. Wait for it (tmaps workflow "
                    f"{folder} status), or stop it (tmaps workflow {folder} kill)."
                ) from error
    raise ExistsError(f"'{folder.name}' has just been taken by another program. Try again.")


def _how_far(folder: Path, what: str) -> str:
    """E.g. " (jterator: 10 of 36 jobs are done)"; empty if it is not about jobs."""
    with Experiment.open(folder) as experiment:
        submissions, jobs = experiment.catalogue.submissions(), experiment.catalogue.jobs()
    step = what
    if what == WORKFLOW and len(submissions):
        steps = submissions["steps"].iloc[-1]
        step = next((name for name, state in steps.items() if state == "RUNNING"), "")
    states = jobs.loc[(jobs["step"] == step) & (jobs["phase"] == "run"), "state"]
    done = int((states == "TERMINATED").sum())
    return f" ({step}: {done} of {len(states)} jobs are done)" if len(states) else ""


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        with suppress(OSError):
            os.utime(path)


def _kill_path(folder: Path) -> Path:
    return folder / "workflow" / "kill"


def ask_to_stop(folder: Path) -> None:
    """Ask the coordinator, wherever it runs, to stop its jobs and itself."""
    with disk_errors(folder):
        _kill_path(folder).touch()


def is_asked_to_stop(folder: Path) -> bool:
    """True if somebody asked."""
    return _kill_path(folder).exists()
