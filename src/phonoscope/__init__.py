"""See which phones each layer of an acoustic model has learned.

>>> import phonoscope
>>> settings = phonoscope.Settings().changed({"probing.n_per_phone": 50})  # doctest: +SKIP
>>> result = phonoscope.run("my-corpus", out="runs/mine", settings=settings)  # doctest: +SKIP
>>> result.scores  # doctest: +SKIP
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phonoscope.checkup import Checkup, check
    from phonoscope.clustering.curves import Selection
    from phonoscope.clustering.kmedians import KMedians
    from phonoscope.clustering.selection import choose_k
    from phonoscope.clustering.spectral import SpectralClustering
    from phonoscope.compared import Comparison
    from phonoscope.comparison import compare
    from phonoscope.corpus.built_in import built_in_corpus
    from phonoscope.corpus.reading import read_corpus
    from phonoscope.corpus.types import Corpus, Segment, Utterance
    from phonoscope.cutting import cut_samples
    from phonoscope.errors import PhonoscopeError
    from phonoscope.evaluation.separability import Separability, separability
    from phonoscope.experiment import run
    from phonoscope.model_run import probe
    from phonoscope.models.adapter import Adapter
    from phonoscope.phonology.natural import NaturalClass, natural_class
    from phonoscope.redrawing import redraw
    from phonoscope.reduction.pca import pca
    from phonoscope.reduction.tsne import TSNE
    from phonoscope.results import Run
    from phonoscope.settings import Settings

__version__ = "0.1.0"

# Threads of a parallel region wait for each other by spinning, in GNU's OpenMP (which numba and torch use) for a very
# long time. On a machine that is busy with other work each of thousands of short regions then lasts until the other
# program gives the core away: a sweep with two threads took twenty times as long as with one. So they sleep after some
# microseconds. The library reads this when it is loaded: it stands before any import of numba or torch. What a user has
# set stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__all__ = [
    "TSNE",
    "Adapter",
    "Checkup",
    "Comparison",
    "Corpus",
    "KMedians",
    "NaturalClass",
    "PhonoscopeError",
    "Run",
    "Segment",
    "Selection",
    "Separability",
    "Settings",
    "SpectralClustering",
    "Utterance",
    "__version__",
    "built_in_corpus",
    "check",
    "choose_k",
    "compare",
    "cut_samples",
    "natural_class",
    "pca",
    "probe",
    "read_corpus",
    "redraw",
    "run",
    "separability",
]

# Public names are imported when they are asked for: torch, numba and scikit-learn take seconds to load, and neither
# `phonoscope --help` nor the processes that make the built-in corpus need them.
_HOMES = {
    "TSNE": "reduction.tsne",
    "Adapter": "models.adapter",
    "Checkup": "checkup",
    "Comparison": "compared",
    "Corpus": "corpus.types",
    "KMedians": "clustering.kmedians",
    "NaturalClass": "phonology.natural",
    "PhonoscopeError": "errors",
    "Run": "results",
    "Segment": "corpus.types",
    "Selection": "clustering.curves",
    "Separability": "evaluation.separability",
    "Settings": "settings",
    "SpectralClustering": "clustering.spectral",
    "Utterance": "corpus.types",
    "built_in_corpus": "corpus.built_in",
    "check": "checkup",
    "choose_k": "clustering.selection",
    "compare": "comparison",
    "cut_samples": "cutting",
    "natural_class": "phonology.natural",
    "pca": "reduction.pca",
    "probe": "model_run",
    "read_corpus": "corpus.reading",
    "redraw": "redrawing",
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
