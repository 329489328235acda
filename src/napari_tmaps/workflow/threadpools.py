"""Keep numerical libraries from starting threads of their own where many jobs run at a time."""

from __future__ import annotations

import os
from typing import Any

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLOSC_NTHREADS",
)
_limits: dict[int, Any] = {}


def limit_environment(cores: int = 1) -> dict[str, str]:
    """Environment variables that limit libraries which are not loaded yet."""
    return dict.fromkeys(_VARIABLES, str(cores))


def limit_this_process(cores: int = 1) -> None:
    """Limit the libraries of this process, loaded or not; it must run one job at a time."""
    if cores in _limits:
        return
    os.environ.update(limit_environment(cores))
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _limits.clear()  # a limit ends with its object
    _limits[cores] = threadpool_limits(cores)
