# ruff: noqa: INP001 - a script's part, not a package
"""How seconds and memory grow with the number of samples, up to a hundred times the paper's; planted classes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import straightforward
from measuring import OURS, Options, Record, head, once, shape
from planted import planted
from quality import kl_divergence
from sklearn.metrics import adjusted_rand_score
from tables import comparison, exponent, merged, number, qualities, table, verdict
from tsne import KL, OPEN, perplexity

from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.reduction.tsne import TSNE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from tables import Records

LOOP = "SciPy loop"
NEIGHBOURS = "scikit-learn, nearest neighbours"
_RIVALS = {"kmedians": LOOP, "spectral": NEIGHBOURS, "tsne": OPEN}
_CAP = 600.0
_KL_OF = 12_000  # samples: the divergence over all pairs of more takes longer than the embedding
_COMPARED = 33_000
_LARGE = 33_000  # from here up spectral clustering takes its path for many samples
_FROM = {"kmedians": 10_000, "spectral": _LARGE, "tsne": 3_300}
# at a number of samples: seconds, and peak memory in GiB beyond the input
_LIMITS: dict[tuple[str, int], tuple[float, float | None]] = {
    ("kmedians", 33_000): (10, None),
    ("spectral", 33_000): (30, 4),
    ("tsne", 33_000): (180, None),
    ("kmedians", 330_000): (120, 8),
    ("spectral", 330_000): (240, 8),
}
_EXPONENTS = {"kmedians": 1.1, "spectral": 1.2, "tsne": None}
ARI = "ARI"


def _sizes(options: Options, method: str) -> tuple[int, ...]:
    sizes = (300, 600, 900) if options.quick else (3_300, 10_000, 33_000, 100_000, 330_000)
    return sizes[:3] if method == "tsne" else sizes


def _features(options: Options) -> int:
    return 40 if options.quick else 1_024


def _compared(options: Options) -> int:
    return _sizes(options, "tsne")[-1]


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    found: dict[str, Callable[[], Record]] = {}
    for method in _RIVALS:
        for n in _sizes(options, method):
            found[f"large.{method}.{n}"] = partial(our_case, options, method, n)
        n = _compared(options)
        found[f"large.{method}.{n}.rival"] = partial(rival_case, options, method, n)
    return found


def _fit(method: str, X: NDArray[np.float32], k: int) -> NDArray[np.generic]:
    if method == "kmedians":
        return KMedians(k, random_state=0).fit(X).labels_
    if method == "spectral":
        return SpectralClustering(k, random_state=0).fit(X).labels_
    return TSNE(2, perplexity=perplexity(X), random_state=0).fit_transform(X)


def _quality(
    method: str, X: NDArray[np.float32], classes: NDArray[np.int64], found: NDArray[np.generic]
) -> dict[str, float]:
    if method == "tsne":
        if len(X) > _KL_OF:
            return {}
        return {KL: kl_divergence(X, found.astype("f8"), perplexity(X))}
    return {ARI: float(adjusted_rand_score(classes, found))}


def our_case(options: Options, method: str, n: int) -> Record:
    """Measure this side on n samples, mapped from a file."""
    X, classes = planted(options.scratch, n, _features(options))
    _fit(method, head(X), options.k)
    measured = once(lambda: _fit(method, X, options.k))
    return Record(shape("planted", X), {OURS: measured.side(_quality(method, X, classes, measured.result))})


def rival_case(options: Options, method: str, n: int) -> Record:
    """Measure what a user would take instead on n samples."""
    X, classes = planted(options.scratch, n, _features(options))
    work: dict[str, Callable[[], NDArray[np.generic] | straightforward.Clustering]] = {
        "kmedians": lambda: straightforward.kmedians(X, options.k, most_seconds=_CAP),
        "spectral": lambda: straightforward.spectral_by_neighbours(X, options.k),
        "tsne": lambda: straightforward.open_tsne(X, perplexity(X)),
    }
    measured = once(work[method])
    result, note = measured.result, ""
    if isinstance(result, straightforward.Clustering):
        note = f"stopped after {result.iterations} iterations" if result.stopped else ""
        result = result.labels
    return Record(shape("planted", X), {_RIVALS[method]: measured.side(_quality(method, X, classes, result), note)})


def _limits(method: str, n: int) -> tuple[str, float, float]:
    """Return the claim's words, and its limits in seconds and MiB."""
    if (method, n) not in _LIMITS:
        return "", float("inf"), float("inf")
    seconds, memory = _LIMITS[method, n]
    words = f"< {seconds:g} s" + (f", < {memory:g} GiB" if memory else "")
    return words, seconds, memory * 1024 if memory else float("inf")


def page(records: Records, options: Options) -> str:
    """Return the tables."""
    rows, slopes, compared = [], [], []
    for method, rival in _RIVALS.items():
        done = {n: records[name] for n in _sizes(options, method) if (name := f"large.{method}.{n}") in records}
        for n, record in done.items():
            side = record.sides[OURS]
            words, seconds, memory = _limits(method, n)
            within = (side.seconds or 0.0) < seconds and (side.memory or 0.0) < memory
            figures = [number(side.seconds), number(side.memory), qualities(side)]
            rows.append([method, record.on, *figures, words, verdict(within) if words else ""])
        times = {n: took for n, record in done.items() if (took := record.sides[OURS].seconds) is not None}
        slope = exponent(list(times), list(times.values()), 0 if options.quick else _FROM[method])
        most = _EXPONENTS[method]
        if slope is not None:
            words = f"≤ {most}" if most else ""
            slopes.append([method, f"{_FROM[method]:,}", f"{slope:.2f}", words, verdict(slope <= most) if most else ""])
        names = (f"large.{method}.{_compared(options)}", f"large.{method}.{_compared(options)}.rival")
        both = merged(records[name] for name in names if name in records)
        compared += [comparison(method, [("one fit", both)], {rival: None})] if both else []
    return "\n".join(
        [
            "## Many samples\n",
            (
                "33 Gaussian classes in 30 dimensions that overlap somewhat, mixed into 1,024 features, float32, "
                "mapped from a file; k = 33. *ARI* is the adjusted Rand index against the planted classes; peak "
                "memory does not count the input.\n"
            ),
            table(["method", "data", "s", "peak MiB", "quality", "claim", "reached"], rows),
            "The e of seconds ~ samples ^ e (for spectral clustering of the method for many samples):\n",
            table(["method", "from", "exponent", "claim", "reached"], slopes),
            (
                f"What a user would take instead, at {_COMPARED:,} samples. The loop gets {_CAP / 60:.0f} minutes; "
                "scikit-learn's spectral clustering takes the graph of ten nearest neighbours, as all affinities would "
                "not fit into memory.\n"
            ),
            *compared,
        ]
    )
