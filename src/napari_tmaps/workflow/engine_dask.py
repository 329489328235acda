"""dask: an embedded cluster of processes, any running scheduler, or a queue by dask-jobqueue.

Only calls and outcomes travel through the scheduler, never arrays: workers read and write the
folder of the experiment, which they must see under the same path.
"""

from __future__ import annotations

import importlib
import logging
import queue
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.workflow.engines import TICK_S, ClosesItself, Outcomes
from napari_tmaps.workflow.job import JobCall, Outcome, run_job, stopped_by_limit
from napari_tmaps.workflow.limits import KILLED
from napari_tmaps.workflow.main_program import keep_main_program_out
from napari_tmaps.workflow.threadpools import limit_environment, limit_this_process

KINDS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    "local": "local.LocalCluster",
}
"""Kinds of queues that a cluster file may name, and their classes in dask-jobqueue."""
_WAIT_S = 15
_MOST_KNOWN = 2000
"""Jobs that a scheduler is told of at a time; more than any cluster here has workers."""


class Dask(ClosesItself):
    """Runs jobs on a dask cluster.

    Cancelling takes back jobs that have not begun, and ends the cluster if it was started for us;
    on another's cluster the jobs under way go on to their end.

    Parameters
    ----------
    client
        A `distributed.Client`; closed with the engine.
    cluster
        Closed as well, if it was started for us.
    """

    def __init__(self, client: Any, cluster: Any = None) -> None:
        self._client = client
        self._cluster = cluster

    def outcomes(self, calls: Iterable[JobCall]) -> Outcomes:
        """Run jobs; see `Engine`."""
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting: dict[str, JobCall] = {}
        futures: dict[str, Any] = {}
        left = iter(calls)
        try:
            while True:
                # The scheduler keeps kilobytes of each job that it knows of, and lives with us.
                if len(waiting) < _MOST_KNOWN // 2:
                    more = list(islice(left, _MOST_KNOWN - len(waiting)))
                    names = [f"{call.step.name}-{call.job}-{uuid4().hex}" for call in more]
                    waiting.update(zip(names, more, strict=True))
                    begun = self._client.map(_run, more, key=names, pure=False) if more else ()
                    for future in begun:
                        futures[future.key] = future
                        future.add_done_callback(ended.put)
                if not waiting:
                    break
                try:
                    done = [ended.get(timeout=TICK_S)]
                except queue.Empty:
                    yield None
                    continue
                while not ended.empty():
                    done.append(ended.get())
                good = [future for future in done if future.status == "finished"]
                told = dict(zip((f.key for f in good), self._client.gather(good), strict=True))
                for future in done:
                    call = waiting.pop(future.key)
                    del futures[future.key]
                    yield told.get(future.key) or _lost(call, future)
        finally:
            self._client.cancel(list(futures.values()))
            if waiting and self._cluster is not None:
                self.close()  # ends those under way

    def close(self) -> None:
        """Leave the scheduler, and end the cluster if it was started for us."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def _run(call: JobCall) -> Outcome:
    limit_this_process(call.cores)
    return run_job(call)


def _lost(call: JobCall, future: Any) -> Outcome:
    """The outcome of a job that did not come back."""
    limited = stopped_by_limit(call)
    if limited is not None:
        return limited
    return Outcome(
        call.job,
        KILLED,
        f"its worker died again and again ({future.status}: {future.exception(timeout=_WAIT_S)}), "
        "perhaps for want of memory. Make the batches smaller, or use fewer workers.",
    )


def start_local(workers: int, *, threads: bool = False) -> Dask:
    """A cluster on this machine: processes with one job each at a time, or one with threads."""
    import dask
    from distributed import LocalCluster

    # dask sets these in this process while it starts another. numba would notice, and refuse to
    # work from then on; a worker limits it before its first job.
    variables = {name: n for name, n in limit_environment().items() if "NUMBA" not in name}
    keep_main_program_out()
    environment = {"distributed.nanny.pre-spawn-environ": variables}
    with dask.config.set({**environment, "distributed.scheduler.allowed-failures": 2}):
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1 if threads else workers,
            threads_per_worker=workers if threads else 1,
            processes=True,
            dashboard_address=":0",
            # Below are workers that end and begin again: how a job ends is told by its outcome.
            silence_logs=logging.ERROR,
        )
    client = _client(cluster)
    _keep_cut_heartbeats_quiet(client)
    return Dask(client, cluster)


def _client(of: Any, **options: Any) -> Any:
    """A client for ourselves alone: by default, all that uses dask in this process would use it."""
    from distributed import Client

    return Client(of, set_as_default=False, **options)  # type: ignore[no-untyped-call]


def _keep_cut_heartbeats_quiet(client: Any) -> None:
    """Workers of ours do not tell that the end of the cluster cut off a heartbeat, as it may."""
    from distributed import WorkerPlugin

    class Quiet(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            logging.getLogger("distributed.worker").addFilter(
                lambda record: "scheduler during heartbeat" not in record.getMessage()
            )

    client.register_plugin(Quiet())


def connect(address: str) -> Dask:
    """A scheduler that runs already.

    Raises
    ------
    InputError
        Nothing answers at that address.
    """
    try:
        client = _client(address, timeout=_WAIT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"No dask scheduler answers at '{address}': {error}. Give the address that the "
            "scheduler printed when it started, e.g. tcp://host:8786."
        ) from error
    return Dask(client)


def start_cluster(path: Path) -> Dask:
    """A cluster whose workers are jobs of a queue, as a file describes it.

    The file has `kind` (slurm, pbs, sge, lsf, htcondor, oar, moab or local), `jobs` (how many
    workers to ask for) and whatever else the class of dask-jobqueue takes, e.g. queue, cores,
    memory, walltime.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is no YAML, or not a description of a cluster.
    InputError
        dask-jobqueue is not installed.
    """
    kind, jobs, options = _read_cluster(path)
    module_name, _, class_name = f"dask_jobqueue.{KINDS[kind]}".rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(
            "Clusters with a queue need dask-jobqueue, which is not installed: pip install "
            "'napari-tmaps[hpc]'."
        ) from error
    # One job a process: only so can a job be ended without another.
    options.setdefault("processes", options.get("cores", 1))
    try:
        cluster = getattr(module, class_name)(**options)
    except (TypeError, ValueError) as error:
        raise FormatError(f"The cluster of '{path}' cannot be started: {error}") from error
    cluster.scale(jobs=jobs)
    return Dask(_client(cluster), cluster)


def _read_cluster(path: Path) -> tuple[str, int, dict[str, Any]]:
    if not path.is_file():
        raise NotFoundError(f"There is no cluster file '{path}'.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"'{path}' is no YAML file: {error}") from error
    if not isinstance(content, Mapping) or content.get("kind") not in KINDS:
        raise FormatError(
            f"'{path}' describes no cluster: it needs a line 'kind: …' with one of "
            f"{', '.join(KINDS)}."
        )
    options = dict(content)
    kind, jobs = options.pop("kind"), options.pop("jobs", 1)
    if not isinstance(jobs, int) or jobs < 1:
        raise FormatError(f"'{path}': jobs is {jobs!r}; it must be a number from 1.")
    return kind, jobs, options
