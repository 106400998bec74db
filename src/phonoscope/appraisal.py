"""Every measure of every layer with its interval and its level of chance, and which differences between layers hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.evaluation.appraisal_tables import Appraised, measures_table, replicates_table, tests_table
from phonoscope.evaluation.bootstrap import centred, count_tables, resampling_weights, shuffled_tables
from phonoscope.evaluation.cluster_measures import cluster_measures
from phonoscope.evaluation.layer_measures import layer_and_chance_outcomes
from phonoscope.evaluation.outcomes import measure_value
from phonoscope.files import write_frame
from phonoscope.parallel import each, one_blas_thread, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import EvaluationSettings, Settings

    Outcomes = dict[str, NDArray[np.float64]]
    Measures = dict[str, NDArray[np.float64]]
    Key = tuple[str, str, str, int]  # layer, reduction, clusterer, k

_TABLES = ("measures.csv", "replicates.parquet", "tests.csv")
_OUTCOMES = "outcomes.parquet"
_WEIGHTS = 4_000_000  # weights that a measure of activations is taken with at a time


def appraise(run: Run, settings: Settings, progress: Progress) -> None:
    """Measure the layers of a run that has been clustered, and write what comes out.

    Writes `outcomes.parquet` (each sample's outcome of each measure of the activations), puts these measures into
    `scores.csv`, and writes `measures.csv` (every measure with its interval and its level of chance),
    `replicates.parquet` (their bootstrap replicates) and `tests.csv` (differences between layers). Nothing is done if
    all that is there already.
    """
    if _is_done(run):
        return
    panel = run.panel.sort("sample")
    labels = _labels(run)
    seeds = list(dict.fromkeys(seed for of_seeds in labels.values() for seed in of_seeds))
    weights = _Weights(panel, settings.evaluation.replicates)
    with progress.bar("measures", len(run.layers) + len(labels) * len(seeds)) as advance:
        outcomes = {}
        for layer in run.layers:
            with one_blas_thread():
                outcomes[layer] = _outcomes(run, layer, panel, settings)
            advance(1)
        found = _of_activations(panel, outcomes, seeds, weights)
        found += _of_clusters(panel, labels, seeds, weights, settings.evaluation, advance)
    confidence = settings.evaluation.confidence
    write_frame(_with_activations(run.scores, found), run.path / "scores.csv")
    write_frame(_outcomes_table(outcomes), run.path / _OUTCOMES)
    write_frame(measures_table(found, confidence), run.path / "measures.csv")
    write_frame(replicates_table(found), run.path / "replicates.parquet")
    write_frame(tests_table(found, confidence), run.path / "tests.csv")


def forget_appraisal(run: Run) -> None:
    """Remove what was measured on activations that are to be made anew."""
    for name in (*_TABLES, _OUTCOMES):
        (run.path / name).unlink(missing_ok=True)


def _is_done(run: Run) -> bool:
    """Tell whether everything is there; scores that were made anew lack the measures of the activations."""
    if not all((run.path / name).exists() for name in (*_TABLES, _OUTCOMES)):
        return False
    measured = set(pl.read_parquet_schema(run.path / _OUTCOMES)) - {"layer", "sample"}
    return measured <= set(run.scores.columns)


class _Weights:
    """The replicates of a panel by seed, of which those of the seed last asked for are kept."""

    def __init__(self, panel: pl.DataFrame, replicates: int) -> None:
        self._panel, self._replicates = panel, replicates
        self._last: tuple[int, NDArray[np.uint16]] | None = None

    def __call__(self, seed: int) -> NDArray[np.uint16]:
        if self._last is None or self._last[0] != seed:
            phones, speakers = (self._panel[name].to_numpy() for name in ("phone", "speaker"))
            self._last = seed, resampling_weights(phones, speakers, self._replicates, seed)
        return self._last[1]


def _outcomes(run: Run, layer: str, panel: pl.DataFrame, settings: Settings) -> tuple[Outcomes, Outcomes]:
    """Return each sample's outcome of each measure of a layer, and the same of shuffled phones."""
    phones, speakers, utterances = (panel[name].to_numpy() for name in ("phone", "speaker", "utterance"))
    return layer_and_chance_outcomes(
        run.activations(layer),
        phones,
        speakers,
        utterances,
        seed=settings.seed,
        memory=settings.clustering.memory,
    )


def _of_activations(
    panel: pl.DataFrame,
    outcomes: Mapping[str, tuple[Outcomes, Outcomes]],
    seeds: Sequence[int],
    weights: _Weights,
) -> list[Appraised]:
    """Measure the layers as they are: replicates weigh the samples' outcomes."""
    phone_index = np.unique(panel["phone"].to_numpy(), return_inverse=True)[1]
    replicates: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    chance: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for seed in seeds:
        blocks = slices(len(weights(seed)), max(1, _WEIGHTS // len(phone_index)))
        for layer, (true, shuffled) in outcomes.items():
            for which, into in ((true, replicates), (shuffled, chance)):
                for name, outcome in which.items():
                    values = [measure_value(outcome, phone_index, weights(seed)[rows]) for rows in blocks]
                    into.setdefault((layer, name), []).append(np.concatenate(values))
    found = []
    for layer, (true, shuffled) in outcomes.items():
        own = {name: np.full(len(seeds), measure_value(outcome, phone_index)) for name, outcome in true.items()}
        again = {name: np.array(replicates[layer, name]) for name in true}
        by_chance = {
            name: centred(measure_value(outcome, phone_index)[None], np.ravel(chance[layer, name])[None])[0]
            for name, outcome in shuffled.items()
        }
        found.append(Appraised(layer, "none", "", None, seeds, own, again, by_chance))
    return found


def _with_activations(scores: pl.DataFrame, found: Sequence[Appraised]) -> pl.DataFrame:
    """Put the measures of the activations into the rows of `scores.csv` that have no reduction."""
    rows = [
        {"layer": one.layer} | {name: _number(value[0]) for name, value in one.values.items()}
        for one in found
        if not one.clusterer
    ]
    columns = pl.DataFrame(rows, schema_overrides={"layer": pl.String}, infer_schema_length=None)
    names = [name for name in columns.columns if name != "layer"]
    joined = scores.drop(names, strict=False).join(columns, on="layer", how="left", maintain_order="left")
    unreduced = pl.col("reduction") == "none"
    return joined.with_columns(pl.when(unreduced).then(pl.col(name).cast(pl.Float64)).alias(name) for name in names)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _outcomes_table(outcomes: Mapping[str, tuple[Outcomes, Outcomes]]) -> pl.DataFrame:
    """Make the table of `outcomes.parquet`, a row a layer and sample, NaN where a sample has no outcome."""
    return pl.concat(
        pl.DataFrame(
            {"sample": np.arange(len(next(iter(true.values())))), **{k: v.astype(np.float32) for k, v in true.items()}}
        ).select(pl.lit(layer).alias("layer"), pl.all())
        for layer, (true, _) in outcomes.items()
    )


def _labels(run: Run) -> dict[Key, dict[int, NDArray[np.int64]]]:
    """Return the cluster of each sample, by cell and seed, in the order of the grid."""
    found: dict[Key, dict[int, NDArray[np.int64]]] = {}
    keys = ("layer", "reduction", "clusterer", "k", "seed")
    for (*key, seed), rows in run.clusters.partition_by(keys, as_dict=True, maintain_order=True).items():
        layer, reduction, clusterer, k = key
        of_seeds = found.setdefault((str(layer), str(reduction), str(clusterer), int(k)), {})
        of_seeds[int(seed)] = rows.sort("sample")["cluster"].to_numpy()
    return found


def _of_clusters(
    panel: pl.DataFrame,
    labels: dict[Key, dict[int, NDArray[np.int64]]],
    seeds: Sequence[int],
    weights: _Weights,
    settings: EvaluationSettings,
    advance: Callable[[int], None],
) -> list[Appraised]:
    """Measure all clusterings; those of one seed are drawn from the same replicates of the panel."""
    phone_index = np.unique(panel["phone"].to_numpy(), return_inverse=True)[1]
    once = np.ones((1, len(phone_index)), np.int64)
    measured: dict[tuple[Key, int], tuple[Measures, Measures, Measures]] = {}
    for seed in seeds:
        drawn_panels = weights(seed)

        def measure(key: Key, seed: int = seed, drawn: NDArray[np.uint16] = drawn_panels) -> None:
            if seed in labels[key]:
                clusters = labels[key][seed]
                shuffled = shuffled_tables(phone_index, clusters, settings.shuffles, seed)
                tables = [count_tables(phone_index, clusters, w) for w in (once, drawn)]
                own, again, chance = (cluster_measures(table) for table in (*tables, shuffled))
                measured[key, seed] = own, again, chance
            advance(1)

        each(measure, labels)
    found = []
    for key, of_seeds in labels.items():
        of = [measured[key, seed] for seed in of_seeds]
        own, again, chance = ({name: np.array([one[i][name] for one in of]) for name in of[0][i]} for i in range(3))
        values = {name: value[:, 0] for name, value in own.items()}
        by_chance = {name: value.ravel() for name, value in chance.items()}
        found.append(Appraised(*key, list(of_seeds), values, again, by_chance))
    return found
