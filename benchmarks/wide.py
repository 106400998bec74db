# ruff: noqa: INP001 - a script's part, not a package
"""The widest layer at a hundred times the paper's samples: 14 GB, mapped from a file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from measuring import OURS, Options, Record, head, once, shape
from planted import planted
from sklearn.metrics import adjusted_rand_score
from tables import number, qualities, table, verdict

from phonoscope.clustering.kmedians import KMedians
from phonoscope.reduction.pca import pca

if TYPE_CHECKING:
    from collections.abc import Callable

    from tables import Records

_MOST_GIB = 16
# the classes' part is 88 %; beyond it lies noise, alike in all directions, of which thousands would have to be kept
_VARIANCE = 0.8


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements: none unless they are asked for, as they take the disk space and the time."""
    if not options.wide:
        return {}
    return {"wide.pca": partial(reduce_case, options), "wide.kmedians": partial(cluster_case, options)}


def _shape(options: Options) -> tuple[int, int]:
    return (400, 60) if options.quick else (330_000, 10_368)


def reduce_case(options: Options) -> Record:
    """Measure PCA to four fifths of the variance."""
    X, _ = planted(options.scratch, *_shape(options))
    pca(head(X), _VARIANCE)
    measured = once(lambda: pca(X, _VARIANCE))
    share = measured.result.share
    quality = {"components": len(share), "variance kept": float(share.sum())}
    return Record(shape("planted", X), {OURS: measured.side(quality)})


def cluster_case(options: Options) -> Record:
    """Measure k-medians."""
    X, classes = planted(options.scratch, *_shape(options))
    KMedians(options.k, random_state=0).fit(head(X))
    measured = once(lambda: KMedians(options.k, random_state=0).fit(X).labels_)
    return Record(
        shape("planted", X), {OURS: measured.side({"ARI": float(adjusted_rand_score(classes, measured.result))})}
    )


def page(records: Records, _options: Options) -> str:
    """Return the table; nothing where it was not measured."""
    rows = []
    for name, record in records.items():
        if name.startswith("wide."):
            side = record.sides[OURS]
            within = (side.resident or 0.0) < _MOST_GIB * 1024
            figures = [number(side.seconds), number(side.resident), number(side.memory), qualities(side)]
            rows.append([name.removeprefix("wide."), record.on, *figures, f"< {_MOST_GIB} GiB", verdict(within)])
    if not rows:
        return ""
    columns = ["method", "data", "s", "peak MiB", "of it beyond the input", "quality", "claim", "reached"]
    return "\n".join(
        [
            "## Wide and long\n",
            "Planted as above. The peak counts the pages of the mapped file that were in memory.\n",
            table(columns, rows),
        ]
    )
