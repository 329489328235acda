"""Objects by Cellpose."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.model.kinds import PLANES, IntensityImage, LabelImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.isolated import Device, check_images, needs, segment


def segment_cellpose(
    image: IntensityImage,
    second_image: IntensityImage | None = None,
    *,
    model: str = "",
    diameter_px: Annotated[float, Field(ge=0, le=2000, json_schema_extra={"step": 1})] = 0.0,
    flow_threshold: Annotated[float, Field(ge=0, le=3, json_schema_extra={"step": 0.1})] = 0.4,
    cellprob_threshold: Annotated[float, Field(ge=-6, le=6, json_schema_extra={"step": 0.5})] = 0.0,
    min_size_px: Annotated[int, Field(ge=0, le=100000)] = 15,
    device: Device = "auto",
    timeout_s: Annotated[int, Field(ge=1, le=86400)] = 600,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "label_image", needs("cellpose"), PLANES]:
    """Find cells or nuclei with a learned model of Cellpose.

    Parameters
    ----------
    image
        Stain ([z,] y, x) of what is to be found.
    second_image
        Another stain that helps, e.g. of the nuclei.
    model
        Name of a model that Cellpose knows, or the file of one of your own; empty for its default.
    diameter_px
        Typical diameter of the objects, in pixels; 0 leaves it to Cellpose.
    flow_threshold
        How far the shape of an object may be from what the model expects: lower for fewer objects,
        0 to allow all shapes.
    cellprob_threshold
        How sure a pixel must be: lower for more and larger objects.
    min_size_px
        Smaller objects are left out, in pixels; 0 keeps all.
    device
        What to run on: auto takes a GPU where there is one, gpu insists.
    timeout_s
        After so many seconds the model is stopped; loading it counts.
    pixel_size_um
        Micrometers of a pixel along z, y, x; a stack is taken to be evenly spaced where unknown.

    Returns
    -------
    LabelImage
        Objects of the image; none where the model finds none.

    Raises
    ------
    InputError
        The images do not fit, Cellpose is missing, or it has no such model.
    PipelineError
        The model failed or took too long.

    Notes
    -----
    Stringer et al., "Cellpose: a generalist algorithm for cellular segmentation" (2021). It may be
    installed in another Python environment; see the documentation of own modules.
    """
    images = {"image": image}
    if second_image is not None:
        images["second_image"] = second_image
    check_images(images, stacks=True)
    settings = {
        "model": model,
        "diameter_px": diameter_px,
        "flow_threshold": flow_threshold,
        "cellprob_threshold": cellprob_threshold,
        "min_size_px": min_size_px,
        "device": device,
        "anisotropy": _anisotropy(pixel_size_um),
    }
    return segment("cellpose", list(images.values()), settings, timeout_s=timeout_s)


def _anisotropy(pixel_size_um: PixelSize) -> float:
    """How much farther apart planes are than pixels; 0 if it is not known."""
    z, y, _ = pixel_size_um
    return z / y if z and y else 0.0
