"""A small run that is killed again and again: a program of its own, whose copies have everything imported already.

It is called with a corpus, a folder and a seed. In the folder it makes `whole`, a run that nobody disturbs, and
`killed`, one that is killed with SIGKILL, now at a random moment, now just before or after one of its files gets its
name; it prints how often that was. No clock goes in it, so that the two can be compared byte for byte.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch._dynamo  # noqa: F401 - what torch imports late, each copy would import anew

from phonoscope.experiment import run
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL: dict[str, Any] = {
    "corpus.phones": "french",
    "corpus.validation": 0.5,
    "signal.n_mels": 22,
    "signal.context": 2,
    "recogniser.kind": "dnn",
    "recogniser.hidden": "8",
    "recogniser.max_epochs": 3,
    "probing.n_per_phone": 6,
    "probing.minimum": 2,
    "probing.correct_only": False,
    "reduction.tsne_iterations": 250,
    "selection.stability_splits": 0,
    "selection.spectral_criterion": "silhouette",
    "selection.permutations": 99,
    "evaluation.seeds": 2,
    "evaluation.replicates": 20,
    "evaluation.shuffles": 3,
    "structure.permutations": 99,
    "structure.bootstraps": 20,
    "structure.smallest": 2,
    "structure.draws": 1,
}
_AT_PLACES, _MOST = 7, 9


def main() -> None:
    """Make the two runs."""
    corpus, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    draws = random.Random(seed)  # noqa: S311 - moments, not secrets
    begun = time.monotonic()
    _copy(corpus, folder / "whole", None)
    lasts = time.monotonic() - begun
    kills = 0
    while kills < _MOST:
        # some at places, so that the long stages do not take them all
        place = draws.randrange(12) if 2 <= kills < _AT_PLACES else None
        after = draws.uniform(0.1, 0.5) * lasts if place is None else None
        if not _copy(corpus, folder / "killed", place, after, before=draws.random() < 0.5):
            break
        kills += 1
    else:
        _copy(corpus, folder / "killed", None)
    sys.stdout.write(f"{kills}\n")


def _copy(corpus: Path, out: Path, place: int | None, after: float | None = None, *, before: bool = False) -> bool:
    """Run in a copy of this process; kill it at a place or after some seconds; tell whether it was killed."""
    child = os.fork()
    if not child:
        status = 1
        try:
            setattr(time, "perf_counter", lambda: 0.0)  # noqa: B010
            if place is not None:
                setattr(Path, "replace", _deadly(Path.replace, place, before=before))  # noqa: B010
            run(corpus, out=out, settings=Settings().changed(SMALL), jobs=1)
            status = 0
        finally:
            os._exit(status)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status:
        sys.exit(f"the run failed: {status}")
    return False


def _deadly(replace: Callable[[Path, Path], Path], place: int, *, before: bool) -> Callable[[Path, Path], Path]:
    names = iter(range(place, -1, -1))

    def rename(source: Path, target: Path) -> Path:
        left = next(names, 0)
        if before and not left:
            os.kill(os.getpid(), signal.SIGKILL)
        found = replace(source, target)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return rename


if __name__ == "__main__":
    main()
