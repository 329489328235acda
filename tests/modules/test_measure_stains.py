"""Columns and refusals of the modules for colocalisation and radial distribution."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.modules import measure_colocalisation, measure_radial_distribution

LABELS = np.zeros((12, 16), np.int32)
LABELS[1:9, 1:7], LABELS[2:11, 7:15] = 5, 2
STAIN = np.random.default_rng(3).integers(0, 250, LABELS.shape, np.uint8)
OTHER = np.random.default_rng(4).integers(0, 4000, LABELS.shape, np.uint16)


@pytest.mark.parametrize("labels", [LABELS, LABELS * 0], ids=["two", "none"])
def test_columns(labels):
    table = measure_radial_distribution(labels, labels, STAIN, rings=2)
    assert list(table) == [
        f"RadialDistribution_{name}-{ring}-of-2"
        for name in ("fraction", "mean-fraction", "variation")
        for ring in (1, 2)
    ]
    with_moments = measure_radial_distribution(labels, labels, STAIN, measure_zernike=True)
    assert with_moments.shape == (len(table), 12 + 49)
    pairs = measure_colocalisation(labels, labels, STAIN, OTHER)
    names = ("pearson", "manders_1", "costes_2")
    assert list(pairs)[::5] == [f"Colocalisation_{name}" for name in names]
    assert pairs.shape == (len(table), 11)


def test_values_stand_under_their_own_names():
    image = np.where(LABELS, 10, 0).astype(np.uint8)
    image[5, 10:12] = 200
    row = measure_radial_distribution(LABELS, LABELS, image, measure_zernike=True).loc[2]
    assert row["RadialDistribution_mean-fraction-1-of-4"] > 2
    assert row["RadialDistribution_mean-fraction-4-of-4"] < 1
    assert row["RadialDistribution_Zernike-0-0"] == pytest.approx(image[LABELS == 2].mean())
    itself = measure_colocalisation(LABELS, LABELS, STAIN, STAIN).loc[2]
    assert itself[:9].tolist() == pytest.approx([1] * 9)
    assert itself["Colocalisation_costes_1"] == itself["Colocalisation_costes_2"] > 0.5
    turned = measure_colocalisation(LABELS, LABELS, OTHER, STAIN)
    straight = measure_colocalisation(LABELS, LABELS, STAIN, OTHER)
    for name in ("manders", "k", "rank_weighted", "costes"):
        assert turned[f"Colocalisation_{name}_1"].equals(
            straight[f"Colocalisation_{name}_2"].rename(f"Colocalisation_{name}_1")
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: measure_radial_distribution(LABELS, LABELS, STAIN / 2), "float64", id="type"
        ),
        pytest.param(
            lambda: measure_radial_distribution(LABELS, LABELS, STAIN[1:]),
            "'intensity_image' has",
            id="shape",
        ),
        pytest.param(
            lambda: measure_colocalisation(LABELS, LABELS, STAIN, OTHER / 2),
            "other image has pixels of type float64",
            id="other-type",
        ),
        pytest.param(
            lambda: measure_colocalisation(LABELS, LABELS, STAIN, OTHER[1:]),
            "'other_image' has",
            id="other-shape",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
