"""The grid: every layer, in every reduction, by every clusterer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.measuring import embed_with, labels_of
from phonoscope.clustering.spectral import agreement
from phonoscope.evaluation.cluster_measures import cluster_measures
from phonoscope.evaluation.separability import Separability, contingency, separability
from phonoscope.reduction.distances import MEMORY
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from phonoscope.clustering.embedding import Embedding
    from phonoscope.settings import ClusteringSettings, ReductionSettings

Reduction = Literal["none", "pca", "tsne"]
Clusterer = Literal["kmedians", "spectral"]
REDUCTIONS: tuple[Reduction, ...] = ("none", "pca", "tsne")
CLUSTERERS: tuple[Clusterer, ...] = ("kmedians", "spectral")


@dataclass(frozen=True)
class Cell:
    """One clustering of one layer's activations."""

    layer: str
    reduction: Reduction
    clusterer: Clusterer
    k: int
    seed: int


@dataclass(frozen=True)
class CellResult:
    """What came out of a cell.

    Attributes
    ----------
    labels
        Cluster of each sample, shape (n,), any whole numbers.
    separability
        The measures against the phones.
    details
        What else there is to say of the clustering, one figure a name.
    measures
        Every measure against the phones, see `phonoscope.evaluation.cluster_measures`.
    """

    cell: Cell
    labels: NDArray[np.integer]
    separability: Separability
    details: dict[str, float | str | None]
    measures: dict[str, float] = field(default_factory=dict)


def reduce_by_pca(
    activations: NDArray[np.float32],
    settings: ReductionSettings,
    products: NDArray[np.float64] | None = None,
    memory: float = MEMORY,
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Reduce one layer's activations by PCA.

    Parameters
    ----------
    activations
        Samples × units, shape (n, d).
    settings
        Share of variance.
    products
        What `phonoscope.reduction.distances.centred_products` gives for the activations, where it is known already.
    memory
        GB, as in `phonoscope.reduction.pca.pca`.

    Returns
    -------
    The scores, shape (n, m), and the figures that describe them.
    """
    components = pca(activations, settings.pca_variance, products=products, memory=memory)
    return components.scores, {"variance_kept": float(components.share.sum())}


def reduce_by_tsne(
    scores: NDArray[np.float32], settings: ReductionSettings, seed: int, memory: float = MEMORY
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Reduce one layer by t-SNE.

    Parameters
    ----------
    scores
        What `reduce_by_pca` gives, shape (n, d): t-SNE starts from it.
    settings
        Dimensions, iterations and perplexity. On a small panel the perplexity is lowered to a third of the other
        samples, as a larger one has no neighbourhoods to tell apart.
    seed
        Of the start where PCA gives none.
    memory
        GB that the forces of all pairs may take: of more samples in the plane they are interpolated on a grid.

    Returns
    -------
    The embedding, shape (n, m), and the figures that describe it.
    """
    perplexity = min(settings.perplexity, (len(scores) - 1) / 3)
    tsne = TSNE(
        settings.tsne_dimensions,
        perplexity=perplexity,
        max_iter=settings.tsne_iterations,
        memory=memory,
        random_state=seed,
    ).fit(scores)
    return tsne.embedding_, {"kl_divergence": tsne.kl_divergence_, "perplexity": perplexity}


def run_cell(
    X: NDArray[np.float32],
    phones: Sequence[str],
    cell: Cell,
    settings: ClusteringSettings,
    embedding: Embedding | None = None,
) -> CellResult:
    """Cluster one layer in one reduction and measure the clusters.

    Parameters
    ----------
    X
        Samples × dimensions, shape (n, m).
    phones
        The phone of each sample.
    cell
        Which clusterer, how many clusters, which seed.
    settings
        The clusterers' settings.
    embedding
        What `phonoscope.clustering.measuring.embed_with` gives for X and at least the cell's number of clusters, where
        it is known already.
    """
    details: dict[str, float | str | None] = {
        "dimensions": X.shape[1],
        "variance_kept": None,
        "kl_divergence": None,
    }
    details |= {"perplexity": None, "inertia": None, "iterations": None, "sigma": None, "contrast": None}
    details |= {"method": None, "agreement": None}
    if cell.clusterer == "kmedians":
        kmedians = KMedians(
            cell.k,
            init=settings.kmedians_init,
            n_init=settings.kmedians_restarts,
            max_iter=settings.max_iterations,
            random_state=cell.seed,
        ).fit(X)
        labels = kmedians.labels_
        details |= {"inertia": kmedians.inertia_, "iterations": kmedians.n_iter_}
    else:
        found = embedding or embed_with(settings, X, cell.k, cell.seed)
        labels = labels_of(found, cell.k, cell.seed)
        details |= {"sigma": float(np.median(found.sigma)), "contrast": found.contrast, "method": found.method}
        if found.method != "exact":
            details["agreement"] = agreement(X, labels, cell.k, found.sigma, kernel=settings.kernel, seed=cell.seed)
    return CellResult(cell, labels, separability(phones, labels), details, measures_of(phones, labels))


def measures_of(phones: Sequence[str], labels: NDArray[np.integer]) -> dict[str, float]:
    """Return every measure of clusters against phones."""
    return {name: float(value) for name, value in cluster_measures(contingency(phones, labels)[2]).items()}


def scores_table(results: Sequence[CellResult]) -> pl.DataFrame:
    """Make the table of `scores.csv`, a row a cell."""
    rows: list[dict[str, Any]] = []
    for result in results:
        cell, measured = result.cell, result.separability
        rows.append(
            {
                "layer": cell.layer,
                "reduction": cell.reduction,
                "clusterer": cell.clusterer,
                "k": cell.k,
                "seed": cell.seed,
                "precision": measured.precision,
                "recall": measured.recall,
                "f_measure": measured.f_measure,
                "n_samples": measured.n_samples,
                "n_phones": measured.n_phones,
                "n_phones_found": measured.n_phones_found,
                "purity": measured.purity,
                "found_precision": measured.found_precision,
                "found_recall": measured.found_recall,
                "found_f_measure": measured.found_f_measure,
                **result.details,
            }
            | {name: value for name, value in result.measures.items() if not hasattr(measured, name)}
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def cluster_tables(results: Iterable[CellResult]) -> Iterator[pl.DataFrame]:
    """Make the tables, one a cell, of which `clusters.parquet` consists: a row a sample."""
    for result in results:
        yield pl.DataFrame(
            {"sample": np.arange(len(result.labels)), "cluster": result.labels.astype(np.int64)},
        ).select(
            "sample",
            pl.lit(result.cell.layer).alias("layer"),
            pl.lit(result.cell.reduction).alias("reduction"),
            pl.lit(result.cell.clusterer).alias("clusterer"),
            pl.lit(result.cell.k, dtype=pl.Int64).alias("k"),
            pl.lit(result.cell.seed, dtype=pl.Int64).alias("seed"),
            "cluster",
        )
