"""Objects by StarDist."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import PLANES, IntensityImage, LabelImage
from napari_tmaps.modules.isolated import Device, check_images, needs, segment


def segment_stardist(
    image: IntensityImage,
    *,
    model: str = "",
    probability_threshold: Annotated[
        float, Field(ge=0, le=1, json_schema_extra={"step": 0.05})
    ] = 0.0,
    overlap_threshold: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.05})] = 0.0,
    low_percentile: Annotated[float, Field(ge=0, le=100, json_schema_extra={"step": 0.5})] = 1.0,
    high_percentile: Annotated[float, Field(ge=0, le=100, json_schema_extra={"step": 0.1})] = 99.8,
    device: Device = "auto",
    timeout_s: Annotated[int, Field(ge=1, le=86400)] = 600,
) -> Annotated[LabelImage, "label_image", needs("stardist"), PLANES]:
    """Find nuclei and other round objects with a learned model of StarDist.

    Parameters
    ----------
    image
        Stain ([z,] y, x) of the objects.
    model
        Name of a ready model, or the folder of one of your own; empty for 2D_versatile_fluo, and
        3D_demo for stacks.
    probability_threshold
        How sure an object must be: lower for more; 0 takes that of the model.
    overlap_threshold
        How much objects may overlap before one of them goes; 0 takes that of the model.
    low_percentile, high_percentile
        Percentiles of the intensities that the model sees as 0 and 1.
    device
        What to run on: auto takes a GPU where there is one, gpu insists.
    timeout_s
        After so many seconds the model is stopped; loading it counts.

    Returns
    -------
    LabelImage
        Objects of the image; none where the model finds none.

    Raises
    ------
    InputError
        The image does not fit, the percentiles do not, StarDist is missing or has no such model.
    PipelineError
        The model failed or took too long.

    Notes
    -----
    Schmidt et al., "Cell Detection with Star-Convex Polygons" (2018). It may be installed in
    another Python environment; see the documentation of own modules.
    """
    check_images({"image": image}, stacks=True)
    if low_percentile >= high_percentile:
        raise InputError(
            f"'low_percentile' is {low_percentile:g}, but must be below 'high_percentile' "
            f"({high_percentile:g})."
        )
    settings = {
        "model": model,
        "probability_threshold": probability_threshold,
        "overlap_threshold": overlap_threshold,
        "low_percentile": low_percentile,
        "high_percentile": high_percentile,
        "device": device,
    }
    return segment("stardist", [image], settings, timeout_s=timeout_s)
