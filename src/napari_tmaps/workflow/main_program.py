"""Workers do not run the user's script again.

multiprocessing runs the main program in each process that it starts, to find there what it is sent.
A script that submits a workflow, without `if __name__ == "__main__":`, would submit it in each
worker. Our jobs need nothing of it: steps are modules.
"""

from __future__ import annotations

from multiprocessing import spawn
from typing import Any

WORKER = "napari-tmaps worker"
"""Name of our own processes."""
_NAMES = (WORKER, "Dask Worker process")
_prepared = spawn.get_preparation_data


def keep_main_program_out() -> None:
    """From now on workers, ours and those of dask, begin without the main program."""
    spawn.get_preparation_data = _prepared_without_main


def _prepared_without_main(name: str) -> dict[str, Any]:
    data: dict[str, Any] = dict(_prepared(name))
    if name.startswith(_NAMES):
        for key in ("init_main_from_name", "init_main_from_path"):
            data.pop(key, None)
    return data
