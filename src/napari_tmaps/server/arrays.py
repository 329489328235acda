"""Arrays that clients send as text."""

from __future__ import annotations

import base64
import binascii
import io
import math
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

_MOST_BYTES = 2**29
"""Of an array; what is packed into a small archive may be huge."""


def array_of(text: str, name: str) -> npt.NDArray[Any]:
    """The array (.npy or .npz) in base64; nothing in it is run.

    Raises
    ------
    InputError
        It is no such array.
    """
    try:
        content = base64.b64decode(text, validate=True)
        file = io.BytesIO(content)
        if content.startswith(b"PK"):
            with zipfile.ZipFile(file) as archive:
                (member, *more) = archive.infolist()
                if more or member.file_size > _MOST_BYTES:
                    raise ValueError("an archive of one array that is not huge is needed")
                file = io.BytesIO(archive.read(member))
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("the header is of a version that plain arrays do not have")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=10_000)
        if dtype.itemsize * math.prod(shape) > _MOST_BYTES:
            raise ValueError(f"it announces {shape} values")
        file.seek(0)
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (binascii.Error, ValueError, zipfile.BadZipFile, EOFError, MemoryError) as error:
        raise InputError(f"'{name}' is no array (.npy or .npz, base64): {error}.") from error
    return array
