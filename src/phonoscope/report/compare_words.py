"""What a comparison of runs says in words: names of measures, the findings, the methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from phonoscope.compared import LOWER
from phonoscope.report.words import CLUSTERERS, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from phonoscope.compared import Comparison

    Row = Mapping[str, Any]

MEASURES: Final = {
    "f_measure": "F",
    "precision": "precision",
    "recall": "recall",
    "purity": "purity",
    "phone_purity": "phone purity",
    "cluster_purity": "cluster purity",
    "pnmi": "PNMI",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
    "v_measure": "V-measure",
    "accuracy": "accuracy of the best one-to-one assignment",
    "ari": "adjusted Rand index",
    "ami": "adjusted mutual information",
    "linear_probe": "linear probe",
    "knn": "nearest neighbours",
    "abx_within": "ABX within speakers (errors)",
    "abx_across": "ABX across speakers (errors)",
    "silhouette": "silhouette",
}
PLACES: Final = {"best": "best layer", "last": "last layer", "layer": "layers of one name"}
_HEADLINES = ("f_measure", "linear_probe", "abx_across", "ami")
_TOLD = 2  # measures that findings speak of


def measure_name(measure: str) -> str:
    """Name a measure."""
    return MEASURES.get(measure, measure.replace("_", " "))


def clustering_name(reduction: str, clusterer: str) -> str:
    """Name what was measured: a clustering, or the activations."""
    if not clusterer:
        return "activations" + ("" if reduction == "none" else f", {REDUCTIONS.get(reduction, reduction)}")
    name = CLUSTERERS.get(clusterer, clusterer)
    return name if reduction == "none" else f"{name} after {REDUCTIONS.get(reduction, reduction)}"


def p_words(p: float) -> str:
    """Write a p-value as papers do."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)  # noqa: PLR2004


def p_cell(p: float) -> str:
    """Write a p-value for a table."""
    return p_words(p).removeprefix("p ").removeprefix("= ")


def compared_sentence(found: Comparison) -> str:
    """Say whether the runs' replicates are paired."""
    n, paired = found.pairs.height, int(found.pairs["paired"].sum())
    if paired == n:
        return (
            "The runs have the same samples, and each replicate is the same draw of them in all: tests are paired."
            if len(found.runs) > 2  # noqa: PLR2004
            else "Both runs have the same samples, and each replicate is the same draw of them in both: tests are "
            "paired."
        )
    share = max(found.pairs.filter(~pl.col("paired"))["shared_samples"].to_list())
    which = "The runs' samples are not the same" if not paired else f"The samples of {n - paired} of {n} pairs differ"
    shared = f" (up to {share:.0%} are shared, for which reason the tests are conservative)" if share > 0 else ""
    return f"{which}, so that replicates are independent{shared}: tests there are not paired."


def findings(found: Comparison) -> list[str]:
    """Say which run is ahead where, how much of that holds, and which classes agree."""
    told = [*_headlines(found), *_counts(found), *_agreement(found)]
    return [sentence[0].upper() + sentence[1:] for sentence in told]


def _counts(found: Comparison) -> Iterator[str]:
    tests = found.differences.filter("same_phones")
    if tests.height:
        holding = tests.filter("holds")
        ahead = [
            f"{one.name} {n} time{'s' * (n > 1)}" for one in found.runs if (n := holding.filter(ahead=one.name).height)
        ]
        among = "that were tested" if tests.height == found.differences.height else "between runs of the same phones"
        yield (
            f"Of {tests.height} differences {among}, {holding.height or 'none'} hold{'s' * (holding.height <= 1)} "
            f"after Holm's correction for all tests" + (f": ahead {_listed(ahead)}." if ahead else ".")
        )
    elif found.differences.height:
        yield (
            f"Of {found.differences.height} differences that were tested, {found.differences['holds'].sum()} hold "
            f"after Holm's correction for all of them; but they are between other phones, not between models alone."
        )


def _headlines(found: Comparison) -> Iterator[str]:
    tests = found.differences
    there = set(tests["measure"])
    chosen = [name for name in _HEADLINES if name in there] or tests["measure"].unique(maintain_order=True).to_list()
    two = len(found.runs) == 2  # noqa: PLR2004
    for measure in chosen[:_TOLD]:
        of_measure = tests.filter(measure=measure)
        lower = measure in LOWER
        # the clustering in which the runs are best at their last layers: the same for all
        means = (
            of_measure.filter(place="last")
            .group_by("reduction", "clusterer", maintain_order=True)
            .agg((pl.col("value_a") + pl.col("value_b")).mean().alias("sum"))
            .sort("sum", descending=not lower, maintain_order=True)
        )
        if means.is_empty():
            continue
        reduction, clusterer = means.row(0)[:2]
        rows = of_measure.filter(reduction=reduction, clusterer=clusterer)
        what = measure_name(measure) + (f", {clustering_name(reduction, clusterer)}" if clusterer else "")
        last, best = ([*rows.filter(place=place).iter_rows(named=True)] for place in ("last", "best"))
        same = all(
            (one["layer_a"], one["layer_b"]) == (other["layer_a"], other["layer_b"])
            for one, other in zip(last, best, strict=True)
        )
        for place, of_place in (("best layer, which is the last", best),) if same else (
            ("last layer", last), ("best layer", best)
        ):  # fmt: skip
            said = _pair(of_place[0]) if two else _ranking(of_place, lower=lower)
            yield f"{what}, at the {place}: {said}"
        if two:
            yield from _where(rows, found, measure)


def _pair(row: Row) -> str:
    first, second = ("a", "b") if (row["difference"] > 0) != (row["measure"] in LOWER) else ("b", "a")
    names = [f"{row[f'run_{side}']} ({row[f'layer_{side}']}) {row[f'value_{side}']:.3f}" for side in (first, second)]
    size, low, high = abs(row["difference"]), row["low"], row["high"]
    if row["difference"] < 0:
        low, high = -high, -low
    interval = f"{size:.3f} [{low:.3f}, {high:.3f}]"
    if not row["holds"]:
        return f"{names[0]}, {names[1]}; the difference, {interval}, does not hold ({p_words(row['p_holm'])})."
    if not row["same_phones"]:
        return f"{names[0]}, {names[1]}; a difference of {interval} ({p_words(row['p_holm'])}), but of other phones."
    return f"{names[0]} is ahead of {names[1]} by {interval} ({p_words(row['p_holm'])})."


def _ranking(rows: Iterable[Row], *, lower: bool) -> str:
    values: dict[str, tuple[float, str]] = {}
    alike, other, compared = [], [], 0
    for row in rows:
        for side in ("a", "b"):
            values[row[f"run_{side}"]] = row[f"value_{side}"], row[f"layer_{side}"]
        pair = f"{row['run_a']} / {row['run_b']}"
        compared += row["same_phones"]
        if not row["same_phones"]:
            other.append(pair)
        elif not row["holds"]:
            alike.append(pair)
    order = sorted(values, key=lambda name: values[name][0], reverse=not lower)
    said = [", ".join(f"{name} {values[name][0]:.3f} ({values[name][1]})" for name in order)]
    if compared and alike:
        said.append(f"no difference holds between {_listed(alike)}")
    elif compared:
        said.append("every difference between runs of the same phones holds")
    if other:
        said.append(f"of other phones: {', '.join(other)}")
    return f"{'; '.join(said)}."


def _where(rows: pl.DataFrame, found: Comparison, measure: str) -> Iterator[str]:
    layers = rows.filter((pl.col("place") == "layer") & pl.col("same_phones"))
    if layers.is_empty():
        return
    parts = []
    for one in found.runs:
        at = layers.filter(ahead=one.name)["layer_a"].to_list()
        if at:
            parts.append(f"{one.name} is ahead at {_listed(at)}")
    rest = layers.filter(~pl.col("holds"))["layer_a"].to_list()
    if rest:
        parts.append(f"nothing holds at {_listed(rest)}")
    yield f"{measure_name(measure)}, at layers of one name: {'; '.join(parts)}."


def _agreement(found: Comparison) -> Iterator[str]:
    last = found.classes.filter(pl.col("place").str.contains("last"))
    if last.is_empty():
        return
    row = last.sort("ari", descending=True, maintain_order=True).row(0, named=True)
    shared = [one for one in row["identical"].split(", ") if " " in one]
    same = f"; the same in both: {', '.join(f'/{one}/' for one in shared)}" if shared else ""
    whose = "their" if len(found.runs) == 2 else f"{row['run_a']}'s and {row['run_b']}'s"  # noqa: PLR2004
    verdict = "agree beyond chance" if row["holds"] else "do not agree beyond chance"
    yield (
        f"At the last layer {whose} classes of {row['n_phones']} phones from "
        f"{clustering_name('none', row['clusterer'])} "
        f"{verdict}: adjusted Rand index {row['ari']:.2f} ({p_words(row['p_holm'])}){same}."
    )


def _listed(items: Iterable[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def compare_methods(found: Comparison, version: str) -> str:
    """Describe how the runs were compared, ready to paste into a paper."""
    replicates = sorted({of.keys.height for one in found.runs for of in one.draws.values()})
    number = (
        f"{replicates[0]}" if len(replicates) == 1 else f"{replicates[0]} to {replicates[-1]}" if replicates else "0"
    )
    paired = int(found.pairs["paired"].sum())
    how = (
        "paired, as both runs had the same samples and draws"
        if paired == found.pairs.height
        else "of independent replicates, as the runs' samples differ"
        if not paired
        else f"paired for {paired} of {found.pairs.height} pairs of runs, which had the same samples and draws, and of "
        "independent replicates for the others"
    )
    text = (
        f"{len(found.runs)} runs were compared with phonoscope {version}. Every measure has {number} bootstrap "
        f"replicates a run (over the samples of the panel and, where there are several, seeds of the clustering). "
        f"Differences are {how}; intervals are the 2.5th and 97.5th percentiles of the replicates' differences, moved "
        f"to a mean at the difference; "
        f"two-sided p-values those of the difference over its bootstrap standard error in the normal distribution. "
        f"Runs were compared at their last layers, at their best layers (chosen anew in every replicate), and at "
        f"layers of the same name. p-values were corrected for all {found.differences.height} tests by Holm's method "
        f"(1979); a difference is said to hold if its corrected p-value is below .05 and its interval excludes 0. "
        f"Relative depth is a layer's number over that of the last layer. "
    )
    if found.classes.height:
        text += (
            f"Classes of phones were compared on the phones that both runs have, each in the class with most of its "
            f"samples, by the adjusted Rand index (Hubert and Arabie 1985); p-values are those of random exchanges of "
            f"the phones, corrected for {found.classes.height} tests by Holm's method. "
        )
    if found.samples.height:
        text += "Clusters of the same samples were compared by adjusted mutual information (Vinh et al. 2010)."
    return text.strip()
