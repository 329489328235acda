"""AnnData files, .h5ad and .zarr, written as their specification says, block by block.

Source: anndata, "On-disk format" (0.1.0 of anndata, 0.2.0 of arrays, data frames and categoricals).
Written here because the package anndata does not allow the pandas that we need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.streams.atomic import disk_errors, replacing

Block = tuple[slice, npt.NDArray[np.float32]]
_ROWS = 1 << 14  # of a chunk


def write_anndata(
    path: Path,
    *,
    blocks: Iterable[Block],
    obs: pd.DataFrame,
    var: pd.DataFrame,
    obsm: Mapping[str, npt.NDArray[Any]],
    uns: Mapping[str, str],
) -> None:
    """Write one AnnData; a file or folder that is there is replaced once the new one is whole.

    Parameters
    ----------
    path
        Ends in .h5ad or .zarr.
    blocks
        Rows, and their values (rows, variables); all rows once.
    obs, var
        What is known of observations and variables; their indexes are the names.
    obsm
        More numbers of each observation, e.g. "spatial".
    uns
        Texts about all.

    Raises
    ------
    StorageError
        The disk refuses; nothing half-written is left.
    """
    with replacing(path) as temporary, disk_errors(path):
        if path.suffix == ".zarr":
            import zarr

            _write(zarr.open_group(temporary, mode="w"), blocks, obs, var, obsm, uns)
        else:
            import h5py

            with h5py.File(temporary, "w") as file:
                _write(file, blocks, obs, var, obsm, uns)


def _write(
    root: Any,
    blocks: Iterable[Block],
    obs: pd.DataFrame,
    var: pd.DataFrame,
    obsm: Mapping[str, npt.NDArray[Any]],
    uns: Mapping[str, str],
) -> None:
    _say(root, "anndata", "0.1.0")
    shape = (len(obs), len(var))
    chunks = (max(1, min(_ROWS, shape[0])), max(1, shape[1]))
    matrix = _create(root, "X", shape, np.dtype(np.float32), chunks)
    _say(matrix, "array", "0.2.0")
    for rows, block in blocks:
        matrix[rows.start : rows.stop, :] = block
    _frame(root, "obs", obs)
    _frame(root, "var", var)
    for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        _say(root.create_group(name), "dict", "0.1.0")
    for name, array in obsm.items():
        _array(root["obsm"], name, array)
    for name, text in uns.items():
        _texts(root["uns"], name, text)


def _say(node: Any, kind: str, version: str) -> None:
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def _frame(root: Any, name: str, frame: pd.DataFrame) -> None:
    group = root.create_group(name)
    _say(group, "dataframe", "0.2.0")
    group.attrs["_index"] = "_index"
    columns = list(map(str, frame.columns))
    if _is_h5(group):
        import h5py

        kind = h5py.string_dtype()
        group.attrs["column-order"] = np.array(columns, dtype=kind)
    else:
        group.attrs["column-order"] = columns
    _texts(group, "_index", frame.index.to_numpy(object))
    for column, values in frame.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = group.create_group(str(column))
            _say(codes, "categorical", "0.2.0")
            codes.attrs["ordered"] = bool(values.cat.ordered)
            _array(codes, "codes", values.cat.codes.to_numpy())
            _texts(codes, "categories", values.cat.categories.to_numpy(object))
        else:
            _array(group, str(column), values.to_numpy())


def _array(group: Any, name: str, values: npt.NDArray[Any]) -> None:
    chunks = tuple(max(1, min(size, _ROWS)) for size in values.shape)
    array = _create(group, _safe(name), values.shape, values.dtype, chunks)
    if values.size:
        array[...] = values
    _say(array, "array", "0.2.0")


def _texts(group: Any, name: str, values: Any) -> None:
    """One text, or many."""
    many = isinstance(values, np.ndarray)
    if _is_h5(group):
        import h5py

        array = group.create_dataset(_safe(name), data=values, dtype=h5py.string_dtype())
    else:
        from zarr.core.dtype import VariableLengthUTF8

        shape = values.shape if many else ()
        array = group.create_array(_safe(name), shape=shape, dtype=VariableLengthUTF8())
        if not many or values.size:
            array[...] = values if many else np.array(values, object)
    _say(array, "string-array" if many else "string", "0.2.0")


def _create(group: Any, name: str, shape: Any, dtype: Any, chunks: Any) -> Any:
    if _is_h5(group):
        whole = None if 0 in shape else chunks
        return group.create_dataset(name, shape=shape, dtype=dtype, chunks=whole)
    return group.create_array(name, shape=shape, dtype=dtype, chunks=chunks)


def _is_h5(group: Any) -> bool:
    return type(group).__module__.startswith("h5py")


def _safe(name: str) -> str:
    """A slash would be a group within the group."""
    return name.replace("/", "_")
