"""The stages of a run: what each writes, what it is made from, and which settings it is the first to depend on.

From this it follows what has to be done again when settings change, and what may be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stage(NamedTuple):
    """One stage.

    Attributes
    ----------
    words
        What a user is told of it.
    needs
        The stages that it is made from.
    files
        Patterns of the files that it leaves in the run's folder.
    marker
        The file without which the stage's driver does it again, where that is not any of its files.
    scratch
        Patterns of the files that are there while it lasts.
    """

    words: str
    needs: tuple[str, ...]
    files: tuple[str, ...]
    marker: str = ""
    scratch: tuple[str, ...] = ()


_CELLS = ("cells/*.npz",)
STAGES = {
    "corpus": Stage("the corpus", (), ("corpus.parquet", "labels.csv", "notation.json")),
    "recogniser": Stage(
        "the recogniser",
        ("corpus",),
        ("model.safetensors", "training.csv"),
        scratch=("checkpoint.safetensors", "features/static.f32", "features/index.npz", "features/.static.*",
                 "features/.index.*"),
    ),
    "activations": Stage(
        "the activations",
        ("recogniser",),
        ("activations/*.npy", "activations/layers.json", "activations/times.json"),
    ),
    "panel": Stage("the panel", ("activations",), ("warnings.txt", "formants.csv", "panel.csv", "panel.parquet")),
    "pca": Stage("PCA", ("panel",), ("embeddings/*-pca.npy", "embeddings/*-pca.json")),
    "tsne": Stage("t-SNE", ("pca",), ("embeddings/*-tsne.npy", "embeddings/*-tsne.json")),
    "grid": Stage("the grid", ("tsne",), ("clusters.parquet", "per_phone.csv", "scores.csv"), scratch=_CELLS),
    "sweep": Stage("the sweeps", ("tsne",), ("sweep.parquet", "selection.csv"), scratch=_CELLS),
    "measures": Stage(
        "the measures", ("grid",), ("outcomes.parquet", "measures.csv", "replicates.parquet", "tests.csv")
    ),
    "classes": Stage(
        "the classes", ("sweep",), ("classes.json", "classes.csv", "organisation.csv", "filters.csv"), "classes.json"
    ),
    "units": Stage(
        "the units",
        ("panel",),
        ("psi/*.npy", "psi/phones.json", "units.parquet", "units.csv", "unit_features.csv", "unit_responses.csv"),
        "psi/phones.json",
    ),
    "structure": Stage(
        "the structure",
        ("grid",),
        ("analogies.csv", "analogies.parquet", "linear.csv", "linear_layers.csv", "speakers.csv", "panel_size.csv"),
    ),
    "report": Stage(
        "the report",
        ("measures", "classes", "units", "structure"),
        ("figures/figure[1-4]*.svg", "report.html"),
        "report.html",
    ),
}  # fmt: skip
"""In the order in which they are done."""

FIRST: dict[str, tuple[str, ...]] = {
    "seed": ("corpus",),  # it draws the split
    "corpus": ("corpus",),
    "synth": ("corpus",),
    "signal": ("recogniser",),
    "recogniser": ("recogniser",),
    "probing": ("activations",),
    "probe": ("activations",),
    "reduction.pca_variance": ("pca",),
    "reduction.tsne_dimensions": ("tsne",),
    "reduction.perplexity": ("tsne",),
    "reduction.tsne_iterations": ("tsne",),
    # how many eigenvectors are sought for the grid and the sweeps together can change their last digits
    **dict.fromkeys(
        ("clustering.k", "clustering.kmedians_init", "clustering.kmedians_restarts", "clustering.max_iterations",
         "clustering.sigma", "clustering.kernel", "clustering.spectral", "clustering.landmarks"),
        ("grid", "sweep"),
    ),
    "clustering.memory": ("tsne",),
    "selection.k": ("grid", "sweep"),
    "selection.reduction": ("grid", "sweep"),
    "selection.kmedians_criterion": ("classes",),  # all criteria are measured whichever chooses
    "selection.spectral_criterion": ("classes",),
    "selection.ratio_of": ("sweep",),
    "selection.blocks": ("sweep",),
    "selection.stability_splits": ("sweep",),
    "selection.sample": ("sweep",),
    "selection.permutations": ("classes",),
    "evaluation.seeds": ("grid",),
    "evaluation.replicates": ("measures",),
    "evaluation.confidence": ("measures",),
    "evaluation.shuffles": ("measures",),
    "units": ("units",),
    "structure": ("structure",),
}  # fmt: skip
"""The first stages that depend on a setting, or on any setting of a group."""


def first_stages(settings: Iterable[str]) -> list[str]:
    """Return the first stages that depend on some settings, in their order.

    Raises
    ------
    KeyError
        It is not known of a setting.
    """
    found = {stage for name in settings for stage in FIRST[name if name in FIRST else name.partition(".")[0]]}
    return [stage for stage in STAGES if stage in found]


def with_what_follows(stages: Iterable[str]) -> list[str]:
    """Return some stages and all that are made from them, in their order."""
    found = set(stages)
    for name, stage in STAGES.items():  # in their order: what a stage needs comes before it
        if found & set(stage.needs):
            found.add(name)
    return [stage for stage in STAGES if stage in found]


def listed(stages: Iterable[str]) -> str:
    """Return what a user is told of some stages, as in "the grid, the sweeps and the report"."""
    *first, last = [STAGES[stage].words for stage in stages]
    return f"{', '.join(first)} and {last}" if first else last
