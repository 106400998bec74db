"""From ``--scheduler ADDRESS`` or ``--cluster FILE`` to workers that can be trusted with tasks."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from phonoscope.errors import SettingError, WorkersError
from phonoscope.likeness import difference, likeness
from phonoscope.remote_tasks import unlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from phonoscope.progress import Progress
    from phonoscope.workers import Workers

_CONNECT = 10.0
"""Seconds in which a scheduler has to answer."""
_FIRST_WORKER = 60.0
"""Seconds in which a scheduler that runs already has to have a worker."""
_INSTALL = "pip install 'phonoscope[cluster]'"


@contextmanager
def open_workers(scheduler: str | None, cluster: Path | str | None, progress: Progress) -> Iterator[Workers | None]:
    """Connect to workers and see that they are like this machine; None where none are asked for.

    Parameters
    ----------
    scheduler
        Address of a Dask scheduler that runs, ``tcp://HOST:PORT``, or the file that it was told to describe itself in
        (``dask scheduler --scheduler-file FILE.json``).
    cluster
        File that says which cluster to start; see `phonoscope.cluster_file`. It ends with the block.
    progress
        Where to tell of the workers.

    Raises
    ------
    SettingError
        Both are given, or the file is wrong.
    WorkersError
        Dask is not installed, nothing answers, no worker comes, or a worker has other versions.
    """
    if scheduler is None and cluster is None:
        yield None
        return
    if scheduler is not None and cluster is not None:
        msg = "--scheduler is for a cluster that runs, --cluster starts one; give one of them"
        raise SettingError(msg)
    try:
        from phonoscope.cluster_file import start_cluster  # noqa: PLC0415 - optional packages
        from phonoscope.dask_workers import DaskWorkers  # noqa: PLC0415
    except ImportError:
        msg = f"{'--scheduler' if cluster is None else '--cluster'} needs Dask, which is not installed: {_INSTALL}"
        raise WorkersError(msg) from None
    with ExitStack() as stack:
        if cluster is not None:
            client = stack.enter_context(start_cluster(Path(cluster), progress))
            patience = float("inf")  # of a queue nobody knows when it will be one's turn
        else:
            client = stack.enter_context(_connected(str(scheduler)))
            patience = _FIRST_WORKER
        _wait(client, patience, progress)
        _check(client)
        threads = client.nthreads()
        progress.say(f"workers: {len(threads)} with {sum(threads.values())} threads at {client.scheduler.address}")
        yield DaskWorkers(client, progress)


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    from distributed import Client  # noqa: PLC0415 - an optional package

    is_file = scheduler.endswith(".json")
    if is_file and not Path(scheduler).is_file():
        msg = f"--scheduler {scheduler}: there is no such file; `dask scheduler --scheduler-file FILE.json` writes one"
        raise WorkersError(msg)
    try:
        client = Client(
            None if is_file else scheduler,
            scheduler_file=scheduler if is_file else None,
            timeout=_CONNECT,
            set_as_default=False,
        )
    except (OSError, ValueError, KeyError) as error:  # a TimeoutError is an OSError
        msg = (
            f"--scheduler {scheduler}: no Dask scheduler answers there ({type(error).__name__}); start one by `dask "
            f"scheduler` and workers by `dask worker ADDRESS`, or correct the address (tcp://HOST:8786)"
        )
        raise WorkersError(msg) from None
    with client:
        yield client


def _wait(client: Client, patience: float, progress: Progress) -> None:
    """Wait for the first worker."""
    start = time.monotonic()
    told = False
    while not client.nthreads():
        waited = time.monotonic() - start
        if waited > patience:
            msg = (
                f"no worker has come to the scheduler {client.scheduler.address} within {patience:.0f} s; start some "
                f"by `dask worker {client.scheduler.address}`"
            )
            raise WorkersError(msg)
        if not told and waited > 1:
            progress.say("waiting for the first worker; an interrupt ends that")
            told = True
        time.sleep(0.2)


def _check(client: Client) -> None:
    """See that the scheduler has phonoscope, and that every worker has the same versions as this machine."""
    try:
        client.run_on_scheduler(likeness)
    except ImportError as error:
        raise WorkersError(_without(f"the scheduler {client.scheduler.address}", error)) from None
    mine = likeness()
    found = client.run(likeness, on_error="return")
    for address, theirs in sorted(found.items()):
        if isinstance(theirs, ImportError):
            raise WorkersError(_without(f"the worker {address}", theirs))
        if isinstance(theirs, dict) and (different := difference(mine, theirs)):
            msg = unlike(address, different)
            raise WorkersError(msg)


def _without(who: str, error: ImportError) -> str:
    return f"{who} has not what it needs ({error}); start scheduler and workers from an environment with phonoscope"
