"""Sites as pictures for other programs: OME-TIFF or OME-Zarr, with labels, tables and JSON."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from napari_tmaps.errors import FormatError, InputError, MissingError, NotFoundError, unknown
from napari_tmaps.model.channels import display_colors
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.model.wells import WellName, sorted_wells
from napari_tmaps.model.words import counted
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.store.selections import SelectionStore
from napari_tmaps.streams.layerdata import LayerData
from napari_tmaps.streams.layers import format_of, saving_layers
from napari_tmaps.streams.saved import estimated_bytes, proving_layers
from napari_tmaps.streams.saveoptions import SaveOptions

if TYPE_CHECKING:
    import pandas as pd

Site = tuple[str, str, int]
"""Plate, well, number of the site."""


def site_layers(
    experiment: Experiment,
    plate: str,
    well: str,
    site: int,
    *,
    objects: pd.DataFrame | None = None,
    object_type: str = "",
) -> list[LayerData]:
    """All channels and labels of one site, at full bit depth.

    Parameters
    ----------
    objects, object_type
        Only these objects (plate, well, site, t, label) of this type: no other labels are given,
        and no other rows of its table.

    Raises
    ------
    NotFoundError
        No such plate, well or site.
    MissingError
        A plane of the site was never recorded.
    """
    folder, name = experiment.plate(plate), str(WellName.parse(well))
    layers = []
    scale: tuple[float | None, ...] = ()
    for cycle in sorted(experiment.catalogue.channels()["cycle"].unique()):
        with closing(experiment.site_image(plate, name, site, int(cycle))) as image:
            scale = (image.time_step_s, *image.pixel_size_um)
            for channel, color in zip(image.channels, display_colors(image.channels), strict=True):
                times = image.t_of(channel.name)
                stack = np.stack([image.read_channel(channel.name, t) for t in times or [0]])
                layer = LayerData(stack, channel.name, "image", "TZYX", scale, color=color)
                layers.append(layer if len(times) == image.times else _at_times(layer, times))
    tables = experiment.features.object_types()
    for each in folder.label_names(name, site):
        if objects is not None and each != object_type:
            continue
        labels, table = folder.read_labels(name, site, each), None
        if each in tables:
            table = experiment.features.read_site(each, plate, name, site).reset_index()
        if objects is not None:
            labels, table = _only(labels, table, objects, (plate, name, site))
        layers.append(LayerData(labels, each, "labels", "TZYX", scale, features=table))
    return layers


def _at_times(layer: LayerData, times: list[int]) -> LayerData:
    """A channel that was recorded at these time points only: they are told beside it."""
    gaps = {later - sooner for sooner, later in pairwise(times)}
    step = layer.scale_um[0]
    step = step * gaps.pop() if step is not None and len(gaps) == 1 else None
    return replace(
        layer, scale_um=(step, *layer.scale_um[1:]), metadata={"recorded_time_points": times}
    )


def _only(
    labels: np.ndarray, table: pd.DataFrame | None, objects: pd.DataFrame, place: Site
) -> tuple[np.ndarray, pd.DataFrame | None]:
    """Labels and rows of the chosen objects of a site."""
    plate, well, site = place
    mine = objects[
        (objects["plate"] == plate) & (objects["well"] == well) & (objects["site"] == site)
    ]
    kept = np.zeros_like(labels)
    for t in mine["t"].unique().tolist():
        chosen = np.isin(labels[t], mine.loc[mine["t"] == t, "label"].to_numpy())
        kept[t] = np.where(chosen, labels[t], 0)
    if table is not None:
        wanted = set(zip(mine["t"], mine["label"], strict=True))
        here = [pair in wanted for pair in zip(table["t"], table["label"], strict=True)]
        table = table[here].reset_index(drop=True)
    return kept, table


@dataclass(frozen=True)
class SaveChoice:
    """What of an experiment to save.

    Attributes
    ----------
    wells
        Empty: all wells of the plate.
    site
        Number of the site in each well; 0: all.
    object_type, selection
        Only the objects of this selection, on the sites that have any; "" for all objects.
    """

    plate: str
    wells: tuple[str, ...] = ()
    site: int = 0
    object_type: str = ""
    selection: str = ""

    @property
    def is_one_image(self) -> bool:
        """Whether it is a single site, which becomes one file or folder by its own name."""
        return len(self.wells) == 1 and self.site > 0

    def objects(self, experiment: Experiment) -> pd.DataFrame | None:
        """The chosen objects; None for all.

        Raises
        ------
        NotFoundError
            There is no such selection.
        """
        if not self.selection:
            return None
        known = SelectionStore(experiment.path / "selections").load(self.object_type)
        if self.selection not in known:
            raise unknown(f"selection of {self.object_type}", self.selection, known)
        return known[self.selection].objects

    def sites(self, experiment: Experiment) -> list[Site]:
        """The chosen sites, in order.

        Raises
        ------
        NotFoundError
            There is no such plate, well, site or selection, or nothing is left.
        """
        names = [str(WellName.parse(well)) for well in self.wells]
        sites = [
            (self.plate, well, int(site))
            for well in sorted_wells(names or experiment.wells(self.plate))
            for site in experiment.sites(self.plate, well)["site"]
            if self.site in (0, site)
        ]
        objects = self.objects(experiment)
        if objects is not None:
            there = set(zip(objects["plate"], objects["well"], objects["site"], strict=True))
            sites = [site for site in sites if site in there]
        if not sites:
            raise NotFoundError(
                f"Plate '{self.plate}' has no site {self.site or ''} that fits the choice: choose "
                "other wells, another site or another selection."
            )
        return sites

    def layers(self, experiment: Experiment, site: Site) -> list[LayerData]:
        """What is saved of one site."""
        chosen = self.objects(experiment)
        return site_layers(experiment, *site, objects=chosen, object_type=self.object_type)


def options_for(path: Path, **options: Any) -> SaveOptions:
    """Options with the format that the ending of a path asks for; OME-TIFF if it has none.

    Raises
    ------
    InputError
        A value that does not fit.
    """
    try:
        chosen = format_of(path) if path.suffix else "ome-tiff"
        return SaveOptions(format=chosen, **options)  # type: ignore[arg-type]
    except ValidationError as error:
        detail = error.errors()[0]
        raise InputError(f"{detail['loc'][0]} is {detail['input']!r}: {detail['msg']}.") from error


def save_site(experiment: Experiment, plate: str, well: str, site: int, path: Path) -> list[Path]:
    """Save all channels and labels of one site, at full bit depth; what is there is replaced.

    Parameters and errors as `saving`.
    """
    choice = SaveChoice(plate, (well,), site)
    return finish(saving(experiment, choice, path, options_for(path, replace=True)))


def saving(
    experiment: Experiment, choice: SaveChoice, path: Path, options: SaveOptions
) -> Generator[Progress, None, list[Path]]:
    """Save sites, one after the other; closing it keeps those that are whole.

    A site that cannot be read does not keep the others from being saved.

    One site becomes an image of the name that was asked for. Several become, as OME-Zarr, one plate
    (OME-NGFF HCS) that other programs open, with tables and JSON in the folder `tables` within it;
    as OME-TIFF, a folder with files that are named `<well>_<site>.ome.tiff`.

    Parameters
    ----------
    path
        Ends in .ome.tiff (labels become files beside it) or .ome.zarr (labels within it); of
        several sites as OME-TIFF it is a folder.

    Returns
    -------
    list
        What was written; of several sites the images.

    Raises
    ------
    NotFoundError
        No such plate, well, site or selection.
    ExistsError
        Something is there already, and shall not be replaced.
    InputError
        Another ending, or options that do not go together.
    MissingError, FormatError
        A plane of a site was never recorded, or is damaged. All other sites are saved.
    StorageError
        The disk is full, or refuses.
    """
    sites = choice.sites(experiment)
    if choice.is_one_image:
        return (yield from saving_layers(choice.layers(experiment, sites[0]), path, options))
    written: dict[Site, Path] = {}
    left_out: list[MissingError | FormatError] = []
    for number, place in enumerate(sites):
        target, ending, beside = _target(path, options, *place[1:])
        try:
            layers = choice.layers(experiment, place)
        except (MissingError, FormatError) as error:
            left_out.append(error)
        else:
            for _ in saving_layers(layers, target, options, ending=ending, beside=beside):
                yield Progress("saving", number, len(sites))
            written[place] = target.with_name(target.name + ending)
        yield Progress("saving", number + 1, len(sites))
    if options.format == "ome-zarr" and written:
        images = [(well, site, 0) for _, well, site in written]
        plate_format = experiment.catalogue.plate_format(choice.plate)
        folder = PlateFolder(path, options.version)
        folder.write_layout(choice.plate, plate_format, images, ["saved"])
    if left_out:
        first = left_out[0]
        raise type(first)(
            f"Saved {counted(len(written), 'site')} of {len(sites)} in '{path}'. Left out, as they "
            f"cannot be read: {len(left_out)}; the first: {first}"
        ) from first
    return list(written.values())


def proving(
    experiment: Experiment, choice: SaveChoice, path: Path, options: SaveOptions
) -> Generator[Progress, None, int]:
    """Read what `saving` saved and compare each pixel; returns how many planes are equal.

    Raises
    ------
    FormatError
        A plane differs, or cannot be read.
    """
    sites = choice.sites(experiment)
    if choice.is_one_image:
        return (yield from proving_layers(choice.layers(experiment, sites[0]), path, options))
    planes = 0
    for number, (plate, well, site) in enumerate(sites):
        layers = choice.layers(experiment, (plate, well, site))
        target, ending, _ = _target(path, options, well, site)
        planes += finish(proving_layers(layers, target, options, ending=ending))
        yield Progress("comparing", number + 1, len(sites))
    return planes


def estimate(experiment: Experiment, choice: SaveChoice, options: SaveOptions) -> int:
    """About how many bytes saving takes, from one site."""
    sites = choice.sites(experiment)
    middle = sites[len(sites) // 2]
    return len(sites) * estimated_bytes(choice.layers(experiment, middle), options)


def _target(path: Path, options: SaveOptions, well: str, site: int) -> tuple[Path, str, Path]:
    """Where the image of a site goes: its path without ending, the ending, folder of its tables."""
    if options.format == "ome-zarr":
        return PlateFolder(path).image_path(well, site), "", path / "tables" / well
    return path / f"{well}_{site}", ".ome.tiff", path
