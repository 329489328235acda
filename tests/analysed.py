"""A small plate that was analysed: 2 wells of 2 sites with three squares each, in a ring each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from tests.once import copy_of, made_once

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import analyse, convert

WELLS = ("B02", "B03")
SIZE = 96
PIXEL_UM = 0.5
# Corner and side of each square; the first has a hole, and the last touches the edge.
SQUARES = ((10, 10, 20), (40, 12, 14), (50, 60, 36))
HOLE = (18, 18, 4)

PIPELINE = PipelineDescription.model_validate(
    yaml.safe_load("""\
name: blocks
input:
  channels: [{name: DAPI}, {name: Actin}]
pipeline:
  - {name: bright, module: threshold_manual, inputs: {image: DAPI}, settings: {threshold: 100}}
  - {name: label, module: label, inputs: {mask: bright.mask}}
  - {name: register, module: register_objects, inputs: {mask: label.label_image},
     outputs: {objects: Blocks}}
  - {name: grow, module: expand_or_shrink, inputs: {image: Blocks}, settings: {n: 2}}
  - {name: register_rings, module: register_objects, inputs: {mask: grow.expanded_image},
     outputs: {objects: Rings}}
  - {name: smoothed, module: smooth, inputs: {image: Actin}, settings: {filter_size: 3}}
  - {name: shape, module: measure_morphology,
     inputs: {extract_objects: Blocks, assign_objects: Blocks}}
  - {name: actin, module: measure_intensity,
     inputs: {extract_objects: Blocks, assign_objects: Blocks,
              intensity_image: smoothed.smoothed_image}}
  - {name: rings, module: measure_intensity,
     inputs: {extract_objects: Rings, assign_objects: Rings, intensity_image: Actin}}
output:
  objects: [{name: Blocks}, {name: Rings}]
""")
)


def squares() -> np.ndarray:
    """The objects of each site, numbered from 1 as they are found."""
    labels = np.zeros((SIZE, SIZE), np.int32)
    for number, (y, x, side) in enumerate(SQUARES, start=1):
        labels[y : y + side, x : x + side] = number
    y, x, side = HOLE
    labels[y : y + side, x : x + side] = 0
    return labels


def image_of(well: str, site: int, channel: str) -> np.ndarray:
    """Squares of 200 in DAPI; in Actin a ramp along x that begins with 1000 in B03."""
    if channel == "DAPI":
        return np.where(squares() > 0, 200, 10).astype(np.uint16)
    start = 1000 * WELLS.index(well) + 10 * site
    return np.tile(np.arange(start, start + SIZE, dtype=np.uint16), (SIZE, 1))


def make_analysed(folder: Path) -> Path:
    """The experiment, converted and analysed."""
    return copy_of(_analyse, folder) / "screen.tmaps"


def _analyse(folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    for well in WELLS:
        for site in (1, 2):
            for channel in ("DAPI", "Actin"):
                name = f"{well}_{site}_{channel}.tif"
                tifffile.imwrite(folder / name, image_of(well, site, channel))
                rows.append({
                    "plate": "P1", "well": well, "site": site, "channel": channel, "path": name,
                    "missing": False, "height": SIZE, "width": SIZE, "dtype": "uint16",
                    "stage_y_um": 0.0, "stage_x_um": (site - 1) * SIZE * PIXEL_UM,
                })  # fmt: skip
    scan = Scan(
        vendor="Test microscope",
        root=folder,
        planes=make_planes(**{key: [row[key] for row in rows] for key in rows[0]}),
        channels=(Channel("DAPI"), Channel("Actin")),
        pixel_size_um=(PIXEL_UM, PIXEL_UM),
    )
    with Experiment.create(folder / "screen.tmaps") as experiment:
        experiment.add(scan)
        assert not run(convert(experiment))
        assert not run(analyse(experiment, PIPELINE))


@pytest.fixture(scope="session")
def analysed_once() -> Path:
    """The experiment, only to be read."""
    return made_once(_analyse) / "screen.tmaps"


@pytest.fixture
def analysed(analysed_once: Path, tmp_path: Path) -> Path:
    """A copy of the experiment, to be written to."""
    return Path(shutil.copytree(analysed_once, tmp_path / "screen.tmaps"))
