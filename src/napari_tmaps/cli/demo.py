"""`tmaps demo`: the main job on a sample plate, from microscope files to the window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import typer

from napari_tmaps.cli import show

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PIPELINE = "nuclei_and_cells"


def run_demo(folder: Path, *, window: bool = True) -> None:
    """Make the sample plate, convert and analyse it, write tables and images, show the result.

    What is there already from an earlier run is kept and said so.

    Parameters
    ----------
    folder
        Gets `sample/` (microscope files and ground truth), `sample.tmaps` (the experiment) and
        `results/` (tables, one site as OME-TIFF).
    window
        Open napari where there is a display, else save the picture of its window.

    Raises
    ------
    TmapsError
        Something could not be done.
    """
    from napari_tmaps.pipeline import ready_pipelines
    from napari_tmaps.sample import generate_sample
    from napari_tmaps.sample.agreement import sample_agreement
    from napari_tmaps.store.experiment import Experiment, is_experiment
    from napari_tmaps.store.export import save_site
    from napari_tmaps.store.tables import write_table
    from napari_tmaps.vendors import scan
    from napari_tmaps.workflow import analyse, convert

    start = perf_counter()
    folder = folder.expanduser().absolute()
    sample, path, results = folder / "sample", folder / "sample.tmaps", folder / "results"
    failures, seconds = show.follow(generate_sample(sample))

    if is_experiment(path):
        typer.echo(f"The experiment '{path}' is there already; what is finished is kept.")
        experiment = Experiment.open(path)
    else:
        experiment = Experiment.create(path, description="The sample plate of napari-tmaps.")
    with experiment:
        if not experiment.plate_names():
            experiment.add(scan(sample / "acquisition"))
        for events in (convert(experiment), analyse(experiment, ready_pipelines()[PIPELINE])):
            failed, spent = show.follow(events)
            failures += failed
            seconds |= spent
        begin = perf_counter()
        info = experiment.info()
        for name in info["objects"]:
            for ending in (".csv", ".parquet"):
                write_table(experiment.features, name, results / f"{name}{ending}")
        plate, well = info["plates"][0], info["wells"][0]
        image = results / f"{plate}_{well}_site1.ome.tiff"
        if not image.exists():
            save_site(experiment, plate, well, 1, image)
        seconds["export"] = perf_counter() - begin

        def read(well: str, site: int, object_type: str) -> npt.NDArray[np.int32]:
            labels: npt.NDArray[np.int32] = experiment.labels(plate, well, site, object_type)[0]
            return labels

        scores = {name: sample_agreement(sample, read, name) for name in ("Nuclei", "Cells")}

    sites = sum(info["sites_per_well"].values())
    typer.echo("")
    show.facts(
        {
            "Plates": ", ".join(info["plates"]),
            "Wells": f"{len(info['wells'])} ({', '.join(info['wells'])})",
            "Sites": str(sites),
            "Channels": ", ".join(info["channels"]),
            "Objects": "\n".join(
                f"{name}: {count}, {info['features'][name]} features each"
                for name, count in info["objects"].items()
            ),
            "Truth": "\n".join(
                f"{name}: F1 {sum(values) / len(values):.3f} at IoU 0.5, worst site "
                f"{min(values):.3f}"
                for name, values in scores.items()
            ),
            "Files": "\n".join(
                f"{what:<12}{where}"
                for what, where in {
                    "microscope": sample / "acquisition",
                    "experiment": path,
                    "plate": path / "plates" / f"{info['plates'][0]}.ome.zarr",
                    "results": results,
                }.items()
            ),
            "Time": "\n".join(f"{stage:<12}{spent:6.1f} s" for stage, spent in seconds.items()),
            "In all": f"{perf_counter() - start:.1f} s",
        }
    )
    if failures:
        typer.secho(f"{failures} problems, see above.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    if window:
        _show(path, folder / "napari.png")


def has_display() -> bool:
    """True if a window can be shown to a person."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show(experiment: Path, picture: Path) -> None:
    """Open the window, or draw it on a virtual screen where there is none."""
    command = [sys.executable, "-m", "napari_tmaps.gui.window", str(experiment)]
    if has_display():
        typer.echo("\nOpening napari …")
        subprocess.run(command, check=False)
        return
    if picture.exists():
        typer.echo(f"\nThe picture of the napari window is there already: '{picture}'.")
        return
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        typer.secho(
            "\nThere is no display, and no xvfb-run to draw napari on a virtual screen. Install "
            "the package xvfb (Debian, Ubuntu: apt-get install xvfb), or open the experiment "
            f"where there is a display: napari '{experiment}'",
            fg=typer.colors.YELLOW,
        )
        return
    typer.echo("\nThere is no display: drawing the napari window on a virtual screen …")
    screen = [xvfb, "-a", "-s", "-screen 0 1600x1000x24"]
    done = subprocess.run(
        [*screen, *command, "--picture", str(picture)], capture_output=True, text=True, check=False
    )
    if done.returncode or not picture.exists():
        typer.secho(
            f"napari could not draw its window:\n{done.stderr[-2000:]}",
            fg=typer.colors.RED,
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"The picture of the napari window: '{picture}'")
