"""A run that torchrun starts in several processes: rank 0 does it, the others help to train."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from phonoscope.errors import SettingError
from phonoscope.jobs import limited_threads, resolve_jobs
from phonoscope.recogniser.devices import resolve_device
from phonoscope.recogniser.ranks import here, join_ranks, of_torchrun
from phonoscope.recogniser.training import follow
from phonoscope.results import Run

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


def one_leads(function: Callable[P, Run]) -> Callable[P, Run]:
    """Let torchrun's rank 0 call a function that may train, and the others follow it; without torchrun, just call it.

    The function takes `out`, `jobs` and `device` by name. The others return when the training is over, or when there
    turns out to be none.
    """

    @wraps(function)
    def led(*args: P.args, **kwargs: P.kwargs) -> Run:
        if of_torchrun()[1] == 1:
            return function(*args, **kwargs)
        device = str(kwargs.get("device", "auto"))
        cuda = resolve_device(device).type == "cuda"
        ranks = join_ranks("cpu:gloo,cuda:nccl" if cuda else "gloo")
        try:
            if ranks.rank == 0:
                return function(*args, **kwargs)
            jobs = kwargs.get("jobs")
            with limited_threads(resolve_jobs(jobs if isinstance(jobs, int) else None)):
                follow(ranks, device)
            return Run(Path(str(kwargs["out"])))
        finally:
            ranks.leave()

    return led


def refuse_company(command: str) -> None:
    """Refuse to do in several processes what each would do as a whole, in the same folder.

    Raises
    ------
    SettingError
        torchrun has started more than one.
    """
    size = of_torchrun()[1]
    if size > 1:
        msg = (
            f"torchrun has started {size} processes, and {command} has nothing for them to share, as nothing is "
            f"trained: call it without torchrun (--jobs, --scheduler and --cluster share its work out)"
        )
        raise SettingError(msg)


def dismiss() -> None:
    """Send torchrun's other processes home: what comes is done by one."""
    here().leave()
