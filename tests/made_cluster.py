"""A small Dask cluster: a scheduler in this process, and workers that are processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import LocalCluster

import phonoscope

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def make_cluster(folder: Path, workers: int) -> Iterator[LocalCluster]:
    """Start workers of a thread each in a folder; they find phonoscope, and are not started again if they end."""
    command = [sys.executable, "-m", "dask", "worker"]
    options = [
        "--no-nanny",
        "--nthreads",
        "1",
        "--no-dashboard",
        "--host",
        "127.0.0.1",
        "--local-directory",
        str(folder),
    ]
    paths = os.pathsep.join([str(Path(phonoscope.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    started: list[subprocess.Popen[bytes]] = []
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as found:
        for _ in range(workers):
            worker = subprocess.Popen(  # noqa: S603 - our own program
                [*command, found.scheduler_address, *options],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": paths},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.append(worker)
        found.wait_for_workers(workers, timeout=60)
        yield found
    for process in started:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
