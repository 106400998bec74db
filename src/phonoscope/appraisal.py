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
from phonoscope.lending import Lent
from phonoscope.parallel import one_blas_thread, slices
from phonoscope.results import Run
from phonoscope.workers import Here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.settings import EvaluationSettings, Settings
    from phonoscope.workers import Workers

    Outcomes = dict[str, NDArray[np.float64]]
    Measures = dict[str, NDArray[np.float64]]
    Key = tuple[str, str, str, int]  # layer, reduction, clusterer, k

_TABLES = ("measures.csv", "replicates.parquet", "tests.csv")
_OUTCOMES = "outcomes.parquet"
_WEIGHTS = 4_000_000  # weights that a measure of activations is taken with at a time


def appraise(run: Run, settings: Settings, progress: Progress, workers: Workers | None = None) -> None:
    """Measure the layers of a run that has been clustered, and write what comes out.

    Writes `outcomes.parquet` (each sample's outcome of each measure of the activations), puts these measures into
    `scores.csv`, and writes `measures.csv` (every measure with its interval and its level of chance),
    `replicates.parquet` (their bootstrap replicates) and `tests.csv` (differences between layers). Nothing is done if
    all that is there already. Layers and clusterings are shared out among `workers`, or among the threads here.
    """
    if _is_done(run):
        return
    workers = workers or Here()
    panel = run.panel.sort("sample")
    labels = _labels(run)
    seeds = list(dict.fromkeys(seed for of_seeds in labels.values() for seed in of_seeds))
    weights = _Weights(panel, settings.evaluation.replicates)
    with progress.bar("measures", len(run.layers) + len(labels) * len(seeds), "layers and clusterings") as advance:
        layers = list(run.layers)
        by_layer: dict[str, tuple[Outcomes, Outcomes]] = {}

        def lent(layer: str) -> Lent:
            return Lent.of(run.path, ("activations/layers.json", f"activations/{layer}.npy"))

        given = panel.select("phone", "speaker", "utterance"), settings.seed, settings.clustering.memory
        for i, of_layer in workers.map(_outcomes, layers, shared=given, whole=True, lent=lent, name="layer {}".format):
            by_layer[layers[i]] = of_layer
            advance(1)
        outcomes = {layer: by_layer[layer] for layer in layers}
        found = _of_activations(panel, outcomes, seeds, weights, workers)
        found += _of_clusters(panel, labels, seeds, weights, settings.evaluation, advance, workers)
    confidence = settings.evaluation.confidence
    write_frame(_with_activations(run.scores, found), run.path / "scores.csv")
    write_frame(_outcomes_table(outcomes), run.path / _OUTCOMES)
    write_frame(measures_table(found, confidence), run.path / "measures.csv")
    write_frame(replicates_table(found), run.path / "replicates.parquet")
    write_frame(tests_table(found, confidence), run.path / "tests.csv")


def _is_done(run: Run) -> bool:
    """Tell whether everything is there; scores that were made anew lack the measures of the activations."""
    if not all((run.path / name).exists() for name in (*_TABLES, _OUTCOMES)):
        return False
    measured = set(pl.scan_parquet(run.path / _OUTCOMES, glob=False).collect_schema()) - {"layer", "sample"}
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


def _outcomes(layer: str, folder: Path, panel: pl.DataFrame, seed: int, memory: float) -> tuple[Outcomes, Outcomes]:
    """Return each sample's outcome of each measure of a layer, and the same of shuffled phones."""
    phones, speakers, utterances = (panel[name].to_numpy() for name in ("phone", "speaker", "utterance"))
    X = Run(folder).activations(layer)
    with one_blas_thread():
        return layer_and_chance_outcomes(X, phones, speakers, utterances, seed=seed, memory=memory)


def _of_activations(
    panel: pl.DataFrame,
    outcomes: Mapping[str, tuple[Outcomes, Outcomes]],
    seeds: Sequence[int],
    weights: _Weights,
    workers: Workers,
) -> list[Appraised]:
    """Measure the layers as they are: replicates weigh the samples' outcomes."""
    phone_index = np.unique(panel["phone"].to_numpy(), return_inverse=True)[1]
    layers = list(outcomes)
    replicates: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    chance: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for seed in seeds:
        shared = phone_index, weights(seed)
        for i, drawn in workers.map(_replicates, outcomes.values(), shared=shared, name=_replicates_name):
            for which, into in zip(drawn, (replicates, chance), strict=True):
                for name, values in which.items():
                    into.setdefault((layers[i], name), []).append(values)
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


def _replicates(
    outcomes: tuple[Outcomes, Outcomes], phone_index: NDArray[np.integer], weights: NDArray[np.uint16]
) -> tuple[Measures, Measures]:
    """Return the measures of a layer on all replicates, true and of shuffled phones, shape (replicates,)."""
    blocks = slices(len(weights), max(1, _WEIGHTS // len(phone_index)))
    true, shuffled = (
        {
            name: np.concatenate([measure_value(outcome, phone_index, weights[rows]) for rows in blocks])
            for name, outcome in which.items()
        }
        for which in outcomes
    )
    return true, shuffled


def _replicates_name(_outcomes: tuple[Outcomes, Outcomes]) -> str:
    return "replicates of a layer's measures"


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


def _labels(run: Run) -> dict[Key, dict[int, NDArray[np.unsignedinteger]]]:
    """Return the cluster of each sample, by cell and seed, in the order of the grid, in as few bytes as hold them."""
    found: dict[Key, dict[int, NDArray[np.unsignedinteger]]] = {}
    keys = ("layer", "reduction", "clusterer", "k", "seed")
    for of in run.layers:  # not all at a time: their names take more room than the clusters
        for (*key, seed), rows in run.clusters_of(of).partition_by(keys, as_dict=True, maintain_order=True).items():
            layer, reduction, clusterer, k = key
            of_seeds = found.setdefault((str(layer), str(reduction), str(clusterer), int(k)), {})
            clusters = rows.sort("sample")["cluster"].to_numpy()
            of_seeds[int(seed)] = clusters.astype(np.min_scalar_type(int(clusters.max())))
    return found


def _of_clusters(
    panel: pl.DataFrame,
    labels: dict[Key, dict[int, NDArray[np.unsignedinteger]]],
    seeds: Sequence[int],
    weights: _Weights,
    settings: EvaluationSettings,
    advance: Callable[[int], None],
    workers: Workers,
) -> list[Appraised]:
    """Measure all clusterings; those of one seed are drawn from the same replicates of the panel."""
    phone_index = np.unique(panel["phone"].to_numpy(), return_inverse=True)[1]
    measured: dict[tuple[Key, int], tuple[Measures, Measures, Measures]] = {}
    for seed in seeds:
        items = [(key, of_seeds[seed]) for key, of_seeds in labels.items() if seed in of_seeds]
        advance(len(labels) - len(items))
        shared = phone_index, weights(seed), settings.shuffles, seed
        for i, of_cell in workers.map(_measure, items, shared=shared, name=_cell_name):
            measured[items[i][0], seed] = of_cell
            advance(1)
    found = []
    for key, of_seeds in labels.items():
        of = [measured[key, seed] for seed in of_seeds]
        own, again, chance = ({name: np.array([one[i][name] for one in of]) for name in of[0][i]} for i in range(3))
        values = {name: value[:, 0] for name, value in own.items()}
        by_chance = {name: value.ravel() for name, value in chance.items()}
        found.append(Appraised(*key, list(of_seeds), values, again, by_chance))
    return found


def _measure(
    cell: tuple[Key, NDArray[np.unsignedinteger]],
    phone_index: NDArray[np.integer],
    drawn: NDArray[np.uint16],
    shuffles: int,
    seed: int,
) -> tuple[Measures, Measures, Measures]:
    """Measure a clustering: on the panel, on its replicates, and with shuffled phones."""
    clusters = cell[1]
    once = np.ones((1, len(phone_index)), np.int64)
    shuffled = shuffled_tables(phone_index, clusters, shuffles, seed)
    tables = [count_tables(phone_index, clusters, w) for w in (once, drawn)]
    own, again, chance = (cluster_measures(table) for table in (*tables, shuffled))
    return own, again, chance


def _cell_name(cell: tuple[Key, NDArray[np.unsignedinteger]]) -> str:
    return "replicates of {}, {}, {} into {}".format(*cell[0])
