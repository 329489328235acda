"""Learned models in another process: a tiny stand-in package, called as the real ones are called.

Its functions take what those of the real packages take, and return labels that can be worked out
by hand: the pixels above half of the brightest one, numbered from the left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import psutil
import pytest

from napari_tmaps.errors import InputError, PipelineError
from napari_tmaps.modules import isolated, segment_cellpose, segment_instanseg, segment_stardist
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.userconfig import change_config
from napari_tmaps.pipeline import check, load_pipeline, run_site

CELLPOSE = """
import os, sys, time
import numpy as np
print("a package that prints")
MODEL_NAMES = ["cpsam_v2", "slow", "dies", "fails", "odd", "shape", "lacks"]
LOADED = 0

class CellposeModel:
    gpu = False

    def __init__(self, gpu=False, pretrained_model="cpsam_v2"):
        global LOADED
        LOADED += 1
        self.name, self.wanted = pretrained_model, gpu
        if pretrained_model == "lacks":
            import no_such_part

    def eval(self, x, diameter=None, flow_threshold=0.4, cellprob_threshold=0.0, min_size=15,
             channel_axis=None, do_3D=False, z_axis=None, anisotropy=None):
        print("working", flush=True)
        if self.name == "slow":
            time.sleep(60)
        if self.name == "dies":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(9)
        if self.name == "fails":
            raise ValueError("the weights are bad")
        if self.name == "shape":
            x = x[1:]
        if self.name == "odd":  # says what it was given
            facts = [os.getpid() % 30000, LOADED, x.ndim, channel_axis or 0, do_3D, z_axis or 0,
                     round(10 * (anisotropy or 0)), round(diameter or 0), self.wanted, min_size]
            labels = np.zeros(x.shape[: x.ndim - (channel_axis is not None)], np.uint16)
            labels.flat[: len(facts)] = facts
            return labels, None, None
        plane = x if channel_axis is None else x[..., 0]
        columns = np.indices(plane.shape)[-1] + 1
        return np.where(plane > plane.max() / 2, columns, 0).astype(np.uint16), None, None
"""

STARDIST = """
import numpy as np

class StarDist2D:
    def __init__(self, config, name, basedir):
        self.name = f"{basedir}/{name}"

    @classmethod
    def from_pretrained(cls, name):
        return None if name == "unknown" else cls(None, name, "ready")

    def predict_instances(self, img, prob_thresh=None, nms_thresh=None):
        assert img.max() <= 1 and nms_thresh is None, (img.max(), nms_thresh)
        return (img > (prob_thresh or 0.5)).astype(np.int32) * len(type(self).__name__), {}

class StarDist3D(StarDist2D):
    pass
"""

CSBDEEP = """
import numpy as np

def normalize(x, pmin, pmax):
    low, high = np.percentile(x, [pmin, pmax])
    return np.clip((x - low) / (high - low), 0, 1)
"""

INSTANSEG = """
import numpy as np

class Tensor:
    def __init__(self, array):
        self.array = array

    def cpu(self):
        return self.array

class InstanSeg:
    def __init__(self, model_type, device=None, verbosity=1):
        self.device = device

    def eval_small_image(self, image, pixel_size=None, target="", return_image_tensor=True):
        assert image.dtype == np.float32 and not return_image_tensor
        facts = np.zeros(image.shape[1:], np.float32)
        facts.flat[:3] = [len(image), round(100 * (pixel_size or 0)), len(target)]
        return Tensor(facts[None, None])
"""

PIPELINE = """
name: learned
input:
  channels: [{name: DAPI}]
pipeline:
  - {name: cells, module: segment_cellpose, inputs: {image: DAPI}}
  - {name: register, module: register_objects, inputs: {mask: cells.label_image},
     outputs: {objects: Cells}}
output:
  objects: [{name: Cells}]
"""

IMAGE = np.array([[0, 9, 9, 0, 0, 7], [0, 9, 0, 0, 0, 7]], np.uint16)
LABELS = [[0, 2, 3, 0, 0, 6], [0, 2, 0, 0, 0, 6]]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Another Python, which has the packages; ours has none of them."""
    texts = {
        "cellpose/models.py": CELLPOSE,
        "stardist/models.py": STARDIST,
        "csbdeep/utils.py": CSBDEEP,
        "instanseg/__init__.py": INSTANSEG,
    }
    for name, text in texts.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    python = tmp_path / "python"
    numpy_at = Path(np.__file__).parents[1]
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={tmp_path / "site"}:{numpy_at} exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv("NAPARI_TMAPS_CONFIG", str(tmp_path / "config.json"))
    for package in ("cellpose", "stardist", "instanseg"):
        monkeypatch.setenv(isolated.variable(package), str(python))
    yield python
    isolated.stop_workers()


def odd(*images, **settings):
    """What the stand-in for Cellpose was given."""
    shape = np.broadcast_to(np.zeros(1, np.uint16), (3, 4))
    return segment_cellpose(*(images or (shape,)), model="odd", **settings).ravel()[:10].tolist()


def test_a_pipeline_runs_a_model_in_another_python(packages):
    result = run_site(check(load_pipeline(PIPELINE)), {"DAPI": IMAGE})
    np.testing.assert_array_equal(result.objects["Cells"], LABELS)
    assert result.objects["Cells"].dtype == np.int32


def test_what_cellpose_is_asked(packages):
    _, _, *plane = odd(diameter_px=30.0, min_size_px=7, device="cpu")
    assert plane == [2, 0, 0, 0, 0, 30, 0, 7]
    both = np.ones((3, 4), np.float32)
    assert odd(both, both)[2:] == [3, 2, 0, 0, 0, 0, 1, 15]
    stack = np.ones((2, 3, 4), np.uint8)
    assert odd(stack, pixel_size_um=(2.0, 0.8, 0.8))[2:] == [4, 3, 1, 0, 25, 0, 1, 15]
    assert odd(stack)[6] == 0  # anisotropy that is not known is not made up


def test_one_worker_serves_all_sites_and_ends_when_asked(packages):
    first, again = odd(), odd()
    assert first[:2] == again[:2]  # the same process, and the model loaded once
    (worker,) = isolated._workers.values()
    process = psutil.Process(worker._process.pid)
    isolated.stop_workers()
    assert not process.is_running()
    assert odd()[0] != first[0]


def test_requests_of_several_threads_wait_for_each_other(packages):
    found: dict[int, np.ndarray] = {}

    def ask(n):
        found[n] = segment_cellpose(IMAGE * n)

    threads = [Thread(target=ask, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(isolated._workers) == 1
    assert all(found[n].tolist() == LABELS for n in range(1, 7))


def test_the_worker_ends_with_the_process_that_started_it(packages, tmp_path):
    code = (
        "import os, numpy as np\n"
        "from napari_tmaps.modules import segment_cellpose, isolated\n"
        "segment_cellpose(np.ones((2, 2), np.uint8))\n"
        "(worker,) = isolated._workers.values()\n"
        "print(worker._process.pid, flush=True)\n"
        "os._exit(1)\n"  # as if it was killed: nothing can be tidied up
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    worker = int(done.stdout)
    end = time.monotonic() + 20
    while psutil.pid_exists(worker) and time.monotonic() < end:
        if psutil.Process(worker).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        assert not psutil.pid_exists(worker)


def test_stardist(packages, tmp_path):
    assert segment_stardist(IMAGE).tolist() == np.where(LABELS, 10, 0).tolist()
    assert segment_stardist(IMAGE, probability_threshold=0.9).astype(bool).sum() == 3
    assert segment_stardist(np.stack([IMAGE, IMAGE]), device="cpu").shape == (2, 2, 6)
    (tmp_path / "mine").mkdir()
    assert segment_stardist(IMAGE, model=str(tmp_path / "mine")).any()
    with pytest.raises(InputError, match="no model 'unknown' of the kind StarDist2D"):
        segment_stardist(IMAGE, model="unknown")
    with pytest.raises(InputError, match="'low_percentile' is 50, but must be below"):
        segment_stardist(IMAGE, low_percentile=50.0, high_percentile=50.0)
    with pytest.raises(InputError, match=r"StarDist in '.*' lacks a package: .*tensorflow"):
        segment_stardist(IMAGE, device="gpu")


def test_instanseg(packages):
    found = segment_instanseg(IMAGE, IMAGE, target="cells", pixel_size_um=(None, 0.65, 0.65))
    assert found.ravel()[:3].tolist() == [2, 65, 5]
    assert segment_instanseg(IMAGE).ravel()[:3].tolist() == [1, 0, 6]
    with pytest.raises(InputError, match="takes planes"):
        segment_instanseg(np.stack([IMAGE, IMAGE]))


FAULTS = [
    pytest.param(
        {"model": "fails"}, PipelineError, "failed with ValueError: the weights", id="fails"
    ),
    pytest.param({"model": "dies"}, PipelineError, "said last: out of memory", id="dies"),
    pytest.param({"model": "shape"}, InputError, r"labels of shape \(1, 6\)", id="shape"),
    pytest.param(
        {"model": "slow", "timeout_s": 1}, PipelineError, "took longer than 1 s", id="slow"
    ),
    pytest.param({"model": "lacks"}, InputError, "lacks a package: .*no_such_part", id="lacks"),
    pytest.param({"model": "nothing"}, InputError, "no model 'nothing'. It has: cpsam", id="name"),
    pytest.param({"device": "gpu"}, InputError, "Cellpose found no GPU", id="gpu"),
]


@pytest.mark.parametrize(("settings", "kind", "message"), FAULTS)
def test_a_fault_is_told_and_the_next_request_works(packages, settings, kind, message):
    with pytest.raises(kind, match=message):
        segment_cellpose(IMAGE, **settings)
    assert segment_cellpose(IMAGE).tolist() == LABELS


WRONG = [
    pytest.param((IMAGE[0],), "has the shape", id="1-d"),
    pytest.param((IMAGE.astype(np.int64),), "pixels of type int64", id="type"),
    pytest.param((IMAGE, IMAGE[:1]), "'second_image' has", id="shapes"),
    pytest.param((np.full((2, 2), np.nan, np.float32),), "NaN or infinite", id="not-finite"),
]


@pytest.mark.parametrize(("images", "message"), WRONG)
def test_images_that_do_not_fit_are_refused(packages, images, message):
    with pytest.raises(InputError, match=message):
        segment_cellpose(*images)


def test_a_missing_package_is_named_before_any_image(packages, monkeypatch, tmp_path):
    monkeypatch.delenv("NAPARI_TMAPS_CELLPOSE_PYTHON")
    monkeypatch.setattr(isolated, "find_spec", lambda name: None)
    words = r'pip install "napari-tmaps\[cellpose\]".*NAPARI_TMAPS_CELLPOSE_PYTHON'
    with pytest.raises(PipelineError, match=words):
        check(load_pipeline(PIPELINE))
    with pytest.raises(InputError, match=words):
        segment_cellpose(IMAGE)
    change_config(python={"cellpose": str(packages)})
    check(load_pipeline(PIPELINE))
    assert segment_cellpose(IMAGE).tolist() == LABELS
    change_config(python={"cellpose": str(tmp_path)})
    with pytest.raises(PipelineError, match=r"'.*', which is no program. Mend NAPARI_TMAPS_CELL"):
        check(load_pipeline(PIPELINE))


def test_the_other_python_lacks_the_package(packages, tmp_path):
    os.rename(tmp_path / "site" / "cellpose", tmp_path / "site" / "elsewhere")
    with pytest.raises(InputError, match=r"Cellpose is not installed in '.*python'"):
        segment_cellpose(IMAGE)


def test_an_interpreter_that_cannot_start(packages):
    packages.write_text("no program\n")
    with pytest.raises(PipelineError, match=r"cannot be started|ended unexpectedly"):
        segment_cellpose(IMAGE)


def test_a_model_of_ones_own_is_part_of_the_recipe(tmp_path):
    spec = describe(segment_cellpose)
    path = tmp_path / "weights"
    assert spec.recipe({"model": "cpsam_v2"}) == spec.version
    path.write_bytes(b"1")
    before = spec.recipe({"model": str(path)})
    path.write_bytes(b"12")
    assert spec.recipe({"model": str(path)}) != before
    assert spec.recipe({"model": str(tmp_path)}) != spec.version
