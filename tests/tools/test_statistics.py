from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from napari_tmaps.errors import InputError
from napari_tmaps.tools.statistics import (
    coefficient_of_variation,
    fit_dose_response,
    percent_of_control,
    robust_z,
    ssmd,
    z_prime,
)

NEGATIVE, POSITIVE = np.array([9.0, 10, 11]), np.array([98.0, 100, 102])


def test_controls_by_hand():
    # means 10 and 100, deviations 1 and 2
    assert z_prime(NEGATIVE, POSITIVE) == pytest.approx(1 - 3 * (1 + 2) / 90)
    assert ssmd(NEGATIVE, POSITIVE) == pytest.approx(90 / np.sqrt(5))
    assert coefficient_of_variation(NEGATIVE) == pytest.approx(10)
    assert z_prime(NEGATIVE, POSITIVE, robust=True) == pytest.approx(1 - 3 * 1.4826 * 3 / 90)
    assert percent_of_control(np.array([5.0, 10]), NEGATIVE).tolist() == [50, 100]
    assert percent_of_control(np.array([10.0, 55]), NEGATIVE, POSITIVE).tolist() == [0, 50]


def test_robust_z_is_not_moved_by_hits():
    values = np.array([1.0, 2, 3, 4, 5, 1000])
    wide = median_abs_deviation(values, scale="normal")
    np.testing.assert_allclose(robust_z(values), (values - 3.5) / wide, rtol=1e-4)
    np.testing.assert_allclose(robust_z(np.array([12.0]), NEGATIVE), 2 / 1.4826)


def test_what_cannot_be_worked_out_is_nan():
    one = np.array([1.0, np.nan])
    assert np.isnan(z_prime(one, POSITIVE))
    assert z_prime(NEGATIVE, NEGATIVE) == -np.inf
    assert np.isnan(ssmd(one, one))
    assert np.isnan(coefficient_of_variation(np.array([])))
    assert np.isnan(percent_of_control(NEGATIVE, np.array([]))).all()
    assert np.isnan(robust_z(np.array([3.0, 3, 3]))).all()


@pytest.mark.parametrize("slope", [1.5, -0.8])
def test_a_curve_is_found_again(slope):
    dose = np.repeat([0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30], 3).astype(float)
    truth = 5 + 90 / (1 + (0.7 / dose) ** slope)
    fit = fit_dose_response(dose, truth)
    assert (fit.bottom, fit.top) == pytest.approx((5, 95), rel=1e-4)
    assert (fit.ec50, fit.slope) == pytest.approx((0.7, slope), rel=1e-4)
    assert fit.r_squared == pytest.approx(1)
    random = np.random.default_rng(0)
    fits = [fit_dose_response(dose, truth + random.normal(0, 2, dose.size)) for _ in range(100)]
    covered = sum(noisy.ec50_low < 0.7 < noisy.ec50_high for noisy in fits)
    assert 88 <= covered <= 99  # of 100; 95 are meant
    assert all(noisy.ec50_low < noisy.ec50 < noisy.ec50_high for noisy in fits)
    # Wells without the compound count as a very small dose.
    start = fit_dose_response(np.append(dose, 0.0), np.append(truth, 5 if slope > 0 else 95))
    assert start.ec50 == pytest.approx(0.7, rel=0.2)


@pytest.mark.parametrize(
    ("dose", "response", "match"),
    [
        pytest.param([1, 2, 3, 3], [1, 2, 3, 4], "at least 4 different doses", id="few"),
        pytest.param([-1, 2, 3, 4], [1, 2, 3, 4], "0 or more", id="negative"),
        pytest.param([1, 2, 3, 4], [1, 1, 1, 1], "the same at all doses", id="flat"),
        pytest.param([1, 2, 3, np.nan], [1, 1, 1, 2], "at least 4", id="missing"),
    ],
)
def test_doses_without_a_curve(dose, response, match):
    with pytest.raises(InputError, match=match):
        fit_dose_response(np.array(dose, float), np.array(response, float))
