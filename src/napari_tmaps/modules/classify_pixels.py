"""Pixels by a classifier that was trained by painting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError, TmapsError
from napari_tmaps.model.kinds import PLANES, IntensityImage, LabelImage, MaskImage, Needs
from napari_tmaps.modules.images import check_same_shape

# Pixels whose features are in memory at the same time.
_PIXELS_AT_ONCE = 2**19


class Classified(NamedTuple):
    """What the classifier says of the pixels."""

    mask: MaskImage
    probability: IntensityImage
    classes: LabelImage


def _problems(settings: Mapping[str, Any]) -> dict[str, str]:
    from napari_tmaps.modules.pixel_model import find_model, load_model

    try:
        model = load_model(find_model(settings["model"]))
    except TmapsError as error:
        return {"model": str(error)}
    try:
        _target(model.about.classes, settings["foreground"])
    except InputError as error:
        return {"foreground": str(error)}
    return {}


def _contents(settings: Mapping[str, Any]) -> str:
    from napari_tmaps.modules.pixel_model import digest, find_model

    return digest(find_model(settings["model"]))


def classify_pixels(
    image: IntensityImage,
    second_image: IntensityImage | None = None,
    third_image: IntensityImage | None = None,
    *,
    model: str = "",
    foreground: str = "",
    min_probability: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.05})] = 0.5,
) -> Annotated[Classified, Needs(_problems, _contents), PLANES]:
    """Sort pixels into classes with a classifier that was trained by painting.

    Train it with `tmaps train-pixels` or `train_pixels`.

    Parameters
    ----------
    image
        First channel that the classifier was trained with, ([z,] y, x): uint8, uint16 or float32,
        as in the training.
    second_image, third_image
        Its further channels, in the order of the training.
    model
        File of the classifier (.npz), or its name in the folder of models.
    foreground
        Name of the class that becomes the mask; empty for the last class.
    min_probability
        How probable the class must be for a pixel to belong to the mask.

    Returns
    -------
    mask
        True where the class is more probable than `min_probability`.
    probability
        Probability of the class, uint16: 65535 is certain.
    classes
        Number of the most probable class of each pixel, from 1.

    Raises
    ------
    InputError
        The images do not fit the classifier, or it has no such class.
    NotFoundError, FormatError
        There is no such classifier, or its file is damaged.

    Notes
    -----
    A random forest (Breiman, 2001) on Gaussians, gradients, Laplacians, Hessian and structure
    tensor eigenvalues at several scales. The planes of a stack are classified one by one. The
    probabilities are those of scikit-learn, which trains the forest.
    """
    from napari_tmaps.measure.forest import predict
    from napari_tmaps.modules.pixel_model import find_model, load_model

    trained = load_model(find_model(model))
    given = {"image": image, "second_image": second_image, "third_image": third_image}
    images = {name: plane for name, plane in given.items() if plane is not None}
    _check(images, trained.about.channels, trained.about.dtype)
    target = _target(trained.about.classes, foreground)
    stacks = [plane.reshape(-1, *image.shape[-2:]) for plane in images.values()]
    mask = np.empty(stacks[0].shape, np.bool_)
    probability = np.empty(mask.shape, np.uint16)
    classes = np.empty(mask.shape, np.int32)
    depth, (height, width) = len(mask), image.shape[-2:]
    rows = max(1, _PIXELS_AT_ONCE // width)
    for z in range(depth):
        for start in range(0, height, rows):
            band = slice(start, min(start + rows, height))
            planes = [stack[z] for stack in stacks]
            found = predict(trained.forest, _features(planes, band, trained.about.sigmas))
            found = found.reshape(-1, width, found.shape[1])
            mask[z, band] = found[..., target] > min_probability
            probability[z, band] = np.rint(found[..., target] * 65535)
            classes[z, band] = found.argmax(axis=2) + 1
    shape = image.shape
    return Classified(mask.reshape(shape), probability.reshape(shape), classes.reshape(shape))


def _features(
    planes: list[npt.NDArray[Any]], band: slice, sigmas: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    """Features of some rows, (features, pixels): the same as those of these rows in the whole."""
    from napari_tmaps.measure.pixel_features import pixel_features, reach

    around = reach(sigmas)
    first, last = max(0, band.start - around), band.stop + around
    rows = slice(band.start - first, band.stop - first)
    parts = [pixel_features(plane[first:last], sigmas)[:, rows] for plane in planes]
    found = np.concatenate(parts)
    return found.reshape(found.shape[0], -1)


def _target(classes: tuple[str, ...], name: str) -> int:
    """Index of the class that becomes the mask."""
    if not name:
        return len(classes) - 1
    if name not in classes:
        raise InputError(
            f"The classifier has no class '{name}'. It has: {', '.join(classes)}; leave it empty "
            "for the last one."
        )
    return classes.index(name)


def _check(images: Mapping[str, npt.NDArray[Any]], channels: tuple[str, ...], dtype: str) -> None:
    if len(images) != len(channels):
        raise InputError(
            f"The classifier was trained with {len(channels)} channels ({', '.join(channels)}), "
            f"but is given {len(images)}. Wire as many images, in this order."
        )
    for name, image in images.items():
        if image.dtype.name != dtype:
            raise InputError(
                f"The classifier was trained with {dtype} pixels, but '{name}' has {image.dtype}. "
                "Give it images of the same type and range."
            )
        if image.ndim not in (2, 3) or image.size == 0:
            raise InputError(
                f"'{name}' has the shape {image.shape}, but images are planes (y, x) or stacks "
                "(z, y, x) with pixels in them."
            )
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise InputError(
                f"'{name}' has pixels that are NaN or infinite. Replace them first, e.g. by the "
                "background."
            )
    check_same_shape(**images)
