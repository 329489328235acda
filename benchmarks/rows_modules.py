"""Single modules on one plane of 2160 × 2160 pixels, against OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from napari_tmaps.modules import MODULES
from rows_site import _site
from timing import Contest

cv2.setNumThreads(1)

Image = npt.NDArray[np.uint16]


def smooth_gaussian(folder: Path, full: bool) -> Contest:
    """A Gaussian of sigma 2; OpenCV rounds in between."""

    def blur(image: Image) -> Image:
        wide = image.astype(np.float32)
        found = cv2.GaussianBlur(wide, (17, 17), 2, borderType=cv2.BORDER_REFLECT)
        return np.rint(found).astype(np.uint16)

    return _contest(
        "OpenCV",
        lambda image: MODULES["smooth"](image, filter_size=2),
        blur,
        lambda a, b: float(np.abs(a.astype(int) - b).max()),
        "largest difference in intensities",
    )


def smooth_median(folder: Path, full: bool) -> Contest:
    """A median of 5 × 5 pixels."""

    def median(image: Image) -> Image:
        padded = np.pad(image, 2, mode="symmetric")
        return cv2.medianBlur(padded, 5)[2:-2, 2:-2]

    return _contest(
        "OpenCV",
        lambda image: MODULES["smooth"](image, filter_name="median", filter_size=5),
        median,
        lambda a, b: float((a == b).mean()),
        "share of equal pixels",
    )


def threshold_adaptive(folder: Path, full: bool) -> Contest:
    """Niblack's threshold in a window of 111 × 111 pixels."""

    def niblack(image: Image) -> npt.NDArray[np.bool_]:
        values = np.minimum(image, np.percentile(image, 99.99, method="inverted_cdf"))
        wide = values.astype(np.float64)
        mean = cv2.boxFilter(wide, -1, (111, 111), borderType=cv2.BORDER_REPLICATE)
        squares = cv2.sqrBoxFilter(wide, -1, (111, 111), borderType=cv2.BORDER_REPLICATE)
        return wide > mean + 0.2 * np.sqrt(np.maximum(squares - mean**2, 0))

    return _contest(
        "OpenCV",
        lambda image: MODULES["threshold_adaptive"](image, kernel_size=111, constant=0.2),
        niblack,
        lambda a, b: float((a == b).mean()),
        "share of equal pixels",
    )


def threshold_otsu(folder: Path, full: bool) -> Contest:
    """Otsu's threshold."""
    return _contest(
        "OpenCV",
        lambda image: MODULES["threshold_otsu"](image),
        lambda image: cv2.threshold(image, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1] > 0,
        lambda a, b: float((a == b).mean()),
        "share of equal pixels",
    )


def _contest(
    peer_name: str,
    ours: Callable[[Image], Any],
    peer: Callable[[Image], Any],
    compare: Callable[[Any, Any], float],
    accuracy_is: str,
) -> Contest:
    image = _site().images["DAPI"]
    return Contest(
        peer_name,
        lambda: ours(image),
        lambda: peer(image),
        compare,
        accuracy_is=accuracy_is,
        clock="cpu",
    )
