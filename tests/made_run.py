"""A small finished run without any training: activations, clusters and curves are planted, every file is there."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from phonoscope.appraisal import appraise
from phonoscope.clustering.curves import criteria_of
from phonoscope.clustering.selection import Sweep
from phonoscope.evaluation.grid import (
    CLUSTERERS,
    REDUCTIONS,
    Cell,
    CellResult,
    cluster_tables,
    measures_of,
    scores_table,
)
from phonoscope.evaluation.selection_tables import selection_table, sweep_tables
from phonoscope.evaluation.separability import separability
from phonoscope.files import write_frames
from phonoscope.interpretation import interpret
from phonoscope.manifest import Manifest
from phonoscope.phones.features import features_of, legend_group
from phonoscope.progress import Quiet
from phonoscope.results import Run
from phonoscope.rundir import record, remove_stages
from phonoscope.settings import Settings
from phonoscope.structuring import structure
from phonoscope.unit_analysis import analyse_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.clustering.curves import Criterion

    Curve = Callable[[int], float]

# plosives, fricatives, nasals, vowels
TWELVE = {
    "p": "p",
    "b": "b",
    "t": "t",
    "d": "d",
    "s": "s",
    "z": "z",
    "m": "m",
    "n": "n",
    "i": "i",
    "E": "ɛ",
    "a": "a",
    "u": "u",
}
LAYERS = {"raw": (3, 5, 8), "conv1": (4, 3, 8), "D1": (24,)}
# F1 and F2 of signs, Hz
FORMANTS = {"i": (300, 2100), "e": (370, 1950), "ɛ": (530, 1720), "a": (690, 1250), "ɔ": (540, 1000), "u": (320, 760)}
# the criteria by name, whatever the defaults are
_CRITERIA = {"selection.kmedians_criterion": "silhouette", "selection.spectral_criterion": "silhouette"}
_APPRAISAL = {"evaluation.seeds": 1, "evaluation.replicates": 20, "evaluation.shuffles": 3}
_STRUCTURE = {"structure.permutations": 99, "structure.bootstraps": 20, "structure.smallest": 2, "structure.draws": 2}
SMALL = Settings().changed(
    {
        "selection.permutations": 199,
        "selection.stability_splits": 2,
        "reduction.perplexity": 8.0,
        **_CRITERIA,
        **_APPRAISAL,
        **_STRUCTURE,
    }
)


@dataclass(frozen=True)
class Plan:
    """What is planted.

    `phones` gives each label its IPA sign; `shares` how many of 10 samples stay in their phone's cluster, by layer;
    `curves` a criterion's value at each k where it is not that of `_curve`; `classes` the cluster of each phone at a k
    where it is not a cut of the chart.
    """

    phones: Mapping[str, str] = field(default_factory=lambda: TWELVE)
    samples: int = 8
    layers: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: LAYERS)
    corpus: str = "made"
    utterance: str = "validation/{speaker}/{speaker}-{i:02d}"
    speakers: Sequence[str] = ("v1", "v2")
    formants: bool = True
    seeds: Sequence[int] = (0,)
    settings: Settings = SMALL
    warnings: Sequence[str] = ()
    curves: Mapping[str, Curve] = field(default_factory=dict)
    classes: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The phone of each sample."""
        return [phone for phone in self.phones for _ in range(self.samples)]


def make_run(path: Path, plan: Plan | None = None) -> Run:
    """Write the files of a run up to `panel_size.csv`; the report is not written."""
    plan = plan or Plan()
    path.mkdir(parents=True, exist_ok=True)
    record(path, plan.settings, plan.corpus, 1)
    _write_corpus(path, plan)
    _write_activations(path, plan)
    _write_grid(path, plan)
    sweeps = [
        (layer, plan.settings.selection.reduction, planted_sweep(plan, clusterer))
        for layer in plan.layers
        for clusterer in CLUSTERERS
    ]
    write_frames(sweep_tables(sweeps), path / "sweep.parquet")
    selection_table(sweeps).write_csv(path / "selection.csv")
    run = Run(path)
    appraise(run, plan.settings, Quiet())
    interpret(run, plan.settings, Quiet())
    analyse_units(run, plan.settings, Quiet())
    structure(run, plan.settings, Quiet())
    return run


def forget(run: Run, *stages: str) -> None:
    """Remove what some stages have written."""
    remove_stages(run.path, stages, Manifest(run.path))


def _write_corpus(path: Path, plan: Plan) -> None:
    labels, n = plan.labels, len(plan.labels)
    speakers = [plan.speakers[i % len(plan.speakers)] for i in range(n)]
    utterances = [plan.utterance.format(speaker=speaker, i=i // 7) for i, speaker in enumerate(speakers)]
    times = [round(0.3 + 0.1 * (i % 7), 3) for i in range(n)]
    panel = pl.DataFrame(
        {
            "sample": list(range(n)),
            "utterance": utterances,
            "speaker": speakers,
            "phone": labels,
            "time": times,
            "start": [t - 0.03 for t in times],
            "end": [t + 0.03 for t in times],
        }
    )
    panel.write_parquet(path / "panel.parquet")
    segments = panel.select("utterance", "speaker", "phone", "start", "end", pl.lit("validation").alias("split"))
    pl.concat([segments, segments.with_columns(pl.lit("train").alias("split"))]).write_parquet(path / "corpus.parquet")
    counts = [
        {"phone": p, "ipa": s, "segments": plan.samples + 9, "correct": plan.samples + 2, "used": plan.samples}
        for p, s in plan.phones.items()
    ]
    pl.DataFrame(counts).with_columns(pl.lit(value=True).alias("in_panel")).write_csv(path / "panel.csv")
    labels_table = {"label": list(plan.phones), "phone": list(plan.phones), "tokens": [n] * len(plan.phones)}
    pl.DataFrame(labels_table).write_csv(path / "labels.csv")
    (path / "warnings.txt").write_text("".join(f"{line}\n" for line in plan.warnings), encoding="utf-8")
    epochs = np.arange(1, 5)
    training = {
        "epoch": epochs,
        "training_loss": 1.8 / epochs,
        "validation_loss": 1.5 / epochs + 0.2,
        "frame_accuracy": 0.8 - 0.3 / epochs,
        "phone_error_rate": 0.2 + 0.2 / epochs,
        "seconds": 3.0 * epochs,
    }
    pl.DataFrame(training).write_csv(path / "training.csv")
    n_filters = plan.layers.get("conv1", (4,))[0]
    weights = np.random.default_rng(11).standard_normal((n_filters, 3, 3, 5)).astype(np.float32)
    save_file({"conv1.weight": weights}, path / "model.safetensors")
    measured = [(i, p, FORMANTS[plan.phones[p]]) for i, p in enumerate(labels) if plan.phones[p] in FORMANTS]
    if plan.formants and measured:
        noise = np.random.default_rng(5).normal(1, 0.02, (n, 2))
        rows = [(i, speakers[i], p, *(np.array(formants) * noise[i]).tolist(), 5000.0) for i, p, formants in measured]
        columns = ["sample", "speaker", "phone", "f1", "f2", "ceiling"]
        pl.DataFrame(rows, schema=columns, orient="row").write_csv(path / "formants.csv")


def _about(plan: Plan, phone: str) -> dict[str, str]:
    try:
        return dict(features_of(plan.phones[phone]))
    except ValueError:
        return {}


def _write_activations(path: Path, plan: Plan) -> None:
    """Phones with a feature in common share a pattern; filter 0 of conv1 follows F1, filter 1 voicing."""
    draws = np.random.default_rng(7)
    folder, embeddings = path / "activations", path / "embeddings"
    folder.mkdir(exist_ok=True)
    embeddings.mkdir(exist_ok=True)
    (folder / "layers.json").write_text(json.dumps({layer: list(shape) for layer, shape in plan.layers.items()}))
    for layer, shape in plan.layers.items():
        size = math.prod(shape)
        patterns: dict[object, NDArray[np.float64]] = {}

        def pattern(
            key: object, patterns: dict[object, NDArray[np.float64]] = patterns, size: int = size
        ) -> NDArray[np.float64]:
            return patterns.setdefault(key, draws.random(size))

        means = {}
        for phone in plan.phones:
            about = _about(plan, phone)
            means[phone] = 0.6 * pattern(phone) + 2.0 * pattern(about.get("kind"))
            means[phone] = means[phone] + sum(0.6 * pattern((name, about.get(name))) for name in ("manner", "voicing"))
        values = np.repeat(np.array(list(means.values()), np.float32), plan.samples, axis=0)
        values += 0.2 * draws.standard_normal(values.shape, np.float32)
        np.maximum(values, 0, out=values)
        if len(shape) == 3 and layer != "raw":
            _plant_filters(values.reshape(-1, *shape), plan)
        np.save(folder / f"{layer}.npy", values)
        scores = values @ draws.normal(0, size**-0.5, (size, 6)).astype(np.float32)
        np.save(embeddings / f"{layer}-pca.npy", scores)
        np.save(embeddings / f"{layer}-tsne.npy", np.ascontiguousarray(10 * scores[:, :2]))
        details = {"pca": {"variance_kept": 0.91}, "tsne": {"kl_divergence": 0.5, "perplexity": 8.0}}
        for name, figures in details.items():
            (embeddings / f"{layer}-{name}.json").write_text(json.dumps(figures))


def _plant_filters(maps: NDArray[np.floating], plan: Plan) -> None:
    """Filter 0 has one peak, the higher F1 the higher in frequency; filter 1 is active for voiced sounds."""
    bins = np.arange(maps.shape[3])
    for i, phone in enumerate(plan.labels):
        f1 = FORMANTS.get(plan.phones[phone], (400, 0))[0]
        maps[i, 0] = np.exp(-((bins - (f1 - 250) / 450 * (len(bins) - 1)) ** 2))
        maps[i, 1] *= 2.0 if _about(plan, phone).get("voicing") == "voiced" else 0.2


def _write_grid(path: Path, plan: Plan) -> None:
    """The deeper the layer, the fewer samples lie in another phone's cluster."""
    k = len(plan.phones)
    truth = np.repeat(np.arange(k), plan.samples)
    results = []
    for depth, layer in enumerate(plan.layers):
        for reduction in REDUCTIONS:
            for clusterer in CLUSTERERS:
                for seed in plan.seeds:
                    draws = np.random.default_rng(
                        [depth, REDUCTIONS.index(reduction), seed, CLUSTERERS.index(clusterer)]
                    )
                    moved = draws.random(len(truth)) < 0.6 / (depth + 1)
                    labels = np.where(moved, draws.integers(0, k, len(truth)), truth)
                    details: dict[str, float | str | None] = {"dimensions": 6, "variance_kept": None, "sigma": 1.5}
                    cell = Cell(layer, reduction, clusterer, k, seed)
                    measures = measures_of(plan.labels, labels)
                    results.append(CellResult(cell, labels, separability(plan.labels, labels), details, measures))
    write_frames(cluster_tables(results), path / "clusters.parquet")
    scores_table(results).write_csv(path / "scores.csv")
    pl.concat(
        r.separability.per_phone.select(*(pl.lit(v).alias(n) for n, v in asdict(r.cell).items()), pl.all())
        for r in results
    ).write_csv(path / "per_phone.csv")


def planted_sweep(plan: Plan, clusterer: str) -> Sweep:
    """2 … n clusters: vowels against the rest, the groups of a legend, or equal stretches of the chart."""
    n = len(plan.phones)
    name = next(c for c in CLUSTERERS if c == clusterer)
    ks = tuple(range(2, n + 1))
    labels = np.array([np.repeat(planted_clusters(plan, k), plan.samples) for k in ks])
    curves: dict[Criterion, dict[int, float]] = {
        criterion: {k: float(plan.curves.get(criterion, _curve(criterion, plan))(k)) for k in ks}
        for criterion in criteria_of(name, plan.settings.selection.stability_splits)
    }
    return Sweep(name, ks, labels, curves)


def planted_clusters(plan: Plan, k: int) -> list[int]:
    """The cluster of each phone, in which all of its samples lie."""
    if k in plan.classes:
        return [plan.classes[k][phone] for phone in plan.phones]
    vowels = [_about(plan, phone).get("kind") == "vowel" for phone in plan.phones]
    groups = [legend_group(sign) for sign in plan.phones.values()]
    for values in (vowels, groups):
        names = list(dict.fromkeys(values))
        if len(names) == k:
            return [names.index(value) for value in values]
    return [i * k // len(vowels) for i in range(len(vowels))]


def _curve(criterion: str, plan: Plan) -> Curve:
    """The ratio falls to the end; the others have their best within, at the number of groups where that is possible."""
    groups = len({legend_group(sign) for sign in plan.phones.values()})
    best = min(max(groups, 3), max(len(plan.phones) - 1, 2))
    if criterion in ("ratio", "first_minimum"):
        return lambda k: 2 / k
    sign = 1 if criterion == "davies_bouldin" else -1
    return lambda k: sign * abs(k - best) / 20 + (0.2 if sign > 0 else 0.8)
