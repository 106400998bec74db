# ruff: noqa: INP001 - a script's part, not a package
"""PCA to nine tenths of the variance against scikit-learn's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import straightforward
from measuring import OURS, Options, Record, Side, head, in_turn, shape
from quality import variance_kept
from tables import Claim, comparison, with_total

from phonoscope.reduction.pca import pca as our_pca

if TYPE_CHECKING:
    from collections.abc import Callable

    from tables import Records

    Floats = straightforward.Floats

FULL, AUTO = "scikit-learn, full", "scikit-learn, auto"
_VARIANCE = 0.9
_COMPONENTS = "components"


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    return {f"pca.{layer}": partial(layer_case, options, layer) for layer in options.layers}


def layer_case(options: Options, layer: str) -> Record:
    """Measure one layer."""
    X = options.activations(layer)
    our_pca(head(X), _VARIANCE)

    def ours() -> tuple[Floats, Floats]:
        found = our_pca(X, _VARIANCE)
        return found.scores, found.axes

    found = in_turn(
        {
            OURS: ours,
            FULL: lambda: straightforward.pca(X, _VARIANCE, "full"),
            AUTO: lambda: straightforward.pca(X, _VARIANCE, "auto"),
        }
    )
    sides = {}
    for name, measured in found.items():
        scores, axes = measured.result
        quality = {_COMPONENTS: scores.shape[1], "variance kept": variance_kept(X, scores, axes)}
        sides[name] = measured.side(quality)
    return Record(shape(layer, X), sides)


def _no_more(ours: Side, theirs: Side) -> bool:
    return ours.quality[_COMPONENTS] <= theirs.quality[_COMPONENTS]


def page(records: Records, _options: Options) -> str:
    """Return the tables."""
    rows = [("90 % of the variance", r) for name, r in records.items() if name.startswith("pca.")]
    claim = Claim(3, "≥ 3 ×, no more components", _no_more)
    return "\n".join(
        [
            "## PCA\n",
            (
                "scikit-learn works in the data's float32, phonoscope in float64. *variance kept* is measured by "
                "rebuilding the samples from their scores.\n"
            ),
            comparison("measurement", with_total(rows, "all"), {FULL: claim, AUTO: claim}),
        ]
    )
