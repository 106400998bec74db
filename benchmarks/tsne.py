# ruff: noqa: INP001 - a script's part, not a package
"""t-SNE against openTSNE's and scikit-learn's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import straightforward
from measuring import OURS, Measured, Options, Record, Side, head, in_turn, shape
from quality import kl_divergence
from tables import Claim, comparison, with_total

from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tables import Records

    Floats = straightforward.Floats

SKLEARN, OPEN = "scikit-learn", "openTSNE"
KL = "KL"
_PLANE, _SPACE = 2, 3


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    return {
        f"tsne.{dimensions}d.{layer}": partial(layer_case, options, layer, dimensions)
        for dimensions in (_PLANE, _SPACE)
        for layer in options.some_layers
    }


def perplexity(X: Floats) -> float:
    """Return 30, or what a small panel allows."""
    return min(30.0, (len(X) - 1) / 3)


def layer_case(options: Options, layer: str, dimensions: int) -> Record:
    """Measure the embedding of one layer's PCA scores."""
    X = pca(options.activations(layer), 0.9).scores
    p = perplexity(X)
    TSNE(dimensions, perplexity=min(p, 20), max_iter=251, random_state=0).fit(head(X))
    sides: dict[str, Callable[[], Floats]] = {
        OURS: lambda: TSNE(dimensions, perplexity=p, random_state=0).fit_transform(X),
        SKLEARN: lambda: straightforward.tsne(X, dimensions, p),
    }
    missing = {}
    if dimensions == _PLANE:
        try:
            straightforward.open_tsne(head(X, 100), 10)
            sides[OPEN] = lambda: straightforward.open_tsne(X, p)
        except ImportError as error:
            missing[OPEN] = Side(note=f"does not run here: {error}")
    found: dict[str, Measured[Floats]] = in_turn(sides)
    measured = {name: m.side({KL: kl_divergence(X, m.result, p)}) for name, m in found.items()}
    return Record(shape(f"{layer}, PCA", X), measured | missing)


def _no_higher(ours: Side, theirs: Side) -> bool:
    return ours.quality[KL] <= theirs.quality[KL]


def page(records: Records, _options: Options) -> str:
    """Return the tables."""
    rows = {
        d: [(f"{d}-D", r) for name, r in records.items() if name.startswith(f"tsne.{d}d.")] for d in (_PLANE, _SPACE)
    }
    claim = Claim(6, "≥ 6 ×, no higher KL", _no_higher)
    return "\n".join(
        [
            "## t-SNE\n",
            (
                "Perplexity 30, everything else each library's default, on a layer's PCA scores. *KL* is the "
                "divergence from exact joint probabilities in float64 (all pairs) to a Student kernel of one degree "
                "of freedom, by the same code for all. In 3-D scikit-learn's kernel has two degrees of freedom, so "
                "that its KL by this measure is not what it minimised; openTSNE has no 3-D.\n"
            ),
            comparison("measurement", with_total(rows[_PLANE], "all"), {OPEN: claim, SKLEARN: claim}),
            comparison("measurement", with_total(rows[_SPACE], "all"), {SKLEARN: Claim(20, "≥ 20 ×")}),
        ]
    )
