"""Features made ready for learning: what is missing, what is constant, which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

Floats32 = npt.NDArray[np.float32]
Missing = Literal["median", "leave_out_objects", "leave_out_features"]
Scaling = Literal["standard", "robust", "none"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """How features are made ready; the same for training and for all objects later.

    Attributes
    ----------
    features
        Names of those that are used.
    fill
        (features,) what stands for a missing value; NaN where objects without it get no result.
    center, scale
        (features,): used is (value - center) / scale.
    """

    features: tuple[str, ...]
    fill: Floats32
    center: Floats32
    scale: Floats32

    def apply(self, block: Floats32) -> tuple[Floats32, npt.NDArray[np.bool_]]:
        """Features (features, objects) made ready, and which objects have all of them."""
        gaps = ~np.isfinite(block)
        ready = np.where(gaps, self.fill[:, np.newaxis], block)
        ready -= self.center[:, np.newaxis]
        ready /= self.scale[:, np.newaxis]
        whole = np.asarray(np.isfinite(ready).all(axis=0))
        ready[:, ~whole] = 0
        return ready, whole


def prepare(
    names: Sequence[str], samples: Floats32, missing: Missing, scaling: Scaling
) -> tuple[Preparation, tuple[str, ...]]:
    """Find out from samples how to make features ready.

    Parameters
    ----------
    samples
        (features, objects). NaN and infinite values are missing ones.
    missing
        median: the median of the samples stands for a missing value. leave_out_objects: objects
        without a value get no result. leave_out_features: features that a sample lacks are not
        used.

    Returns
    -------
    The preparation, and sentences on features that are not used.

    Raises
    ------
    InputError
        No feature can be used.
    """
    finite = np.isfinite(samples)
    lost = ~finite.any(axis=1)
    low = np.where(finite, samples, np.inf).min(axis=1, initial=np.inf)
    high = np.where(finite, samples, -np.inf).max(axis=1, initial=-np.inf)
    constant = ~lost & (low == high)
    partly = ~lost & ~constant & ~finite.all(axis=1)
    used = ~lost & ~constant
    if missing == "leave_out_features":
        used &= ~partly
    reasons = [("have no value at all", lost), ("are the same in all of them", constant)]
    if missing == "leave_out_features":
        reasons.append(("have no value in some of them", partly))
    notes = tuple(_sentence(names, what, which) for what, which in reasons if which.any())
    if not used.any():
        raise InputError(
            f"No feature of {len(names)} can be used for these {samples.shape[1]} objects. "
            f"{' '.join(notes)} Choose other features or more objects."
        )
    part = np.where(finite[used], samples[used], np.nan).astype(np.float64)
    medians = np.nanmedian(part, axis=1)
    fill = medians if missing == "median" else np.full(part.shape[0], np.nan)
    center, scale = np.zeros(part.shape[0]), np.ones(part.shape[0])
    if scaling == "standard":
        center, scale = np.nanmean(part, axis=1), np.nanstd(part, axis=1)
    elif scaling == "robust":
        quarter, center, three = np.nanquantile(part, (0.25, 0.5, 0.75), axis=1)
        scale = three - quarter
    scale = np.where(scale > 0, scale, np.nanstd(part, axis=1))
    return (
        Preparation(
            tuple(name for name, use in zip(names, used, strict=True) if use),
            fill.astype(np.float32),
            center.astype(np.float32),
            scale.astype(np.float32),
        ),
        notes,
    )


def _sentence(names: Sequence[str], what: str, which: npt.NDArray[np.bool_]) -> str:
    found = [f"'{name}'" for name, here in zip(names, which, strict=True) if here]
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"Features that {what} were left out: {shown}."
