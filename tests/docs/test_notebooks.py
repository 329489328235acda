"""Notebooks run from the first cell to the last, in a kernel as Jupyter starts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def execute(client: Any, code: str) -> list[dict[str, Any]]:
    """What a cell shows: the data of its outputs by their types."""
    shown: list[dict[str, Any]] = []

    def hook(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] in ("execute_result", "display_data"):
            shown.append(content["data"])

    reply = client.execute_interactive(code, timeout=240, output_hook=hook)
    content = reply["content"]
    assert content["status"] == "ok", "\n".join(content["traceback"])
    return shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = json.loads(path.read_text())
    assert all(not cell.get("outputs") for cell in notebook["cells"]), "outputs are not kept"
    manager, client = start_new_kernel(cwd=str(tmp_path))
    shown: list[dict[str, Any]] = []
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code" and "window" not in cell["metadata"].get("tags", ()):
                shown += execute(client, "".join(cell["source"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    kinds = {kind for data in shown for kind in data}
    assert {"text/html", "image/png"} <= kinds, "tables, the experiment and pictures are drawn"
