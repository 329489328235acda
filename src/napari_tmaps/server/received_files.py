"""Files that clients may put into an experiment: few, and each is read before it counts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from napari_tmaps.errors import ExistsError, NotFoundError, unknown
from napari_tmaps.pipeline.files import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import GateStore
from napari_tmaps.store.parts import PartFile, is_changeable, one_file
from napari_tmaps.store.plate_map import plate_map_history, read_plate_map
from napari_tmaps.store.selections import SelectionStore
from napari_tmaps.streams.atomic import disk_errors, replacing

_Check = Callable[[Experiment, Path], object]


def receive(experiment: Experiment, path: str, content: bytes, known: str) -> PartFile:
    """Put a file in place, once it is known to be what its place says.

    Parameters
    ----------
    known
        "<size>-<modified>" of the file that the client saw there; "" if it saw none.

    Raises
    ------
    NotFoundError
        Nothing of that kind is taken.
    ExistsError
        Somebody else has changed the file meanwhile.
    FormatError, PipelineError
        It is not what its place says.
    """
    if not is_changeable(path):
        raise NotFoundError(f"'{path}' is nothing that can be sent.")
    place = experiment.path / path
    now = one_file(experiment.path, path)
    if known != ("" if now is None else f"{now.size}-{now.modified}"):
        raise ExistsError(
            f"'{path}' was changed by somebody else meanwhile. It is read anew: look at it, and "
            "change it again."
        )
    with tempfile.TemporaryDirectory() as folder, disk_errors(Path(folder)):
        copy = Path(folder) / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        _CHECKS[path.partition("/")[0]](experiment, copy)
    with replacing(place) as temporary, disk_errors(place):
        temporary.write_bytes(content)
    put = one_file(experiment.path, path)
    assert put is not None, "it has just been written"
    return put


def _check_type(experiment: Experiment, name: str) -> None:
    types = experiment.features.object_types()
    if name not in types:
        raise unknown("object type", name, types)


def _gates(experiment: Experiment, copy: Path) -> None:
    _check_type(experiment, copy.stem)
    GateStore(copy.parent).load(copy.stem)


def _selections(experiment: Experiment, copy: Path) -> None:
    _check_type(experiment, copy.stem)
    SelectionStore(copy.parent).load(copy.stem)


_CHECKS: dict[str, _Check] = {
    "gates": _gates,
    "selections": _selections,
    "pipelines": lambda _, copy: load_pipeline(copy),
    "plate_map.csv": lambda experiment, copy: read_plate_map(copy, experiment.plate_names()),
    "plate_map_history.csv": lambda _, copy: plate_map_history(copy.parent),
}
