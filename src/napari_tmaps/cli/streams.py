"""`tmaps verify` and `tmaps stream-demo`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import perf_counter, sleep
from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.options import AsJson, Verbose

app = typer.Typer()


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="OME-Zarr, OME-TIFF, or a folder of OME-TIFFs.")],
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Read every frame of a stream, and compare the checksums that it carries."""
    from napari_tmaps.streams.verify import verify_path

    with show.plain_errors(verbose):
        found = verify_path(path)
    if as_json:
        show.as_json(asdict(found))
    else:
        rows = {
            "Images": str(found.images),
            "Frames": f"{found.frames}, {found.compared} of them compared with their checksums",
            "Missing": str(found.missing),
            "Damaged": "\n".join(found.damaged) or "none",
        }
        show.facts(rows)
    if found.damaged:
        raise typer.Exit(1)


@app.command(name="stream-demo")
def stream_demo(
    path: Annotated[Path, typer.Argument(help="What to write: ….ome.zarr or ….ome.tiff")] = Path(
        "stream.ome.zarr"
    ),
    frames: Annotated[int, typer.Option(min=1, help="Time points of two channels.")] = 100,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between time points.")] = 0.1,
    window: Annotated[bool, typer.Option(help="Show it growing in napari (only OME-Zarr).")] = True,
    verbose: Verbose = False,
) -> None:
    """Write a simulated acquisition frame by frame; napari shows it while it grows."""
    from napari_tmaps.cli.demo import has_display

    with show.plain_errors(verbose):
        if window and path.suffix == ".zarr" and has_display():
            from napari_tmaps.gui.stream_window import show_stream

            show_stream(path, simulate(path, frames), interval)
            return
        begin = perf_counter()
        for number in simulate(path, frames):
            typer.echo(f"\rTime point {number + 1} of {frames}", nl=False)
            sleep(interval)
        typer.echo(f"\n'{path}' was written in {perf_counter() - begin:.1f} s.")


def simulate(path: Path, frames: int, size: int = 512) -> Iterator[int]:
    """Write spots that wander, of two channels; yields after each time point."""
    import numpy as np

    from napari_tmaps.streams import AcquisitionSettings, create_stream, dims_from_standard_axes

    rng = np.random.default_rng(0)
    dims = dims_from_standard_axes(
        {"t": None, "c": ["DAPI", "GFP"], "y": size, "x": size}, {"y": 256, "x": 256}
    )
    for dim in dims[-2:]:
        dim.scale = 0.325
    settings = AcquisitionSettings(
        root_path=str(path),
        dimensions=tuple(dims),
        dtype="uint16",
        checksums=True,
        levels=2,
        overwrite=True,
    )
    places = rng.uniform(20, size - 20, (60, 2))
    y, x = np.mgrid[-12:13, -12:13]
    spot = 2000 * np.exp(-(y**2 + x**2) / 40)
    with create_stream(settings) as stream:
        for number in range(frames):
            places = np.clip(places + rng.normal(0, 2, places.shape), 13, size - 14)
            for channel in range(2):
                clean = np.full((size, size), 100.0)
                for row, column in places[channel::2].astype(int):
                    clean[row - 12 : row + 13, column - 12 : column + 13] += spot
                frame = rng.poisson(clean).astype(np.uint16)
                stream.append(frame, metadata={"delta_t": number * 0.1, "exposure_time": 0.05})
            yield number
