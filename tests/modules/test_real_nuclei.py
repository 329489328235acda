"""Nuclei of real microscopes against the outlines that experts drew."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_tmaps.modules import fill, label, separate_clumps, smooth, threshold_otsu

# Twelve images of BBBC038: sparse and dense, large and small nuclei, several microscopes.
IMAGES = (
    "876423522bde",
    "3f9fc8e63f87",
    "866a8cba7bfe",
    "5bb8508ff8ec",
    "7f2b15454116",
    "afa272dc0182",
    "bbfc4aab5645",
    "ad9d305cbf19",
    "094afe36759e",
    "a65bbfc5673e",
    "0532c64c2fd0",
    "da31f2aa8601",
)


def segment(image: np.ndarray) -> np.ndarray:
    mask = fill(threshold_otsu(smooth(image, filter_size=1)))
    return separate_clumps(
        label(mask), min_area=100, min_cut_area=50, max_convexity=0.95, max_circularity=0.9
    )


def match(truth: np.ndarray, found: np.ndarray) -> tuple[int, int]:
    """Pairs whose intersection over union exceeds one half, and objects of both images."""
    together = np.zeros((truth.max() + 1, found.max() + 1))
    np.add.at(together, (truth.ravel(), found.ravel()), 1)
    union = together.sum(1)[1:, None] + together.sum(0)[None, 1:] - together[1:, 1:]
    pairs = (together[1:, 1:] > 0.5 * union).sum()
    return int(pairs), np.unique(truth[truth > 0]).size + int(found.max())


def f1(images: list[tuple[Path, Path]]) -> float:
    counts = [match(tifffile.imread(t), segment(tifffile.imread(i))) for i, t in images]
    return 2 * sum(pairs for pairs, _ in counts) / sum(objects for _, objects in counts)


def test_nuclei_of_the_data_science_bowl(shared_data):
    """F1 at IoU 0.5 with one setting for all; 0.78 without cutting clumps."""
    folder = shared_data / "dsb2018_bbbc038" / "share"
    if not folder.is_dir():
        pytest.skip("needs the images of BBBC038")
    pairs = [(folder / f"{name}_img.tif", folder / f"{name}_label.tif") for name in IMAGES]
    assert f1(pairs) > 0.87  # measured: 0.879


@pytest.fixture(scope="module")
def quality():
    """The script that compares ready pipelines with steps of CellProfiler."""
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("quality")
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "step", "f1"),
    [
        pytest.param("BBBC038", 12, 0.85, id="bbbc038"),  # of all 85 images: 0.896, peer 0.778
        pytest.param("StarDist img2d", 1, 0.78, id="stardist"),  # 0.791, peer 0.698
        pytest.param("ngio cardio", 1, 0.92, id="cardio"),  # 0.941, peer 0.836
        pytest.param("cytomapper IMC", 1, 0.45, id="imc"),  # 0.472, peer 0.318
        pytest.param("ExampleHuman", 1, 0.92, id="human"),  # 0.929, peer 0.909
        pytest.param("NF1 Schwann cells", 1, 0.87, id="schwann"),  # 0.880, peer 0.768
        pytest.param("ExampleSpeckles", 1, 0.85, id="speckles"),  # 0.857, peer 0.316
    ],
)
def test_ready_pipelines_beside_steps_of_cellprofiler(quality, shared_data, name, step, f1):
    annotated = quality.SETS[name]
    pairs = list(annotated.pairs(shared_data))[::step]
    if not pairs:
        pytest.skip(f"needs the images of {name}")
    ours, peer = quality.compare(annotated, pairs)
    assert ours.f1(0.5) > max(f1, peer.f1(0.5))
    assert ours.f1(0.7) > peer.f1(0.7)
    assert ours.average_precision > peer.average_precision


def test_scores_are_counted_by_hand(quality):
    """Two true objects of 10 pixels: one found with 8 of them, the other missed; one is false."""
    truth, found = np.zeros((3, 30), np.int32), np.zeros((3, 30), np.int32)
    truth[0, :10], truth[2, :10] = 1, 2
    found[0, 2:10], found[1, 20:] = 7, 9
    score = quality.score(iter([(truth, found), (truth, truth)]))
    assert (score.true, score.found) == (4, 4)
    assert score.f1(0.5) == pytest.approx(2 * 3 / 8)
    assert score.f1(0.85) == pytest.approx(2 * 2 / 8)
    precision = [3 / 5] * 7 + [2 / 6] * 3  # up to 0.8, and above
    assert score.average_precision == pytest.approx(np.mean(precision))
