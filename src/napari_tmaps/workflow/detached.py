"""A submission in a process of its own, which goes on when the window or the terminal closes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from napari_tmaps.errors import StorageError, TmapsError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, write_text
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.submission import Request, resume, submit

START_S = 100.0
"""Starting Python takes seconds; on a machine that is very busy, a minute."""
APART: dict[str, Any] = (
    {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    if sys.platform == "win32"
    else {"start_new_session": True}
)
"""How a process is started that outlives this one."""


def log_path(folder: Path) -> Path:
    """What the detached submission says."""
    return folder / "logs" / "workflow.log"


def start(folder: Path, request: Request | None) -> int:
    """Start a submission, or resume the last one where `request` is None; returns its process.

    Returns when it is at work, or has ended already.

    Raises
    ------
    StorageError
        It could not start; the message is its own.
    """
    order = folder / "workflow" / "request.json"
    content = None if request is None else request.model_dump(mode="json")
    write_text(order, json.dumps({"request": content}))
    log = log_path(folder)
    with disk_errors(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("wb")
    with file:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            **APART,
        )
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        code = process.poll()
        if code == 0:
            break
        if code is not None:
            raise StorageError(f"The submission ended at once: {log.read_text().strip()}")
        at_work = coordinator(folder)
        if at_work and at_work["pid"] == process.pid:
            break
        time.sleep(0.05)
    process.returncode = 0  # it is no child to wait for any more
    return process.pid


def main() -> None:
    """The process itself: `python -m napari_tmaps.workflow.detached EXPERIMENT`."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / "workflow" / "request.json").read_text())["request"]
    failures = 0
    try:
        with Experiment.open(folder) as experiment:
            events = (
                resume(experiment)
                if request is None
                else submit(experiment, Request.model_validate(request))
            )
            for event in events:
                failures += event.failed
                if event.message:
                    print(f"{event.stage}: {event.message}", flush=True)
    except TmapsError as error:
        print(f"Error: {error}", flush=True)
        sys.exit(1)
    print(f"Ended with {failures} problems." if failures else "Ended well.", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
