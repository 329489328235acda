"""Arrays as text, for JSON."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt


def packed(array: npt.NDArray[Any]) -> str:
    """An array as a compressed .npz file in base64."""
    file = io.BytesIO()
    np.savez_compressed(file, array=array)
    return base64.b64encode(file.getvalue()).decode()
