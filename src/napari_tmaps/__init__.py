"""TissueMAPS reborn in napari: from the microscope's folder to objects, features and answers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from napari_tmaps.model.version import __version__

if TYPE_CHECKING:
    from napari_tmaps.gui.launch import launch
    from napari_tmaps.pipeline import load_pipeline, ready_pipelines
    from napari_tmaps.sample import generate_sample
    from napari_tmaps.streams.saving import MetaData, OutputParameters, save_config_frames
    from napari_tmaps.vendors import scan
    from napari_tmaps.workflow import analyse, convert
    from napari_tmaps.workflow.door import Experiment, Workflow

# Name → module that has it; loaded when first asked for, so that importing the package is free.
_LAZY = {
    "Experiment": "napari_tmaps.workflow.door",
    "MetaData": "napari_tmaps.streams.saving",
    "OutputParameters": "napari_tmaps.streams.saving",
    "Workflow": "napari_tmaps.workflow.door",
    "analyse": "napari_tmaps.workflow",
    "convert": "napari_tmaps.workflow",
    "generate_sample": "napari_tmaps.sample",
    "launch": "napari_tmaps.gui.launch",
    "load_pipeline": "napari_tmaps.pipeline",
    "ready_pipelines": "napari_tmaps.pipeline",
    "save_config_frames": "napari_tmaps.streams.saving",
    "scan": "napari_tmaps.vendors",
}

__all__ = [
    "Experiment",
    "MetaData",
    "OutputParameters",
    "Workflow",
    "__version__",
    "analyse",
    "convert",
    "generate_sample",
    "launch",
    "load_pipeline",
    "ready_pipelines",
    "save_config_frames",
    "scan",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'napari_tmaps' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
