"""Acquisitions in processes of their own: python -m tests.streams.acquire PATH FORMAT [mode].

Prints the number of each frame once it is acknowledged, with the time. Mode "many" takes paths
from its input instead, one a line, begins an acquisition for each at once, and prints the number
of its process. What it acknowledges is in the file PATH.frames.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from napari_tmaps.streams import AcquisitionSettings, create_stream, dims_from_standard_axes


def settings(path, **more):
    """Time points without end, of two channels."""
    dims = dims_from_standard_axes(
        {"t": None, "c": ["DAPI", "GFP"], "y": 64, "x": 80}, {"t": 4, "y": 32, "x": 40}
    )
    return AcquisitionSettings(root_path=str(path), dimensions=dims, dtype="uint16", **more)


def pixels(number):
    """What frame `number` looks like."""
    return np.full((64, 80), number % 60000, np.uint16)


def main(path, form, mode=""):
    more = {"durability_s": 0.3, "checksums": True, "format": form}
    stream = create_stream(settings(path, **more))
    for number in range(10**6):
        stream.append(pixels(number), metadata={"delta_t": number / 10, "n": number})
        print(number, time.time(), flush=True)
        if mode == "exit" and number == 20:
            return stream
        time.sleep(0.02)  # five at a time leave the processor free for the test
    return stream


def many(form):
    """An acquisition for each line: forked, for that is faster than starting Python."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing stays of those that are killed
    for line in sys.stdin:
        path = line.strip()
        process = os.fork()
        if not process:
            sys.stdout = open(f"{path}.frames", "w")  # noqa: SIM115
            main(path, form)
        print(process, flush=True)


if __name__ == "__main__":
    if sys.argv[3:] == ["many"]:
        many(sys.argv[2])
    else:
        kept = main(*sys.argv[1:])
