"""What the report calls things."""

from __future__ import annotations

from typing import Final

CLUSTERERS: Final = {"kmedians": "k-medians", "spectral": "spectral clustering"}
REDUCTIONS: Final = {"none": "no reduction", "pca": "PCA", "tsne": "t-SNE"}
CRITERIA: Final = {
    "ratio": "within/between ratio",
    "first_minimum": "first minimum of the ratio",
    "davies_bouldin": "Davies-Bouldin",
    "silhouette": "silhouette",
    "eigengap": "eigengap",
    "stability": "stability",
    "given": "k given",
    "paper": "the paper's k (17 and 7)",
}
PAPER: Final = {"conv1": 0.34, "D3": 0.74}
"""F that the paper's abstract states for spectral clustering after t-SNE, by layer."""
BASES: Final = {"means": "mean activations", "clusters": "shared clusters"}
PROJECTIONS: Final = {"pca": "3-D PCA", "tsne": "3-D t-SNE"}
TARGETS: Final = {"f1": "F1", "f2": "F2", "voicing": "voicing", "nasality": "nasality"}
SCALARS: Final = {"mean": "mean activation", "centroid": "centre of gravity in frequency"}


def short_corpus(corpus: str) -> str:
    """Name a corpus by its folder or file."""
    name = corpus.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return "the built-in synthetic French" if name == "built-in" else name
