"""File ▸ Open and drag and drop: experiments, OME-Zarr, and the files of microscopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.errors import FormatError, NotFoundError, StorageError

if TYPE_CHECKING:
    from napari_tmaps.gui.layers import LayerTuple

Reader = Callable[[Any], "list[LayerTuple]"]

# napari and its other plugins show single pictures well; a TIFF by itself is theirs.
_NOT_OURS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".csv", ".txt")


def get_reader(path: str | Path | Sequence[str | Path]) -> Reader | None:
    """The reader for a path, None for what is not ours. Cheap, and never raises."""
    if not isinstance(path, str | Path):
        return None
    place = Path(path)
    try:
        kind = _recognise(place)
    except OSError:
        return None
    if kind is None:
        return None

    def read(_path: Any) -> list[LayerTuple]:
        return kind(place)

    return read


def _recognise(path: Path) -> Callable[[Path], list[LayerTuple]] | None:
    from napari_tmaps.store.experiment import is_experiment
    from napari_tmaps.store.parts import DATABASE

    if not path.exists():
        return None
    if path.name == DATABASE or is_experiment(path):
        return read_experiment
    if path.is_dir() and _is_ngff(path):
        return read_ngff
    if path.suffix.lower() in _NOT_OURS or path.suffix.lower() == ".zarr":
        return None
    from napari_tmaps.vendors import recognise

    return read_vendor if recognise(path) is not None else None


def _is_ngff(path: Path) -> bool:
    from napari_tmaps.streams.ngff import read_attributes

    try:
        attributes = read_attributes(path)
    except (NotFoundError, FormatError, StorageError):
        return False
    return any(key in attributes for key in ("plate", "well", "multiscales"))


def read_experiment(path: Path) -> list[LayerTuple]:
    """Layers of the first plate of an experiment; the others are told of.

    Raises
    ------
    NotFoundError
        The experiment has no plate, or none that was converted.
    """
    from napari.utils.notifications import show_info, show_warning

    from napari_tmaps.gui.layers import mosaic_layers
    from napari_tmaps.gui.zarr_source import experiment_source
    from napari_tmaps.store.experiment import Experiment

    with Experiment.open(path) as experiment:
        plates = experiment.plate_names()
        if not plates:
            raise NotFoundError(
                f"The experiment '{experiment.name}' has no plates yet. Add a microscope folder to "
                f"it: tmaps add {experiment.path.name} FOLDER."
            )
        source = experiment_source(experiment, plates[0])
        gaps = experiment.catalogue.gaps()
    missing = int((gaps["plate"] == plates[0]).sum())
    if missing:
        show_warning(f"{missing} images of plate '{plates[0]}' are missing; they look black.")
    if len(plates) > 1:
        show_info(
            f"This is plate '{plates[0]}', the first of {len(plates)}. The others, single sites "
            "and pipelines are in Plugins ▸ napari-tmaps ▸ TissueMAPS: Experiment."
        )
    return mosaic_layers(source, source.places, on_problem=_warn)


def read_ngff(path: Path) -> list[LayerTuple]:
    """Layers of an OME-Zarr plate, well or image.

    Raises
    ------
    NotFoundError, FormatError
        It is damaged.
    """
    from napari_tmaps.gui.layers import mosaic_layers
    from napari_tmaps.gui.zarr_source import ngff_source

    source = ngff_source(path)
    return mosaic_layers(source, source.places, on_problem=_warn)


def read_vendor(path: Path) -> list[LayerTuple]:
    """Layers of the first well of a microscope's files; the others are told of.

    Raises
    ------
    TmapsError
        The files cannot be understood.
    """
    from napari.utils.notifications import show_info, show_warning

    from napari_tmaps.gui.layers import mosaic_layers
    from napari_tmaps.gui.vendor_source import VendorSource
    from napari_tmaps.vendors import scan

    found = scan(path)
    source = VendorSource(found)
    wells = len(found.planes[["plate", "well"]].drop_duplicates())
    if wells > 1:
        show_info(
            f"This is well {source.well}, the first of {wells}. To see them all make an "
            "experiment of the folder: Plugins ▸ napari-tmaps ▸ TissueMAPS: Experiment."
        )
    if found.oddities:
        show_warning(f"{found.vendor}: {found.oddities[0]}")
    return mosaic_layers(source, source.places, on_problem=_warn)


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)
