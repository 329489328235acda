"""A job script for queues: an array job that runs the batches of a step, one each."""

from __future__ import annotations

import shlex
import sys

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder


def slurm_script(experiment: Experiment, step: str, limits: SubmissionArguments) -> str:
    """The script for sbatch, after init of the step; collect follows when all jobs have ended.

    Raises
    ------
    NotFoundError
        init of the step has not run, or there is nothing to do.
    """
    files = StepFolder(experiment.path, step)
    jobs = files.jobs()
    if not jobs:
        raise NotFoundError(f"{step} has no jobs: everything is up to date.")
    program = shlex.join([sys.executable, "-m", "napari_tmaps.cli", step, str(experiment.path)])
    memory = f"#SBATCH --mem={limits.memory}M\n" if limits.memory else ""
    return (
        "#!/bin/sh\n"
        f"#SBATCH --job-name=tmaps-{step}\n"
        f"#SBATCH --array=1-{len(jobs)}\n"
        f"#SBATCH --cpus-per-task={limits.cores}\n"
        f"#SBATCH --time={limits.duration}\n"
        f"{memory}"
        f"#SBATCH --output={shlex.quote(str(files.logs))}/slurm-%a.out\n"
        f"# Afterwards: {program} collect\n"
        f"export OMP_NUM_THREADS={limits.cores} NUMBA_NUM_THREADS={limits.cores}\n"
        f'exec {program} run --job "$SLURM_ARRAY_TASK_ID" --assume-clean-state\n'
    )
