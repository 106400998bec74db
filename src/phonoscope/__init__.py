"""See which phones each layer of an acoustic model has learned.

>>> import phonoscope
>>> settings = phonoscope.Settings().changed({"probing.n_per_phone": 50})  # doctest: +SKIP
>>> result = phonoscope.run("my-corpus", out="runs/mine", settings=settings)  # doctest: +SKIP
>>> result.scores  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phonoscope.clustering.kmedians import KMedians
    from phonoscope.clustering.spectral import SpectralClustering
    from phonoscope.corpus.built_in import built_in_corpus
    from phonoscope.corpus.reading import read_corpus
    from phonoscope.corpus.types import Corpus, Segment, Utterance
    from phonoscope.errors import PhonoscopeError
    from phonoscope.evaluation.separability import Separability, separability
    from phonoscope.experiment import run
    from phonoscope.reduction.pca import pca
    from phonoscope.reduction.tsne import TSNE
    from phonoscope.results import Run
    from phonoscope.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "TSNE",
    "Corpus",
    "KMedians",
    "PhonoscopeError",
    "Run",
    "Segment",
    "Separability",
    "Settings",
    "SpectralClustering",
    "Utterance",
    "__version__",
    "built_in_corpus",
    "pca",
    "read_corpus",
    "run",
    "separability",
]

# Public names are imported when they are asked for: torch, numba and scikit-learn take seconds to load, and neither
# `phonoscope --help` nor the processes that make the built-in corpus need them.
_HOMES = {
    "TSNE": "reduction.tsne",
    "Corpus": "corpus.types",
    "KMedians": "clustering.kmedians",
    "PhonoscopeError": "errors",
    "Run": "results",
    "Segment": "corpus.types",
    "Separability": "evaluation.separability",
    "Settings": "settings",
    "SpectralClustering": "clustering.spectral",
    "Utterance": "corpus.types",
    "built_in_corpus": "corpus.built_in",
    "pca": "reduction.pca",
    "read_corpus": "corpus.reading",
    "run": "experiment",
    "separability": "evaluation.separability",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
