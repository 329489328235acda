"""Objects by InstanSeg."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_tmaps.model.kinds import PLANES, IntensityImage, LabelImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.isolated import Device, check_images, needs, segment


def segment_instanseg(
    image: IntensityImage,
    second_image: IntensityImage | None = None,
    third_image: IntensityImage | None = None,
    *,
    model: str = "",
    target: Literal["nuclei", "cells"] = "nuclei",
    device: Device = "auto",
    timeout_s: Annotated[int, Field(ge=1, le=86400)] = 600,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "label_image", needs("instanseg"), PLANES]:
    """Find nuclei or cells with a learned model of InstanSeg, from up to three channels.

    Parameters
    ----------
    image
        A channel (y, x).
    second_image, third_image
        Further channels, in any order.
    model
        Name of a model that InstanSeg knows; empty for fluorescence_nuclei_and_cells.
    target
        What to find.
    device
        What to run on: auto takes a GPU where there is one, gpu insists.
    timeout_s
        After so many seconds the model is stopped; loading it counts.
    pixel_size_um
        Micrometers of a pixel along z, y, x: the image is scaled to that of the model; it is taken
        as it is where unknown.

    Returns
    -------
    LabelImage
        Objects of the image; none where the model finds none.

    Raises
    ------
    InputError
        The images do not fit, or InstanSeg is missing.
    PipelineError
        The model failed or took too long.

    Notes
    -----
    Goldsborough et al., "InstanSeg: an embedding-based instance segmentation algorithm" (2024). It
    may be installed in another Python environment; see the documentation of own modules.
    """
    given = {"image": image, "second_image": second_image, "third_image": third_image}
    images = {name: each for name, each in given.items() if each is not None}
    check_images(images, stacks=False)
    settings = {
        "model": model,
        "target": target,
        "device": device,
        "pixel_size_um": pixel_size_um[1] or 0.0,
    }
    return segment("instanseg", list(images.values()), settings, timeout_s=timeout_s)
