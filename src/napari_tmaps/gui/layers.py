"""From a source to napari layers: one a channel and one an object type, in the right place.

Everything here is plain data, the tuples (data, properties, type) that napari calls layer data;
readers return them, the widget puts them into the viewer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from napari_tmaps.gui.blocks import Blocks, Reading
from napari_tmaps.gui.label_colours import label_colormap
from napari_tmaps.gui.mosaic import Mosaic, Planes, Stack, levels_of
from napari_tmaps.gui.sources import Source
from napari_tmaps.model.arrange import Tiles, arrange
from napari_tmaps.model.channels import display_colors
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.mounts import source_of

LayerTuple = tuple[Any, dict[str, Any], str]
FeatureReader = Callable[[str], pd.DataFrame | None]

AXES = ("t", "z", "y", "x")
IN_MEMORY_BYTES = 64 * 2**20
"""A single image up to this size becomes a plain numpy array, which every other plugin can use."""


def site_layers(
    source: Source,
    site: int,
    *,
    features: FeatureReader,
    on_problem: Callable[[str], None],
    ready: Mapping[str, Planes | Stack] = MappingProxyType({}),
    reading: Reading | None = None,
) -> list[LayerTuple]:
    """Layers of one site.

    Parameters
    ----------
    site
        Row of the site in the source's places.
    features
        Gives the table of an object type at that site, None where there is none.
    on_problem, ready, reading
        See `mosaic_layers`.
    """
    place = source.places.loc[[site]]
    layers = mosaic_layers(source, place, on_problem=on_problem, ready=ready, reading=reading)
    for _, properties, kind in layers:
        if kind == "labels":
            table = features(properties["name"])
            if table is not None:
                properties["features"] = table
    return layers


def mosaic_layers(
    source: Source,
    places: pd.DataFrame,
    *,
    on_problem: Callable[[str], None],
    ready: Mapping[str, Planes | Stack] = MappingProxyType({}),
    contrast: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    reading: Reading | None = None,
) -> list[LayerTuple]:
    """Layers of some places of a source: a site, a well or a plate.

    Parameters
    ----------
    places
        Rows of the source's places.
    on_problem
        Gets a sentence for each image that cannot be read; it may be called while napari draws.
    ready
        What takes the place of the source's own pixels, by "channel:<name>" or "labels:<name>".
    contrast
        Limits of channels, by name; the others are measured.
    reading
        Reads in the background what is not there in time for a frame.
    """
    # What comes from a server is not waited for.
    is_far = source_of(Path(source.facts.get("experiment", ""))) is not None
    at_once = len(places) == 1 and not is_far
    where = _where(source, places)

    @cache
    def tiles() -> Tiles:
        return arrange(places, source.pixel_size_um[1:])

    def data(key: str, own: Callable[[], Stack]) -> tuple[Any, bool]:
        planes = ready.get(key) or own()
        if isinstance(planes, Stack):
            mosaic = Mosaic(planes, tiles(), source.size_t, source.size_z, on_problem)
            planes = Blocks(mosaic, reading)
        levels = levels_of(planes)
        if at_once and levels[0].size * levels[0].dtype.itemsize <= IN_MEMORY_BYTES:
            return np.asarray(levels[0]), False
        if len(levels) == 1 and key.startswith("labels:"):
            # napari's labels take a list of one level for the level itself.
            return levels[0], False
        return levels, True

    layers: list[LayerTuple] = []
    scale, units = scale_and_units(source)
    common = {
        "scale": scale,
        "units": units,
        "axis_labels": AXES,
        "translate": (0.0, 0.0, *(source.corner_um if len(source.places) == 1 else (0.0, 0.0))),
    }
    colors = display_colors(source.channels)
    for number, channel in enumerate(source.channels):
        pixels, multiscale = data(f"channel:{channel.name}", partial(source.image, number))
        own = {"z": source.z_of(number), "t": source.t_of(number)}
        size = {"z": source.size_z, "t": source.size_t}
        fewer = {axis: known for axis, known in own.items() if len(known) < size[axis]}
        layers.append(
            (
                pixels,
                {
                    **common,
                    "name": channel.name,
                    "colormap": channel_colormap(colors[number]),
                    "blending": "additive",
                    "contrast_limits": contrast.get(channel.name) or source.contrast(number),
                    "multiscale": multiscale,
                    "metadata": {"tmaps": {**where, "channel": channel.name, **fewer}},
                },
                "image",
            )
        )
    for name in source.object_types:
        pixels, multiscale = data(f"labels:{name}", partial(source.labels, name))
        layers.append(
            (
                pixels,
                {
                    **common,
                    "name": name,
                    "colormap": label_colormap(),
                    "opacity": 0.7,
                    "multiscale": multiscale,
                    "metadata": {"tmaps": {**where, "objects": name}},
                },
                "labels",
            )
        )
    return layers


def scale_and_units(source: Source) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Size of a pixel along t, z, y, x and its units; 1 pixel where unknown."""
    sizes = [(source.time_step_s, "second")]
    sizes += [(size, "micrometer") for size in source.pixel_size_um]
    # One plane or time point has no distance to the next: the axis is there all the same.
    scale = tuple(1.0 if size is None else float(size) for size, _ in sizes)
    units = ["pixel" if size is None else unit for size, unit in sizes]
    if source.size_z == 1 and source.pixel_size_um[0] is None:
        units[1] = units[2]
    return scale, tuple(units)


def channel_colormap(color: str) -> Any:
    """Colour map of napari from black to "#RRGGBB"."""
    from napari.utils.colormaps import Colormap

    red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return Colormap([[0, 0, 0, 1], [red, green, blue, 1]], name=color)


def _where(source: Source, places: pd.DataFrame) -> dict[str, Any]:
    facts = dict(source.facts)
    wells = list(dict.fromkeys(places["well"]))
    named = len(source.places) > 1 or "experiment" in facts
    if len(wells) == 1 and named:
        facts["well"] = wells[0]
    if len(places) == 1 and named:
        facts["site"] = int(places["site"].iloc[0])
    return facts


# -- features -----------------------------------------------------------------------------------


def attach(table: pd.DataFrame) -> pd.DataFrame:
    """A table indexed by label as features of a Labels layer.

    napari finds the row of an object by a column "index", most plugins by "label": it has both.
    """
    labels = table.index.to_numpy()
    plain = table.reset_index(drop=True)
    plain.insert(0, "label", labels)
    plain.insert(0, "index", labels)
    return plain


def features_of_site(
    experiment: Experiment, plate: str, well: str, site: int, object_type: str
) -> pd.DataFrame | None:
    """Features of the objects of one site, see `attach`; None where there are none.

    With several time points only the first is given, since napari knows an object by its label
    alone.
    """
    if object_type not in experiment.features.object_types():
        return None
    table = experiment.features.read_site(object_type, plate, well, site)
    first = table[table.index.get_level_values("t") == 0]
    return attach(first.droplevel(["plate", "well", "site", "t"]))


def row_of(places: pd.DataFrame, well: str, site: int) -> int | None:
    """Row of a site in a table of places; None where it is not among them."""
    rows = places.index[(places["well"] == well) & (places["site"] == site)]
    return int(rows[0]) if len(rows) else None
