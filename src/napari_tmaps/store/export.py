"""One site as a picture for other programs: OME-TIFF or OME-Zarr, with labels and JSON."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from napari_tmaps.model.channels import display_colors
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.layers import LayerData, format_of, save_layers


def save_site(experiment: Experiment, plate: str, well: str, site: int, path: Path) -> list[Path]:
    """Save all channels and labels of one site, at full bit depth.

    Parameters
    ----------
    path
        Ends in .ome.tiff (labels become files beside it) or .ome.zarr (labels within it).

    Returns
    -------
    list
        What was written.

    Raises
    ------
    NotFoundError
        No such plate, well or site.
    InputError
        Another ending.
    MissingError
        A plane of the site was never recorded.
    """
    chosen = format_of(path)
    folder, name = experiment.plate(plate), str(WellName.parse(well))
    layers = []
    for cycle in sorted(experiment.catalogue.channels()["cycle"].unique()):
        with closing(experiment.site_image(plate, name, site, int(cycle))) as image:
            scale = (image.time_step_s, *image.pixel_size_um)
            for channel, color in zip(image.channels, display_colors(image.channels), strict=True):
                stack = [image.read_channel(channel.name, t) for t in range(image.times)]
                layers.append(
                    LayerData(np.stack(stack), channel.name, "image", "TZYX", scale, color=color)
                )
    tables = experiment.features.object_types()
    for object_type in folder.label_names(name, site):
        table = None
        if object_type in tables:
            rows = experiment.features.read_site(object_type, plate, name, site)
            table = rows.reset_index()
        labels = folder.read_labels(name, site, object_type)
        layers.append(LayerData(labels, object_type, "labels", "TZYX", scale, features=table))
    return save_layers(layers, path, format=chosen)
