"""All that a pipeline reads of one site of an open experiment, as it is analysed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_tmaps.errors import unknown
from napari_tmaps.model.pipeline import PipelineInput
from napari_tmaps.store.images import Geometry
from napari_tmaps.store.prepared import plane_or_stack, read_prepared

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SiteInputs:
    """What a pipeline works on.

    Attributes
    ----------
    images, objects
        By channel and object type; (y, x) where the site has one plane, else (z, y, x).
        Corrected where the pipeline says so, and cut to what all cycles have in common.
    pixel_size_um
        (z, y, x).
    """

    images: dict[str, Array]
    objects: dict[str, Array]
    pixel_size_um: Geometry


def site_inputs(
    experiment: Experiment, reads: PipelineInput, plate: str, well: str, site: int, t: int = 0
) -> SiteInputs:
    """Read what a pipeline reads of a site.

    Raises
    ------
    NotFoundError
        There is no such site, channel or object type.
    MissingError
        An image was never recorded, or there is no illumination field for it.
    FormatError
        A file is damaged.
    """
    channels = experiment.catalogue.channels().set_index("name")
    former = experiment.catalogue.former_names()
    place = (plate, well, site)
    window = experiment.shifts.window(*place)
    images: dict[str, Array] = {}
    size: Geometry = (None, None, None)
    for channel in reads.channels:
        # A pipeline that ran before a channel was renamed goes on under the names of then.
        name = former.get(channel.name, channel.name)
        if name not in channels.index:
            raise unknown("channel", name, channels.index)
        cycle = int(channels.at[name, "cycle"])  # type: ignore[arg-type]
        with closing(experiment.site_image(*place, cycle)) as image:
            size = image.pixel_size_um
            correct = experiment.path / "illumination" if channel.correct else None
            images[channel.name] = plane_or_stack(
                read_prepared(
                    image, name, t, site=place, cycle=cycle, correct=correct, window=window
                )
            )
    objects = {}
    for item in reads.objects:
        labels = experiment.labels(*place, item.name, t=t)
        objects[item.name] = plane_or_stack(labels if window is None else window.cut(labels, -1))
    return SiteInputs(images, objects, size)
