"""How many cores a job may use, and telling every library so."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from phonoscope.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator


def resolve_jobs(jobs: int | None) -> int:
    """Return `jobs`, or for None the cores that this process may use.

    Raises
    ------
    SettingError
        `jobs` is below 1.
    """
    if jobs is None:
        # not every system can restrict a process to some cores, and os.cpu_count may know nothing
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs < 1:
        msg = f"--jobs {jobs}: it has to be at least 1"
        raise SettingError(msg)
    return jobs


@contextmanager
def limited_threads(jobs: int) -> Iterator[None]:
    """Let torch, numba and the linear algebra libraries use `jobs` threads, and put back what was set before."""
    import numba  # noqa: PLC0415 - slow to import, and not every command needs it
    import torch  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(jobs)
    numba.set_num_threads(min(jobs, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        with threadpool_limits(limits=jobs, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])
