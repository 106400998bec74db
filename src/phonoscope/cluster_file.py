"""The file of ``--cluster``: which kind of cluster is started, how many jobs it has, and what the queue wants to know.

::

    class = "slurm"
    jobs = 4

    [options]  # of dask_jobqueue.SLURMCluster
    queue = "normal"
    cores = 8
    memory = "32GB"
    walltime = "04:00:00"
"""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import shlex
import shutil
import time
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, LocalCluster
from distributed.core import Status

from phonoscope.errors import SettingError, WorkersError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from phonoscope.progress import Progress

LOCAL = "local"
QUEUES = {
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}
"""Kinds of queues, and the class of dask_jobqueue for each."""
_KEYS = ("class", "jobs", "options")
# what would take the cluster out of our hands, or is said by `jobs`
_OURS = frozenset({"self", "args", "kwargs", "job_kwargs", "worker_kwargs", "n_workers", "asynchronous", "loop"})
_OURS_TOO = frozenset({"job_cls", "scheduler", "start", "ip", "services", "worker_services", "name", "config_name"})


@contextmanager
def start_cluster(path: Path, progress: Progress) -> Iterator[Client]:
    """Start the cluster that a file describes, and connect to it; both end with the block.

    Raises
    ------
    SettingError
        The file can not be read, or a key of it is unknown or wrong.
    WorkersError
        The queue's programs, or dask-jobqueue, are not on this machine, or the cluster can not be started.
    """
    kind, jobs, options = read_cluster(path)
    taken: list[Exception | None] = []
    # a task that holds Python's lock for long is no reason to give a worker up
    with dask.config.set({"distributed.scheduler.worker-ttl": None}):
        try:
            cluster = _local(jobs, options) if kind == LOCAL else _queue(kind, options, taken)
        except (ValueError, TypeError, OSError, RuntimeError, NotImplementedError) as error:
            msg = f"{path}: the cluster can not be started: {' '.join(str(error).split())}; correct [options]"
            raise WorkersError(msg) from None
    with cluster, Client(cluster, set_as_default=False) as client:
        if kind != LOCAL:
            progress.say(f"{path}: {jobs} jobs are handed to {kind}")
            _hand_in(cluster, jobs, taken, path)
        yield client


def _hand_in(cluster: Any, jobs: int, taken: list[Exception | None], path: Path) -> None:  # noqa: ANN401
    """Hand jobs to the queue, and see that it takes them; `taken` is filled meanwhile, by None or what is wrong."""
    log = logging.getLogger("tornado.application")  # would print the queue's refusal as a fault of the program
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        cluster.scale(jobs=jobs)
        while len(taken) < jobs and not any(taken):
            time.sleep(0.1)
    finally:
        log.setLevel(before)
    error = next(filter(None, taken), None)
    if error is not None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        msg = f"{path}: the queue does not take the job: {lines[-1] if lines else error}; correct [options]"
        raise WorkersError(msg)


def read_cluster(path: Path) -> tuple[str, int, dict[str, Any]]:
    """Return kind, number of jobs and options of a cluster's file, all of them checked by name.

    Raises
    ------
    SettingError, WorkersError
        As `start_cluster` does.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"--cluster {path}: the file can not be read ({error.strerror})"
        raise SettingError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"--cluster {path}: is no TOML: {error}"
        raise SettingError(msg) from None
    _known(path, content, _KEYS, "key")
    kind, jobs, options = (content.get(key, default) for key, default in zip(_KEYS, ("", 1, {}), strict=True))
    if kind != LOCAL and kind not in QUEUES:
        msg = f"{path}: class = {kind!r}: it has to be {LOCAL}, {', '.join(QUEUES)}"
        raise SettingError(msg)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        msg = f"{path}: jobs = {jobs!r}: it has to be a whole number, at least 1"
        raise SettingError(msg)
    if not isinstance(options, dict):
        msg = f"{path}: options = {options!r}: it has to be a table, [options]"
        raise SettingError(msg)
    _known(path, options, _options(kind), "option")
    return kind, jobs, options


def _known(path: Path, given: Iterable[str], known: Iterable[str], what: str) -> None:
    names = sorted(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}."
            msg = f"{path}: there is no {what} {name!r}; {hint}"
            raise SettingError(msg)


def _options(kind: str) -> set[str]:
    """Return the options that a kind of cluster has: its own, and those of its jobs or workers."""
    if kind == LOCAL:
        from distributed import Nanny, Worker  # noqa: PLC0415 - of this kind only

        classes: list[Any] = [LocalCluster, Nanny, Worker]
    else:
        cluster = _class(kind)
        classes = [c for c in (*cluster.__mro__, *cluster.job_cls.__mro__) if c.__module__.startswith("dask_jobqueue")]
    names = {name for c in classes for name in inspect.signature(c.__init__).parameters}
    return names - _OURS - _OURS_TOO


def _class(kind: str) -> Any:  # noqa: ANN401 - dask_jobqueue has no types
    try:
        import dask_jobqueue  # noqa: PLC0415 - an optional package
    except ImportError:
        msg = f"class = {kind!r} needs dask-jobqueue, which is not installed: pip install 'phonoscope[cluster]'"
        raise WorkersError(msg) from None
    return getattr(dask_jobqueue, QUEUES[kind])


def _local(jobs: int, options: dict[str, Any]) -> LocalCluster:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    ours = {"threads_per_worker": threads, "dashboard_address": None, "silence_logs": logging.ERROR}
    return LocalCluster(**{**ours, "host": "127.0.0.1", **options, "n_workers": jobs})


def _queue(kind: str, options: dict[str, Any], taken: list[Exception | None]) -> Any:  # noqa: ANN401 - untyped
    cluster = _class(kind)
    job: Any = cluster.job_cls
    program = shlex.split(job.submit_command)[0]
    if shutil.which(program) is None:
        msg = f"the program {program} is not here, and this is no machine that jobs of {kind} are started from"
        raise OSError(msg)

    class Job(job):  # type: ignore[misc]
        """Tells whether the queue took it: otherwise it would be waited for in vain."""

        async def start(self) -> None:
            try:
                await super().start()
            except Exception as error:
                self.status = Status.failed
                taken.append(error)
                raise
            taken.append(None)

    return cluster(job_cls=Job, **options)
