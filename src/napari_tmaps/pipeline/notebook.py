"""A pipeline as a Jupyter notebook, a cell for each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.pixelsize import UNKNOWN
from napari_tmaps.modules.spec import Module
from napari_tmaps.pipeline.export import PIXEL_SIZE, to_code


def to_notebook(
    description: PipelineDescription,
    files: Mapping[str, str] | None = None,
    *,
    modules: Mapping[str, Module] | None = None,
) -> str:
    """Write a pipeline as a notebook (nbformat 4.5) that gives the same objects and features.

    Parameters
    ----------
    files
        TIFF file of each channel and input object type, which the notebook reads; by default
        `<name>.tif`, to be changed in its first cell.

    Returns
    -------
    str
        The JSON of the `.ipynb` file. Run, it has made the dictionaries `objects` (labels) and
        `tables` (features), by object type.

    Raises
    ------
    PipelineError
        The pipeline cannot run; see `check`.
    """
    code = to_code(description, modules=modules)
    paths = {name: f"{name}.tif" for name in code.given} | dict(files or {})
    read = [
        "import tifffile",
        "",
        "# Arrays of shape ([Z,] Y, X): images uint8 or uint16, labels int32.",
        *(f"{name} = tifffile.imread({paths[item]!r})" for item, name in code.given.items()),
    ]
    if code.sized:
        read.append(f"{PIXEL_SIZE} = {UNKNOWN}  # along z, y, x")
    about = f"# {description.name}\n\n{description.description}".strip()
    cells = [
        _markdown(about),
        _code("\n".join(read)),
        _code(f"{code.head.rstrip()}\n\n\n{code.start}"),
    ]
    for title, lines in code.steps:
        cells += [_markdown(f"## {title}"), _code("\n".join(lines))]
    cells += [
        _markdown("## Objects and features"),
        _code("\n".join(code.end)),
        *(_code(f"tables[{each.name!r}]") for each in description.output.objects),
    ]
    notebook = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, start=1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    source = text.splitlines(keepends=True)
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "metadata": {}, "source": source, **empty}
