"""Which measured shifts are to be trusted, and what stands for the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

FAR = 6.0
"""A shift further than this many (robust) standard deviations from the others of its plate is
doubted, if its images also fit worse than most."""
_LEAST_SPREAD_PX = 1.0
_WORSE = 0.8  # than the median quality of the plate


def repaired(measured: pd.DataFrame, *, min_quality: float, max_shift: float) -> pd.DataFrame:
    """Shifts with their state, those that are not to be trusted replaced.

    A shift that is doubted becomes the median of the good ones of its well and cycle, else of its
    plate and cycle, else 0: the stage comes back alike everywhere, but for single slips.

    Parameters
    ----------
    measured
        plate, well, site, cycle, measured_y_px, measured_x_px, quality (NaN for the reference).
    min_quality
        Images that correlate less do not show the same.
    max_shift
        Pixels along each axis; 0 means no limit.

    Returns
    -------
    DataFrame
        The same rows with y_px, x_px and state.
    """
    table = measured.reset_index(drop=True)
    shift = table[["measured_y_px", "measured_x_px"]].to_numpy(float)
    quality = table["quality"].to_numpy(float)
    reference = np.isnan(quality)
    good = ~reference & (quality >= min_quality)
    if max_shift > 0:
        good &= np.abs(shift).max(axis=1) <= max_shift
    groups = [group.to_numpy() for group in table.groupby(["plate", "cycle"]).groups.values()]
    for rows in groups:
        sure = rows[good[rows]]
        if len(sure) < 3:
            continue
        distance = np.abs(shift[sure] - np.median(shift[sure], axis=0)).max(axis=1)
        spread = max(1.4826 * float(np.median(distance)), _LEAST_SPREAD_PX)
        worse = quality[sure] < _WORSE * np.median(quality[sure])
        good[sure[(distance > FAR * spread) & worse]] = False
    final = np.where(good[:, None], shift, 0.0)
    state = np.select([reference, good], ["reference", "measured"], "unknown").astype(object)
    for rows in groups:
        wells = table.loc[rows, "well"].to_numpy()
        sure = good[rows]
        for row, well in zip(rows[~sure], wells[~sure], strict=True):
            if reference[row]:
                continue
            near = rows[sure & (wells == well)]
            near = near if len(near) else rows[sure]
            if len(near):
                final[row], state[row] = np.median(shift[near], axis=0), "repaired"
    return table.assign(y_px=final[:, 0], x_px=final[:, 1], state=state.astype(str))
