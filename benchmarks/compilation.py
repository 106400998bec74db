# ruff: noqa: INP001 - a script's part, not a package
"""What the kernels' compilation takes, which happens once after an installation."""

from __future__ import annotations

import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from measuring import Options, Record, Side
from tables import number, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tables import Records

_FIRST, _LATER = "first use after an installation", "first use in a later process"
# imports are not timed: they are the same in both
_TINY = """
import time
import numpy as np
from phonoscope import TSNE, KMedians, SpectralClustering, pca
from phonoscope.clustering.selection import sweep
X = np.random.default_rng(0).standard_normal((120, 20)).astype(np.float32)
start = time.perf_counter()
scores = pca(X, 0.9).scores
for dimensions in (2, 3):
    TSNE(dimensions, perplexity=10, max_iter=251).fit(scores)
KMedians(4, random_state=0).fit(X)
SpectralClustering(4, random_state=0).fit(X)
for clusterer in ("kmedians", "spectral"):
    sweep(X, clusterer, [2, 3])
print(time.perf_counter() - start)
"""


def cases(_options: Options) -> dict[str, Callable[[], Record]]:
    """List the one measurement."""
    return {"compilation": measure}


def measure() -> Record:
    """Use everything once on tiny data without compiled kernels, and in another process with them."""
    sides = {}
    with TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        for name in (_FIRST, _LATER):
            command = [sys.executable, "-c", _TINY]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - the text above
            sides[name] = Side(float(done.stdout.split()[-1]))
    return Record("120 × 20", sides)


def page(records: Records, _options: Options) -> str:
    """Return the table."""
    rows = [
        [name, record.on, number(side.seconds)]
        for case, record in records.items()
        if case == "compilation"
        for name, side in record.sides.items()
    ]
    return "\n".join(
        [
            "## Compilation\n",
            (
                "phonoscope's kernels are compiled when they are first called and kept beside the package. "
                "Everywhere else on this page they are there already. Every method once, on tiny data:\n"
            ),
            table(["when", "data", "s"], rows),
        ]
    )
