"""A small plate made of microscope files: 3 wells of a 96-well plate, 2 × 2 sites, 2 channels."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tests.once import copy_of

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert

# Qt ends the whole process where there is no screen; without one only what draws is left out.
HAS_SCREEN = (
    sys.platform in ("win32", "darwin")
    or bool(os.environ.get("DISPLAY"))
    or bool(os.environ.get("WAYLAND_DISPLAY"))
)
if not HAS_SCREEN:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

WELLS = ("B02", "B03", "C03")
CHANNELS = ("DAPI", "Actin")
SIZE = 64
PIXEL_UM = 0.5


def plane_of(well: str, site: int, channel: str) -> np.ndarray:
    """Pixels of a plane: 1000 × well + 100 × site + 10 × channel, and a ramp of 0 … 7 along x."""
    base = 1000 * WELLS.index(well) + 100 * site + 10 * CHANNELS.index(channel)
    return np.full((SIZE, SIZE), base, np.uint16) + np.arange(SIZE, dtype=np.uint16) // 8


def make_scan(folder: Path, *, lost: tuple[tuple[str, int, str], ...] = ()) -> Scan:
    """Write the files of the plate and describe them; `lost` planes are declared, not written."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for well in WELLS:
        for site in range(1, 5):
            for channel in CHANNELS:
                name = f"{well}_{site}_{channel}.tif"
                missing = (well, site, channel) in lost
                if not missing:
                    tifffile.imwrite(folder / name, plane_of(well, site, channel))
                rows.append(
                    {
                        "plate": "P1",
                        "well": well,
                        "site": site,
                        "channel": channel,
                        "path": "" if missing else name,
                        "missing": missing,
                        "height": SIZE,
                        "width": SIZE,
                        "dtype": "uint16",
                        "stage_y_um": (site - 1) // 2 * SIZE * PIXEL_UM,
                        "stage_x_um": (site - 1) % 2 * SIZE * PIXEL_UM,
                    }
                )
    planes = make_planes(**{key: [row[key] for row in rows] for key in rows[0]})
    return Scan(
        vendor="Test microscope",
        root=folder,
        planes=planes,
        channels=tuple(Channel(name) for name in CHANNELS),
        pixel_size_um=(PIXEL_UM, PIXEL_UM),
    )


def make_experiment(folder: Path, *, lost: tuple[tuple[str, int, str], ...] = ()) -> Path:
    """A converted experiment."""
    return copy_of(_convert, folder, lost) / "screen.tmaps"


def _convert(folder: Path, lost: tuple[tuple[str, int, str], ...]) -> None:
    scan = make_scan(folder / "raw", lost=lost)
    with Experiment.create(folder / "screen.tmaps") as experiment:
        experiment.add(scan)
        failures = run(convert(experiment))
        assert not failures, failures


PIPELINE = """\
name: blocks
input:
  channels: [{name: DAPI}]
pipeline:
  - {name: bright, module: threshold_manual, inputs: {image: DAPI}, settings: {threshold: 3}}
  - {name: label, module: label, inputs: {mask: bright.mask}}
  - {name: register, module: register_objects, inputs: {mask: label.label_image},
     outputs: {objects: Blocks}}
  - {name: measure, module: measure_intensity,
     inputs: {extract_objects: Blocks, assign_objects: Blocks, intensity_image: DAPI}}
output:
  objects: [{name: Blocks}]
"""
