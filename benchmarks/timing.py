"""Contests: our way of doing something beside another, in turns, on the same data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Literal

# One core each: who may use two while the other uses one wins for the wrong reason, and BLAS
# threads in loops over objects cost far more than they bring. To be set before numpy is imported.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "BLOSC_NTHREADS",
    ),
    "1",
)


@dataclass(frozen=True)
class Contest:
    """Two ways to do one thing.

    Attributes
    ----------
    peer_name
        The other way, in words.
    ours, peer
        What is timed; returns what `accuracy` compares.
    accuracy
        From the results of ours and the peer to one number.
    accuracy_is
        What that number is, e.g. "F1".
    peer_accuracy
        The same number for the peer alone, where it has one.
    peer_share
        Part of the work that the peer does, where all of it would take too long; its time is
        divided by it.
    floor
        The least that has to happen, e.g. reading the bytes; its time is the physical limit.
    before
        What is done before each turn, and not timed, e.g. make room on the disk.
    in_this_process
        False if ours works in another process, whose memory cannot be watched from here.
    clock
        "cpu": time that this process was at work, which other programs on the machine hardly
        change; for what only computes, on one thread. "wall": time that passed, for what waits
        for disks, threads or other processes. "told": the seconds that ours and the peer return,
        where they know better than who waits for them.
    """

    peer_name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    accuracy: Callable[[Any, Any], float]
    accuracy_is: str
    peer_accuracy: Callable[[Any], float] | None = None
    peer_share: float = 1.0
    floor: Callable[[], Any] | None = None
    before: Callable[[], Any] | None = None
    in_this_process: bool = True
    clock: Literal["cpu", "wall", "told"] = "wall"


def measure(name: str, contest: Contest, rounds: int) -> dict[str, Any]:
    """Hold a contest: all take turns, round by round, after one round that does not count.

    Returns the row of results.json: medians of the rounds, in seconds.
    """
    our_result = contest.ours()  # compiles, fills caches
    memory_mb = _peak_memory_mb(contest.ours) if contest.in_this_process else None
    peer_result = contest.peer()
    seconds: dict[str, list[float]] = {"ours": [], "peer": [], "floor": []}
    contenders = {"ours": contest.ours, "peer": contest.peer, "floor": contest.floor}
    now = process_time if contest.clock == "cpu" else perf_counter
    for turn in range(rounds):
        # who comes first changes, so that nobody always finds the cache cold
        for who in sorted(contenders, reverse=bool(turn % 2)):
            action = contenders[who]
            if action is not None:
                if contest.before is not None:
                    contest.before()
                begin = now()
                result = action()
                passed = now() - begin
                seconds[who].append(result if contest.clock == "told" else passed)
    ours, peer = median(seconds["ours"]), median(seconds["peer"]) / contest.peer_share
    row = {
        "name": name,
        "peer": contest.peer_name,
        "ours_s": ours,
        "peer_s": peer,
        "ratio": peer / ours,
        "memory_mb": memory_mb,
        "accuracy": contest.accuracy(our_result, peer_result),
        "limit_s": median(seconds["floor"]) if contest.floor else None,
        "accuracy_is": contest.accuracy_is,
        "clock": contest.clock,
    }
    if contest.peer_accuracy:
        row["peer_accuracy"] = contest.peer_accuracy(peer_result)
    return row


def _peak_memory_mb(action: Callable[[], Any]) -> float | None:
    """Most memory that this process holds at a time while it acts, libraries and data included.

    None where the system does not tell.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    except OSError:
        return _peak_of_process_mb(action)
    action()
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _peak_of_process_mb(action: Callable[[], Any]) -> float | None:
    """The same where the peak cannot be forgotten: that of the process since its start."""
    if os.name == "nt":
        return None
    import resource
    import sys

    action()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)
