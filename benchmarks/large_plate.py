"""A plate of 384 wells × 9 sites × 4 channels × 1080² that fits the disk: all sites are one file.

One well is converted and its map built by the program itself; the other wells are links to it, so
that every file of the plate is there and is read, at a hundredth of the room.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import tifffile

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapfiles import MapFiles
from napari_tmaps.store.mapplan import plan_map
from napari_tmaps.streams.atomic import write_json
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder, _coarse
from napari_tmaps.workflow.imextract import ImageExtractor, ImextractArguments
from napari_tmaps.workflow.local import run_step

CHANNELS = ("DAPI", "GFP", "RFP", "Cy5")
PIXEL_UM = 0.65


def make_plate(
    folder: Path, rows: int = 16, columns: int = 24, sites: int = 9, size: int = 1080
) -> Path:
    """The experiment, converted, with its map."""
    wells = [WellName.at(row, column) for row in range(rows) for column in range(columns)]
    source = folder / "source"
    source.mkdir(parents=True)
    for number, channel in enumerate(CHANNELS):
        tifffile.imwrite(source / f"{channel}.tif", _picture(size, number))
    side = int(np.ceil(np.sqrt(sites)))
    keys = [
        (well, site, channel)
        for well in wells
        for site in range(1, sites + 1)
        for channel in CHANNELS
    ]
    planes = make_planes(
        plate=["p"] * len(keys),
        well=[str(well) for well, _, _ in keys],
        site=[site for _, site, _ in keys],
        channel=[channel for _, _, channel in keys],
        path=[f"{channel}.tif" for _, _, channel in keys],
        height=[size] * len(keys),
        width=[size] * len(keys),
        dtype=["uint16"] * len(keys),
        stage_y_um=[(site - 1) // side * size * PIXEL_UM for _, site, _ in keys],
        stage_x_um=[(site - 1) % side * size * PIXEL_UM for _, site, _ in keys],
    )
    path = folder / "large.tmaps"
    with Experiment.create(path) as experiment:
        experiment.add(
            Scan(
                vendor="benchmark",
                root=source,
                planes=planes,
                channels=tuple(Channel(name) for name in CHANNELS),
                pixel_size_um=(PIXEL_UM, PIXEL_UM),
                plate_format=PlateFormat(rows, columns),
            )
        )
        first = {("p", str(wells[0]), site) for site in range(1, sites + 1)}
        run(convert(experiment, in_place=True))
        run(run_step(ImageExtractor(experiment, sites=first), ImextractArguments()))
        _link_wells(experiment, wells)
        # Again, of no site: it writes what the plate consists of.
        run(run_step(ImageExtractor(experiment, sites=[]), ImextractArguments()))
        _link_map(experiment, wells, first)
    return path


def _picture(size: int, number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    spots = (np.sin(y / 17) * np.sin(x / (19 + number))).clip(0) * 3000
    return (200 + spots + rng.normal(0, 15, (size, size))).clip(0).astype(np.uint16)


def _link_wells(experiment: Experiment, wells: list[WellName]) -> None:
    folder = experiment.plate("p")
    first = folder.image_path(str(wells[0]), 1, 0).parent
    for well in wells[1:]:
        other = folder.image_path(str(well), 1, 0).parent
        if not other.exists():
            shutil.copytree(first, other, copy_function=os.link)


def _link_map(
    experiment: Experiment, wells: list[WellName], first: set[tuple[str, str, int]]
) -> None:
    step = PyramidBuilder(experiment, sites=first)
    run(run_step(step, IlluminatiArguments(), workers=2))
    plan = plan_map(experiment, "p")
    files = MapFiles(experiment.path / "maps" / "p", plan)
    state = json.loads((files.path / "map.json").read_text())
    name = str(wells[0])
    for level in range(1, plan.fine + 1):
        root = files.image / str(level)
        for chunk in [
            path for path in root.rglob("*") if path.is_file() and path.name[0].isdigit()
        ]:
            *head, _, _ = chunk.relative_to(root).parts
            for well in wells[1:]:
                y, x = plan.grid.cells[str(well)]
                other = root.joinpath(*head, str(y), str(x))
                other.parent.mkdir(parents=True, exist_ok=True)
                if not other.exists():
                    os.link(chunk, other)
    for well in wells[1:]:
        state["wells"][str(well)] = state["wells"][name]
    for channel in CHANNELS:
        _coarse(files, f"channel:{channel}")
    write_json(files.path / "map.json", state)
