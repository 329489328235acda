"""Numbers by which an assay and its hits are judged. Pure functions of values of wells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

Floats = npt.NDArray[np.float64]
_MAD = 1.4826
"""Makes the median deviation of normally distributed values their standard deviation."""


def z_prime(negative: Floats, positive: Floats, *, robust: bool = False) -> float:
    """Z′: 1 - 3 (deviation + deviation) / distance of the controls (Zhang et al., 1999).

    1 is perfect, above 0.5 excellent, below 0 no assay. NaN with fewer than two values of a
    control; -inf where the controls do not differ.
    """
    (a, s), (b, t) = _center(negative, robust), _center(positive, robust)
    return _ratio(abs(a - b) - 3 * (s + t), abs(a - b))


def ssmd(negative: Floats, positive: Floats, *, robust: bool = False) -> float:
    """Strictly standardised mean difference of the positive control (Zhang, 2007)."""
    (a, s), (b, t) = _center(negative, robust), _center(positive, robust)
    return _ratio(b - a, float(np.hypot(s, t)))


def coefficient_of_variation(values: Floats) -> float:
    """Standard deviation in percent of the mean."""
    a, s = _center(values, False)
    return _ratio(100 * s, abs(a))


def percent_of_control(values: Floats, negative: Floats, positive: Floats | None = None) -> Floats:
    """Values in percent of the negative control's mean.

    With a positive control: 0 is the negative and 100 the positive control. NaN without values of a
    control.
    """
    low = _mean(negative)
    if positive is None:
        return np.asarray(100 * values / low) if low else np.full_like(values, np.nan)
    wide = _mean(positive) - low
    return np.asarray(100 * (values - low) / wide) if wide else np.full_like(values, np.nan)


def robust_z(values: Floats, reference: Floats | None = None) -> Floats:
    """(value - median) / (1.4826 × median absolute deviation) of the reference, or of all.

    NaN where the reference does not vary or has fewer than two values.
    """
    middle, wide = _center(values if reference is None else reference, True)
    return np.asarray((values - middle) / wide) if wide > 0 else np.full(values.shape, np.nan)


def _center(values: Floats, robust: bool) -> tuple[float, float]:
    """Mean and standard deviation (n - 1), or their robust kin; NaN for fewer than two values."""
    there = values[np.isfinite(values)]
    if there.size < 2:
        return float("nan"), float("nan")
    if not robust:
        return float(there.mean()), float(there.std(ddof=1))
    middle = float(np.median(there))
    return middle, _MAD * float(np.median(np.abs(there - middle)))


def _mean(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else float("nan")


def _ratio(above: float, below: float) -> float:
    if below:
        return above / below
    return float(np.copysign(np.inf, above)) if above else float("nan")


class DoseResponse(NamedTuple):
    """A fitted curve: bottom + (top - bottom) / (1 + (ec50 / dose) ** slope).

    Attributes
    ----------
    bottom, top
        Response at dose 0 and at high doses, if the slope is positive.
    ec50
        Dose of the response half way.
    slope
        Hill slope; negative where the response falls.
    ec50_low, ec50_high
        Confidence interval of 95 % of the EC50.
    r_squared
        Share of the variance that the curve explains.
    """

    bottom: float
    top: float
    ec50: float
    slope: float
    ec50_low: float
    ec50_high: float
    r_squared: float

    def at(self, dose: Floats) -> Floats:
        """The curve at some doses above 0."""
        return np.asarray(
            self.bottom + (self.top - self.bottom) / (1 + (self.ec50 / dose) ** self.slope)
        )


def fit_dose_response(dose: Floats, response: Floats) -> DoseResponse:
    """Fit the logistic curve of four parameters, by least squares in the logarithm of the dose.

    Parameters
    ----------
    dose, response
        One value a well. Doses of 0 count as a thousandth of the smallest other one.

    Raises
    ------
    InputError
        Fewer than four different doses, a negative dose, a response that does not change, or a
        curve that fits nowhere.
    """
    from scipy.optimize import OptimizeWarning, curve_fit
    from scipy.special import expit
    from scipy.stats import t as student

    there = np.isfinite(dose) & np.isfinite(response)
    dose, response = dose[there].astype(np.float64), response[there].astype(np.float64)
    if (dose < 0).any():
        raise InputError(f"A dose is {dose.min():g}; doses must be 0 or more.")
    if np.unique(dose[dose > 0]).size < 4:
        raise InputError(
            f"A curve needs at least 4 different doses above 0; there are "
            f"{np.unique(dose[dose > 0]).size}."
        )
    if np.ptp(response) == 0:
        raise InputError("The response is the same at all doses, so there is no curve to fit.")
    log = np.log(np.where(dose > 0, dose, dose[dose > 0].min() / 1000))
    low, high = response.min(), response.max()

    def curve(x: Floats, bottom: float, top: float, middle: float, slope: float) -> Floats:
        return np.asarray(bottom + (top - bottom) * expit(slope * (x - middle)))

    import warnings

    best = None
    for sign in (1.0, -1.0):  # a start on the wrong side may never cross over
        start = (low, high, float(np.median(log)), sign)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OptimizeWarning)  # told by an infinite interval
                found, spread = curve_fit(curve, log, response, start, maxfev=20_000)
        except RuntimeError:
            continue
        rest = float(((response - curve(log, *found)) ** 2).sum())
        if best is None or rest < best[0]:
            best = rest, found, spread
    if best is None:
        raise InputError("No curve fits these responses. Look at the wells, or use more doses.")
    rest, (bottom, top, middle, slope), spread = best
    if bottom > top:  # the same curve, named so that the slope tells the direction
        bottom, top, slope = top, bottom, -slope
    freedom = max(response.size - 4, 1)
    half = float(student.ppf(0.975, freedom) * np.sqrt(spread[2, 2]))
    with np.errstate(over="ignore"):
        interval = np.exp([middle - half, middle + half])
    total = float(((response - response.mean()) ** 2).sum())
    return DoseResponse(
        float(bottom), float(top), float(np.exp(middle)), float(slope),
        float(interval[0]), float(interval[1]), 1 - rest / total,
    )  # fmt: skip
