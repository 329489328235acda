"""A pipeline run on one site into a folder, with all that is made on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.cache import Value
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.figure import Picture, step_picture
from napari_tmaps.pipeline.run import SiteResult, StepResult, iter_site
from napari_tmaps.streams.atomic import disk_errors, write_text

Array = npt.NDArray[Any]


def debug_site(
    checked: CheckedPipeline,
    images: Mapping[str, Array],
    objects: Mapping[str, Array] | None,
    folder: str | Path,
    *,
    size_px: int = 1024,
) -> Iterator[Progress]:
    """Run a pipeline on one site and write everything that it makes into a folder.

    `<number>_<step>.png`: a picture of what the step made, over the image. `<number>_<item>.tif`:
    each output of the step, whole. `<type>.tif` and `<type>.csv`: labels and features of the
    objects. `log.json`: time, settings and counts of each step, and the error if one failed;
    what was made until then is kept.

    Parameters
    ----------
    folder
        Made if needed; files of the same names are replaced. Nothing else is written.
    size_px
        Longest side of a picture.

    Yields
    ------
    Progress
        One for each step done; a step that failed is the last, with its error.

    Raises
    ------
    MissingError, PipelineError
        The images do not fit; see `run_site`.
    StorageError
        The disk refused.
    """
    folder = Path(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    items: dict[str, Value] = {**images, **(objects or {})}
    log: dict[str, Any] = {"pipeline": checked.description.name, "steps": [], "error": ""}
    total = len(checked.steps)
    run = iter_site(checked, images, objects)
    while True:
        try:
            done = next(run)
        except StopIteration as end:
            write_objects(end.value, folder)
            break
        except TmapsError as error:
            number = len(log["steps"])
            log["error"] = str(error)
            _write_log(log, folder)
            if number == total or not str(error).startswith(str(checked.steps[number])):
                raise  # the images or the tables, not a step
            name = checked.steps[number].name
            yield Progress(name, number, total, str(error), failed=True)
            return
        items.update(done.values)
        log["steps"].append(_logged(done))
        _write_step(checked, done, items, folder, size_px)
        yield Progress(done.step.name, len(log["steps"]), total)
    _write_log(log, folder)


def write_picture(picture: Picture, path: str | Path) -> None:
    """Write a picture, uint8 (y, x, 3), as PNG.

    Raises
    ------
    StorageError
        The disk refused.
    """
    import imagecodecs

    with disk_errors(Path(path)):
        Path(path).write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def _write_step(
    checked: CheckedPipeline,
    done: StepResult,
    items: Mapping[str, Value],
    folder: Path,
    size_px: int,
) -> None:
    picture = step_picture(checked, done.step, items, size_px)
    if picture is not None:
        write_picture(picture, folder / f"{_numbered(done.step)}.png")
    for item, value in done.values.items():
        path = folder / f"{done.step.number:02d}_{item}"
        if isinstance(value, pd.DataFrame):
            _write_table(value, path.with_name(f"{path.name}.csv"))
        else:
            write_image(value, path.with_name(f"{path.name}.tif"))


def write_image(value: Array, path: str | Path) -> None:
    """Write an image, a mask (as 0 and 255) or labels as TIFF.

    Raises
    ------
    StorageError
        The disk refused.
    """
    import tifffile

    if value.dtype == bool:
        value = value.astype(np.uint8) * np.uint8(255)
    with disk_errors(Path(path)):
        tifffile.imwrite(path, value, compression="zlib", photometric="minisblack")


def write_objects(result: SiteResult, folder: str | Path) -> list[Path]:
    """Write labels (`<type>.tif`) and features (`<type>.csv`) of all objects; returns the files.

    Raises
    ------
    StorageError
        The disk refused.
    """
    folder = Path(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, labels in result.objects.items():
        files += [folder / f"{name}.tif", folder / f"{name}.csv"]
        write_image(labels, files[-2])
        _write_table(result.tables[name], files[-1])
    return files


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index_label="label"))


def _write_log(log: Mapping[str, Any], folder: Path) -> None:
    write_text(folder / "log.json", json.dumps(log, indent=2, default=str, ensure_ascii=False))


def _numbered(step: Step) -> str:
    return f"{step.number:02d}_{step.name}"


def _logged(done: StepResult) -> dict[str, Any]:
    return {
        "number": done.step.number,
        "name": done.step.name,
        "module": done.step.spec.name,
        "inputs": dict(done.step.inputs),
        "settings": dict(done.step.settings),
        "seconds": round(done.seconds, 4),
        "outputs": {item: _facts(value) for item, value in done.values.items()},
    }


def _facts(value: Value) -> dict[str, Any]:
    if isinstance(value, pd.DataFrame):
        return {"objects": len(value), "features": len(value.columns)}
    facts: dict[str, Any] = {"shape": list(value.shape), "dtype": value.dtype.name}
    if value.dtype == bool:
        return facts | {"foreground": round(float(value.mean()), 6)}
    if value.dtype == np.int32:
        return facts | {"objects": len(np.setdiff1d(np.unique(value), [0]))}
    return facts | {"minimum": float(value.min()), "maximum": float(value.max())}
