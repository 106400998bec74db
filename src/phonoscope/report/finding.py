"""The main finding, in words that the numbers support."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from phonoscope.report.intervals import bracket, by_cell
from phonoscope.report.words import CLUSTERERS, CRITERIA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# differences of F that are not spoken of as such: seeds alone move a cell by about this much
_ALIKE = 0.05


def finding(
    scores: pl.DataFrame, classes: Sequence[Mapping[str, Any]], measures: pl.DataFrame | None = None
) -> list[str]:
    """Say how F goes with depth, how the clusterers compare, what t-SNE does, and what the classes are.

    Parameters
    ----------
    scores
        The table of `scores.csv`.
    classes
        The entries of `classes.json`.
    measures
        The table of `measures.csv`, for the intervals.
    """
    layers = scores["layer"].unique(maintain_order=True).to_list()
    means = scores.group_by("layer", "clusterer", "reduction", maintain_order=True).agg(pl.col("f_measure").mean())
    brackets = {
        key[:3]: bracket(one.low, one.high, 2) for key, one in by_cell(measures).items() if key[3] == "f_measure"
    }
    said = [brackets.get((row[0], row[2], row[1]), "") for row in means.iter_rows()]
    means = means.with_columns(pl.Series("interval", said, dtype=pl.String))
    sentences = [_depth(means, layers), _clusterers(means, layers[-1]), _tsne(means, layers), _classes(classes)]
    return [sentence for sentence in sentences if sentence]


def _best(rows: pl.DataFrame) -> tuple[float, str]:
    """Return the highest F of some cells, and in words with its interval."""
    value, interval = (
        rows.sort("f_measure", descending=True, maintain_order=True).select("f_measure", "interval").row(0)
    )
    return value, f"{value:.2f}{f' {interval}' if interval else ''}"


def _depth(means: pl.DataFrame, layers: Sequence[str]) -> str:
    found = [_best(means.filter(layer=layer)) for layer in layers]
    best = [value for value, _ in found]
    said = [words for _, words in found]
    if len(layers) == 1:
        return f"F is {said[0]} at {layers[0]}, its best clustering."
    change = best[-1] - best[0]
    ends = f"from {said[0]} at {layers[0]} to {said[-1]} at {layers[-1]} (the best clustering of each layer)"
    top, bottom = max(range(len(best)), key=best.__getitem__), min(range(len(best)), key=best.__getitem__)
    between = [
        f"{word} at {layers[i]}, {said[i]}"
        for i, word in ((top, "highest"), (bottom, "lowest"))
        if min(abs(best[i] - best[0]), abs(best[i] - best[-1])) >= _ALIKE
    ]
    also = f"; it is {' and '.join(between)}" if between else ""
    if abs(change) < _ALIKE:
        way = "ends about where it began" if between else "hardly changes with depth"
        return f"F {way}: {ends}{also}."
    steps = [after - before for before, after in pairwise(best)]
    steady = all(step > 0 for step in steps) if change > 0 else all(step < 0 for step in steps)
    largest = max(range(len(steps)), key=lambda i: steps[i] if change > 0 else -steps[i])
    way = ("rises" if change > 0 else "falls") + (
        " with every layer" if steady else " from the first layer to the last"
    )
    step = f"; the largest step is from {layers[largest]} to {layers[largest + 1]}" if len(steps) > 1 else ""
    return f"How well clusters match phones {way}: F goes {ends}{also}{step}."


def _clusterers(means: pl.DataFrame, layer: str) -> str:
    best = {
        name: _best(rows) for name in CLUSTERERS if not (rows := means.filter(layer=layer, clusterer=name)).is_empty()
    }
    if len(best) < len(CLUSTERERS):
        return ""
    (k, k_said), (s, s_said) = best["kmedians"], best["spectral"]
    if abs(k - s) < _ALIKE:
        return f"At {layer} k-medians and spectral clustering do about as well ({k_said}, {s_said})."
    ahead, behind = ("spectral clustering", "k-medians") if s > k else ("k-medians", "spectral clustering")
    more, less = (s_said, k_said) if s > k else (k_said, s_said)
    return f"At {layer} {ahead} is ahead of {behind} ({more} against {less})."


def _tsne(means: pl.DataFrame, layers: Sequence[str]) -> str:
    maps = [layer for layer in layers if layer.startswith(("conv", "mp"))]
    told = []
    for clusterer, name in CLUSTERERS.items():
        won = 0
        for layer in maps:
            of_cell = dict(means.filter(layer=layer, clusterer=clusterer).select("reduction", "f_measure").iter_rows())
            if not {"none", "pca", "tsne"} <= of_cell.keys():
                return ""
            won += of_cell["tsne"] > max(of_cell["none"], of_cell["pca"])
        told.append(f"{won} of {len(maps)} with {name}")
    return (
        f"On the convolution and pooling layers t-SNE gives the highest F in {' and in '.join(told)}." if maps else ""
    )


def _classes(classes: Sequence[Mapping[str, Any]]) -> str:
    main = [one for one in classes if one["main"]]
    if not main:
        return ""
    layer = main[-1]["layer"]
    told = []
    for one in main:
        if one["layer"] != layer:
            continue
        named = sum(bool(inferred["natural"]["significant"]) for inferred in one["classes"])
        by = "" if one["criterion"] == "given" else f", by {CRITERIA[one['criterion']]}"
        edge = ", at the edge of the range" if one["at_edge"] else ""
        clusterer = CLUSTERERS[one["clusterer"]]
        told.append(f"{one['k']} classes from {clusterer}{by}{edge} (natural classes beyond chance: {named})")
    given = main[-1]["criterion"] == "given"
    how = "With the number of classes given" if given else "Left to find the number of classes"
    return f"{how}, {layer} gives {' and '.join(told)}."
