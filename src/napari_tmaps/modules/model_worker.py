"""Runs a learned model in another Python: this file is started there as a program.

It needs nothing but numpy and the package of the model; nothing of napari-tmaps is imported, and
the file keeps to what Python 3.9 understands.

Protocol, both ways: 4 bytes (big endian) with the length of a header, the header (JSON), then the
bytes of each array that the header lists under "arrays" as {"dtype", "shape"}. A request has
"package" and "settings"; the answer has one array of labels, or "error" and "traceback". The worker
ends when its input ends, that is, when the process that started it does.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

if __name__ == "__main__":
    # The folder of this file has neighbours named like packages of other people.
    sys.path.pop(0)

import numpy as np

MODELS: dict[Any, Any] = {}


class Refused(Exception):
    """A message for the user, without a traceback."""


def kept(key: Any, make: Callable[[], Any]) -> Any:
    """A model that was loaded for the request before, or a new one."""
    if key not in MODELS:
        MODELS.clear()  # models are large
        MODELS[key] = make()
    return MODELS[key]


def cellpose(arrays: Sequence[np.ndarray[Any, Any]], settings: dict[str, Any]) -> Any:
    """Labels by Cellpose (CellposeModel.eval); channels become the last axis."""
    from cellpose import models

    name, device = settings["model"], settings["device"]
    own = getattr(models, "get_user_models", list)
    known = [*getattr(models, "MODEL_NAMES", []), *own()]
    # Cellpose itself would take another model instead, and go on.
    if name and not os.path.exists(name) and name not in known:
        raise Refused(
            f"Cellpose has no model '{name}'. It has: {', '.join(known)}, or give a file."
        )

    def make() -> Any:
        chosen = {"pretrained_model": name} if name else {}
        return models.CellposeModel(gpu=device != "cpu", **chosen)

    model = kept((name, device), make)
    if device == "gpu" and not model.gpu:
        raise Refused("Cellpose found no GPU. Choose the device 'auto' or 'cpu'.")
    stack = arrays[0].ndim == 3
    options = {
        "diameter": settings["diameter_px"] or None,
        "flow_threshold": settings["flow_threshold"],
        "cellprob_threshold": settings["cellprob_threshold"],
        "min_size": settings["min_size_px"],
    }
    if stack:
        options.update(do_3D=True, z_axis=0, anisotropy=settings["anisotropy"] or None)
    image = arrays[0]
    if len(arrays) > 1 or stack:
        image = np.stack(arrays, axis=-1)
        options["channel_axis"] = image.ndim - 1
    return model.eval(image, **options)[0]


def stardist(arrays: Sequence[np.ndarray[Any, Any]], settings: dict[str, Any]) -> Any:
    """Labels by StarDist (predict_instances), intensities normalised to quantiles."""
    if settings["device"] == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from csbdeep.utils import normalize
    from stardist import models

    if settings["device"] == "gpu":
        import tensorflow

        if not tensorflow.config.list_physical_devices("GPU"):
            raise Refused("TensorFlow found no GPU. Choose the device 'auto' or 'cpu'.")
    image = arrays[0]
    kind = models.StarDist3D if image.ndim == 3 else models.StarDist2D
    name = settings["model"] or ("3D_demo" if image.ndim == 3 else "2D_versatile_fluo")

    def make() -> Any:
        if os.path.isdir(name):
            folder, base = os.path.split(os.path.abspath(name))
            return kind(None, name=base, basedir=folder)
        return kind.from_pretrained(name)

    model = kept((name, kind.__name__, settings["device"]), make)
    if model is None:
        MODELS.clear()
        raise Refused(f"StarDist has no model '{name}' of the kind {kind.__name__}.")
    scaled = normalize(image, settings["low_percentile"], settings["high_percentile"])
    return model.predict_instances(
        scaled,
        prob_thresh=settings["probability_threshold"] or None,
        nms_thresh=settings["overlap_threshold"] or None,
    )[0]


def instanseg(arrays: Sequence[np.ndarray[Any, Any]], settings: dict[str, Any]) -> Any:
    """Labels by InstanSeg (eval_small_image)."""
    import instanseg as package

    name, device = settings["model"] or "fluorescence_nuclei_and_cells", settings["device"]
    if device == "gpu":
        import torch

        if not torch.cuda.is_available():
            raise Refused("PyTorch found no GPU. Choose the device 'auto' or 'cpu'.")
    where = {"auto": None, "gpu": "cuda", "cpu": "cpu"}[device]
    model = kept((name, device), lambda: package.InstanSeg(name, device=where, verbosity=0))
    found = model.eval_small_image(
        np.stack(arrays).astype(np.float32),
        pixel_size=settings["pixel_size_um"] or None,
        target=settings["target"],
        return_image_tensor=False,
    )
    labels = np.asarray(found.cpu() if hasattr(found, "cpu") else found)
    return labels.reshape(-1, *arrays[0].shape)[0]


PACKAGES = {"cellpose": cellpose, "stardist": stardist, "instanseg": instanseg}


def answer(header: dict[str, Any], arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The labels of one request, int32."""
    labels = np.asarray(PACKAGES[header["package"]](arrays, header["settings"]))
    if labels.shape != arrays[0].shape:
        raise Refused(
            f"The model returned labels of shape {labels.shape} for an image of {arrays[0].shape}."
        )
    return np.ascontiguousarray(labels.astype(np.int32))


def read(stream: IO[bytes]) -> tuple[dict[str, Any], list[np.ndarray[Any, Any]]] | None:
    """The next message: header and arrays; None at the end of the stream."""
    size = stream.read(4)
    if len(size) < 4:
        return None
    header = json.loads(stream.read(struct.unpack(">I", size)[0]))
    arrays = []
    for spec in header.get("arrays", []):
        dtype = np.dtype(spec["dtype"])
        count = int(np.prod(spec["shape"], dtype=np.int64))
        data = stream.read(count * dtype.itemsize)
        arrays.append(np.frombuffer(data, dtype).reshape(spec["shape"]))
    return header, arrays


def write(
    stream: IO[bytes], header: dict[str, Any], arrays: Sequence[np.ndarray[Any, Any]] = ()
) -> None:
    """Send a message."""
    specs = [{"dtype": array.dtype.str, "shape": array.shape} for array in arrays]
    data = json.dumps({**header, "arrays": specs}).encode()
    stream.write(struct.pack(">I", len(data)) + data)
    for array in arrays:
        stream.write(np.ascontiguousarray(array).data)
    stream.flush()


def main() -> None:
    """Answer requests until the input ends."""
    source = sys.stdin.buffer
    # Packages print on the standard output; that goes to the log, the protocol has its own.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        request = read(source)
        if request is None:
            return
        try:
            labels = answer(*request)
        except ModuleNotFoundError as error:
            write(target, {"missing": error.name or "", "error": str(error)})
        except Refused as error:
            write(target, {"error": str(error)})
        except Exception as error:  # noqa: BLE001 - told to the process that asked
            text = f"{type(error).__name__}: {error}"
            write(target, {"error": text, "traceback": traceback.format_exc()})
        else:
            write(target, {}, [labels])


if __name__ == "__main__":
    main()
