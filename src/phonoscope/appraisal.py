"""Every measure of every layer with its interval and its level of chance, and which differences between layers hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.evaluation.appraisal_tables import Appraised, measures_table, replicates_table, tests_table
from phonoscope.evaluation.bootstrap import count_tables, resampling_weights, shuffled_tables
from phonoscope.evaluation.cluster_measures import cluster_measures
from phonoscope.files import write_frame
from phonoscope.parallel import each

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import EvaluationSettings, Settings

    Measures = dict[str, NDArray[np.float64]]
    Key = tuple[str, str, str, int]  # layer, reduction, clusterer, k

_TABLES = ("measures.csv", "replicates.parquet", "tests.csv")
_OUTCOMES = "outcomes.parquet"


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
    seeds = len({seed for of_seeds in labels.values() for seed in of_seeds})
    with progress.bar("measures", len(labels) * seeds) as advance:
        found = _of_clusters(panel, labels, settings.evaluation, advance)
    confidence = settings.evaluation.confidence
    write_frame(pl.DataFrame({"layer": [], "sample": []}), run.path / _OUTCOMES)
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
    settings: EvaluationSettings,
    advance: Callable[[int], None],
) -> list[Appraised]:
    """Measure all clusterings; those of one seed are drawn from the same replicates of the panel."""
    phones = panel["phone"].to_numpy()
    phone_index = np.unique(phones, return_inverse=True)[1]
    once = np.ones((1, len(phones)), np.int64)
    measured: dict[tuple[Key, int], tuple[Measures, Measures, Measures]] = {}
    for seed in dict.fromkeys(seed for of_seeds in labels.values() for seed in of_seeds):
        weights = resampling_weights(phones, panel["speaker"].to_numpy(), settings.replicates, seed)

        def measure(key: Key, seed: int = seed, weights: NDArray[np.uint16] = weights) -> None:
            if seed in labels[key]:
                clusters = labels[key][seed]
                shuffled = shuffled_tables(phone_index, clusters, settings.shuffles, seed)
                tables = [count_tables(phone_index, clusters, w) for w in (once, weights)]
                own, again, chance = (cluster_measures(table) for table in (*tables, shuffled))
                measured[key, seed] = own, again, chance
            advance(1)

        each(measure, labels)
    found = []
    for key, of_seeds in labels.items():
        own, again, chance = (
            {name: np.array([measured[key, seed][i][name] for seed in of_seeds]) for name in measured[key, seed][0]}
            for i in range(3)
            for seed in [next(iter(of_seeds))]
        )
        values = {name: value[:, 0] for name, value in own.items()}
        by_chance = {name: value.ravel() for name, value in chance.items()}
        found.append(Appraised(*key, list(of_seeds), values, again, by_chance))
    return found
