"""Learned models that run in a process of their own, in this Python or another one.

A worker is started at the first request, serves all further ones of this process, and ends with
it. See model_worker.py for what happens on the other side, and for the protocol.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError, PipelineError
from napari_tmaps.model.kinds import Needs
from napari_tmaps.modules import model_worker
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.userconfig import config_path, read_config

Device = Literal["auto", "cpu", "gpu"]
"""Setting: what the model runs on; auto takes a GPU where there is one."""

_TITLES = {"cellpose": "Cellpose", "stardist": "StarDist", "instanseg": "InstanSeg"}
_START = Path(model_worker.__file__)


def variable(package: str) -> str:
    """Environment variable that names the interpreter for a package."""
    return f"NAPARI_TMAPS_{package.upper()}_PYTHON"


def interpreter(package: str) -> str:
    """The Python that shall run a package: from the environment, the settings, or this one."""
    return os.environ.get(variable(package)) or read_config().python.get(package) or sys.executable


def missing(package: str) -> str:
    """Why a package cannot be run here, as a sentence; empty if nothing speaks against it.

    Another interpreter is only looked for: whether it has the package is found when it is started.
    """
    python = interpreter(package)
    if python != sys.executable:
        if os.access(python, os.X_OK) and Path(python).is_file():
            return ""
        return (
            f"The Python that should run {_TITLES[package]} is '{python}', which is no program. "
            f"Mend {variable(package)}, or 'python' in '{config_path()}'."
        )
    return "" if find_spec(package) else _install(package, python)


def _install(package: str, python: str) -> str:
    return (
        f"{_TITLES[package]} is not installed in '{python}'. Install it there (for this program: "
        f'pip install "napari-tmaps[{package}]"), or name a Python that has it in the environment '
        f"variable {variable(package)}, or with: tmaps modules --python {package}=PATH."
    )


def segment(
    package: str,
    images: Sequence[npt.NDArray[Any]],
    settings: Mapping[str, Any],
    *,
    timeout_s: float,
) -> npt.NDArray[np.int32]:
    """Labels of an image by a model of a package.

    Parameters
    ----------
    images
        Channels of one shape, ([z,] y, x).
    settings
        As the worker wants them for this package.
    timeout_s
        How long the model may take, loading included.

    Raises
    ------
    InputError
        The package is missing where it should run, or it refuses the request.
    PipelineError
        The model failed, died or took too long.
    """
    fault = missing(package)
    if fault:
        raise InputError(fault)
    python = interpreter(package)
    # What decides on the GPU must be known before the package is loaded.
    key = (package, python, str(settings["device"]))
    with _lock:
        if not _workers:
            atexit.register(stop_workers)
        worker = _workers.setdefault(key, _Worker(package, python))
    header, arrays = worker.ask({"package": package, "settings": dict(settings)}, images, timeout_s)
    if "missing" in header:
        if header["missing"].split(".")[0] == package:
            raise InputError(_install(package, python))
        raise InputError(f"{_TITLES[package]} in '{python}' lacks a package: {header['error']}.")
    if "traceback" in header:
        raise PipelineError(f"{_TITLES[package]} failed with {header['error']}")
    if "error" in header:
        raise InputError(header["error"])
    return arrays[0].copy()


def needs(package: str) -> Needs:
    """What the module of a package needs: the package, and the file of a model of one's own."""

    def problems(settings: Mapping[str, Any]) -> dict[str, str]:
        fault = missing(package)
        return {"": fault} if fault else {}

    return Needs(problems, lambda settings: _model_digest(str(settings["model"])))


def _model_digest(model: str) -> str:
    """Hash of the files of a model of one's own; the names of ready models stay as they are."""
    path = Path(model)
    if not model or not path.exists():
        return ""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    facts = [(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def check_images(images: Mapping[str, npt.NDArray[Any]], *, stacks: bool) -> None:
    """Refuse images that no model can take.

    Raises
    ------
    InputError
        Other axes or pixels, pixels that are not finite, or different shapes.
    """
    for name, image in images.items():
        if image.ndim not in ((2, 3) if stacks else (2,)) or image.size == 0:
            raise InputError(
                f"'{name}' has the shape {image.shape}, but this module takes planes (y, x)"
                + (" or stacks (z, y, x)." if stacks else "; use 'project' for a stack.")
            )
        if image.dtype.name not in ("uint8", "uint16", "float32"):
            raise InputError(
                f"'{name}' has pixels of type {image.dtype}, but intensities must be uint8, uint16 "
                "or float32; convert the image first."
            )
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise InputError(
                f"'{name}' has pixels that are NaN or infinite. Replace them first, e.g. by the "
                "background."
            )
    check_same_shape(**images)


class _Worker:
    """One process; requests wait for each other."""

    def __init__(self, package: str, python: str) -> None:
        self._title = _TITLES[package]
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._lock = Lock()

    def ask(
        self, header: dict[str, Any], images: Sequence[npt.NDArray[Any]], timeout_s: float
    ) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Header and arrays of the answer."""
        with self._lock:
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            late = Timer(timeout_s, process.kill)
            late.daemon = True
            late.start()
            try:
                model_worker.write(process.stdin, header, images)
                answer = model_worker.read(process.stdout)
            except (OSError, ValueError):  # it ended in the middle
                answer = None
            finally:
                in_time = late.is_alive()
                late.cancel()
            if answer is not None:
                return answer
            said = self._end()
            if not in_time:
                raise PipelineError(
                    f"{self._title} took longer than {timeout_s:g} s and was stopped. Allow more "
                    "with 'timeout_s', or use a GPU or a smaller image."
                )
            raise PipelineError(
                f"The process that runs {self._title} ('{self._python}') ended unexpectedly, "
                f"perhaps for want of memory. It said last: {said or 'nothing'}"
            )

    def end(self) -> None:
        """End the process; a request under way fails."""
        if self._process is not None:
            self._process.kill()
        with self._lock:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            try:
                self._process = subprocess.Popen(
                    [self._python, str(_START)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._log,
                )
            except OSError as error:
                raise PipelineError(
                    f"'{self._python}', which should run {self._title}, cannot be started: {error}."
                ) from error
        return self._process

    def _end(self) -> str:
        """Give the process back; the last line that it said."""
        said = ""
        if self._log is not None:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines()
            said = lines[-1] if lines else ""
            self._log.close()
            self._log = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was still to be sent goes nowhere
                        pipe.close()
            self._process = None
        return said


_workers: dict[tuple[str, str, str], _Worker] = {}
_lock = Lock()


def stop_workers() -> None:
    """End all workers; the next request starts a new one."""
    with _lock:
        workers = list(_workers.values())
        _workers.clear()
    for worker in workers:
        worker.end()
