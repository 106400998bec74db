"""What a run's layers hold of linear structure and of speakers, and what more samples would change.

Everything here is made from the run's panel, activations and embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phonoscope.evaluation.discriminants import bytes_taken
from phonoscope.evaluation.fold_choice import choose_folds
from phonoscope.evaluation.linear import PAIR_APART, linear_scores, told_apart
from phonoscope.evaluation.panel_size import f_by_size, sizes
from phonoscope.evaluation.resampling import draw_counts, mean_products, rows_by_phone
from phonoscope.evaluation.speaker_variance import SOURCES, speaker_variance
from phonoscope.files import write_frame
from phonoscope.parallel import each, one_blas_thread
from phonoscope.phonology.analogies import Analogies, bundles, find_analogies
from phonoscope.phonology.arithmetic import solve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import Settings, StructureSettings

FILES = ("analogies.csv", "analogies.parquet", "linear.csv", "linear_layers.csv", "speakers.csv", "panel_size.csv")
_FLOATS = pl.Float64
_ANALOGIES = {"layer": pl.String, "feature": pl.String, "n": pl.Int64} | dict.fromkeys(
    ("share", "low", "high", "nearest", "chance", "chance_high", "p_value", "rank"), _FLOATS
)
_LIST = dict.fromkeys(("layer", "feature", "change", "a", "b", "c", "d", "answer"), pl.String) | {
    "rank": pl.Int64,
    "hit": pl.Boolean,
}
_SIZES = {"layer": pl.String, "clusterer": pl.String, "n_per_phone": pl.Int64, "n_samples": pl.Int64} | {
    "draws": pl.Int64,
    **dict.fromkeys(("f_measure", "low", "high", "chance"), _FLOATS),
}


@dataclass(frozen=True)
class _Panel:
    """The panel as numbers: the phones' names, the phone of each sample, the rows of each, and draws of them."""

    phones: tuple[str, ...]
    index: NDArray[np.int64]
    rows: list[NDArray[np.int64]]
    counts: list[NDArray[np.uint16]]


@dataclass(frozen=True)
class _Part:
    """The samples that linear maps are learned from, and how they are held out."""

    some: NDArray[np.int64]
    panel: _Panel
    by: str
    folds: NDArray[np.int64]


def structure(run: Run, settings: Settings, progress: Progress) -> None:
    """Write `analogies.csv` and `.parquet`, `linear.csv`, `linear_layers.csv`, `speakers.csv` and `panel_size.csv`.

    Nothing is done where they all are there.

    Parameters
    ----------
    run
        Its panel, activations, embeddings and `scores.csv` are read.
    settings
        `settings.structure`, the clusterers' settings and the seed are used.
    progress
        Where to tell how far it is.
    """
    if all((run.path / name).exists() for name in FILES):
        return
    config, seed = settings.structure, settings.seed
    panel = run.panel
    whole = _panel(panel["phone"].to_list(), config.bootstraps, seed)
    part = _part(panel, whole, config, seed)
    ipa = run.ipa
    analogies = find_analogies({phone: ipa[phone] for phone in whole.phones})
    groups = _groups(whole.phones, ipa)
    speakers, spoken = _speakers(panel, config.speakers)
    found: dict[str, list[Any]] = {}
    lock = Lock()

    with progress.bar("structure", 2 * len(run.layers), "steps, two a layer") as advance:

        def measure(layer: str) -> None:
            activations = run.activations(layer)
            products = mean_products(activations, whole.rows, whole.counts)
            solved = solve(
                analogies,
                products,
                groups,
                similarity=config.similarity,
                permutations=config.permutations,
                seed=seed,
            )
            beats = told_apart(activations, part.panel.index, part.folds, part.some, settings.clustering.memory)
            scores = linear_scores(beats, part.panel.rows, part.panel.counts)
            own = None if len(spoken) == len(panel) else spoken
            variance = speaker_variance(activations, whole.index[spoken], speakers, own)
            with lock:
                found[layer] = [solved, scores, variance]
                advance(1)

        widths = {layer: run.activations(layer).shape[1] for layer in run.layers}
        # the widest first, so that no thread is left alone with it in the end
        order = sorted(run.layers, key=lambda layer: -widths[layer])
        each(measure, order, most=at_a_time(len(part.some), widths.values(), settings.clustering.memory))
        with one_blas_thread():
            table = _sizes(run, whole, settings, advance)
    _write_analogies(run, analogies, {layer: found[layer][0] for layer in run.layers})
    _write_linear(run, part, {layer: found[layer][1] for layer in run.layers})
    _write_speakers(run, len(np.unique(speakers)), {layer: found[layer][2] for layer in run.layers})
    write_frame(table, run.path / "panel_size.csv")


def at_a_time(n: int, widths: Iterable[int], memory: float) -> int:
    """Return how many layers fit into `memory` GB, with linear maps learned from n samples of each; one at least.

    Beside the maps a layer takes about 150 MB of columns, of which means and variances are taken.
    """
    return max(int(memory * 1e9 // (max(bytes_taken(n, d) for d in widths) + 150_000_000)), 1)


def _panel(labels: list[str], draws: int, seed: int) -> _Panel:
    phones = tuple(dict.fromkeys(labels))
    place = {phone: i for i, phone in enumerate(phones)}
    index = np.array([place[phone] for phone in labels], np.int64)
    rows = rows_by_phone(index, len(phones))
    return _Panel(phones, index, rows, draw_counts([len(own) for own in rows], draws, seed))


def _part(panel: pl.DataFrame, whole: _Panel, config: StructureSettings, seed: int) -> _Part:
    most = max(config.samples // len(whole.phones), 2)
    random = np.random.default_rng((seed, 1))
    some = np.sort(np.concatenate([random.permutation(own)[:most] for own in whole.rows]))
    chosen = panel[some.tolist()]
    own = _panel(chosen["phone"].to_list(), config.bootstraps, seed)
    groupings = {name: chosen[name].to_list() for name in ("speaker", "utterance")}
    return _Part(some, own, *choose_folds(own.index, groupings, config.folds, seed))


def _groups(phones: tuple[str, ...], ipa: Mapping[str, str]) -> NDArray[np.int64]:
    """Return 0 for consonants, 1 for vowels and semivowels, 2 for phones whose sign can not be read."""
    features = bundles({phone: ipa[phone] for phone in phones})
    kinds = {"consonant": 0, "vocoid": 1}
    return np.array([kinds.get(features.get(phone, {}).get("kind", ""), 2) for phone in phones], np.int64)


def _speakers(panel: pl.DataFrame, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the speaker's number of each sample of those who have the most, and the samples' rows."""
    names, index, numbers = np.unique(panel["speaker"].to_numpy(), return_inverse=True, return_counts=True)
    chosen = np.sort(np.argsort(-numbers, kind="stable")[:most])
    place = np.full(len(names), -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    rows = np.flatnonzero(place[index] >= 0)
    return place[index][rows], rows


def _write_analogies(run: Run, analogies: Analogies, solved: Mapping[str, Any]) -> None:
    rows, solutions = [], []
    phones = analogies.phones
    for layer, one in solved.items():
        if one is None:
            continue
        columns = (one.share, one.low, one.high, one.nearest, one.chance, one.chance_high, one.p_value, one.rank)
        for i, name in enumerate(one.names):
            rows.append((layer, name, int(one.numbers[i]), *(float(column[i]) for column in columns)))
        for i, quad in enumerate(analogies.quads.tolist()):
            change = " → ".join(value or "none" for value in analogies.changes[i])
            named = (*(phones[j] for j in quad), phones[one.answers[i]])
            rank = int(one.ranks[i])
            solutions.append((layer, analogies.features[i], change, *named, rank, rank == 1))
    write_frame(pl.DataFrame(rows, schema=_ANALOGIES, orient="row"), run.path / "analogies.csv")
    write_frame(pl.DataFrame(solutions, schema=_LIST, orient="row"), run.path / "analogies.parquet")


def _write_linear(run: Run, part: _Part, scores: Mapping[str, Any]) -> None:
    rows, layers = [], []
    phones = part.panel.phones
    for layer, one in scores.items():
        others = one.pairs + np.diag(np.full(len(phones), np.inf))
        hardest = others.argmin(axis=1)
        for i, phone in enumerate(phones):
            rows.append(
                {
                    "layer": layer,
                    "phone": phone,
                    "n_samples": len(part.panel.rows[i]),
                    "recall": float(one.recall[i]),
                    "low": float(one.low[i]),
                    "high": float(one.high[i]),
                    "pairs_apart": float((np.delete(one.pairs[i], i) >= PAIR_APART - 1e-12).mean()),
                    "hardest": phones[hardest[i]],
                    "hardest_right": float(one.pairs[i, hardest[i]]),
                }
            )
        figures = {"accuracy": one.accuracy, "phones_apart": one.phones_apart, "pairs_apart": one.pairs_apart}
        layers.append(
            {
                "layer": layer,
                **{
                    name + end: value
                    for name, values in figures.items()
                    for end, value in zip(("", "_low", "_high"), values, strict=True)
                },
                "chance": 1 / len(phones),
                "n_samples": len(part.some),
                "folds": len(np.unique(part.folds)),
                "folds_by": part.by,
            }
        )
    write_frame(pl.DataFrame(rows), run.path / "linear.csv")
    write_frame(pl.DataFrame(layers), run.path / "linear_layers.csv")


def _write_speakers(run: Run, n_speakers: int, variances: Mapping[str, Any]) -> None:
    rows = [
        (layer, source, *(None if np.isnan(v) else float(v) for v in (one.share[i], one.low[i], one.high[i])))
        for layer, one in variances.items()
        for i, source in enumerate(SOURCES)
    ]
    schema = {"layer": pl.String, "source": pl.String, "share": _FLOATS, "low": _FLOATS, "high": _FLOATS}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    write_frame(table.with_columns(pl.lit(n_speakers, dtype=pl.Int64).alias("n_speakers")), run.path / "speakers.csv")


def _sizes(run: Run, panel: _Panel, settings: Settings, advance: Any) -> pl.DataFrame:  # noqa: ANN401
    """Cluster parts of the panel after PCA; the whole panel's F is the grid's."""
    config = settings.structure
    most = max(len(own) for own in panel.rows)
    k = settings.clustering.k or len(panel.phones)
    ns = sizes(config.smallest, most, len(panel.phones), config.largest) if config.draws else []
    labels = [panel.phones[i] for i in panel.index]
    tables = []
    grid = run.scores.filter(reduction="pca")
    for layer in run.layers:
        X = np.load(run.path / "embeddings" / f"{layer}-pca.npy", mmap_mode="r")
        found = f_by_size(
            X, labels, panel.rows, ns, k=k, draws=config.draws, settings=settings.clustering, seed=settings.seed
        )
        f = pl.col("f_measure")
        if found:
            table = pl.DataFrame(found).group_by("clusterer", "n_per_phone", "n_samples", maintain_order=True)
            tables.append(
                table.agg(
                    pl.len().alias("draws"),
                    f.mean(),
                    f.min().alias("low"),
                    f.max().alias("high"),
                    pl.col("chance").mean(),
                )
                .with_columns(pl.lit(layer).alias("layer"))
                .select(pl.col(name).cast(kind) for name, kind in _SIZES.items())
            )
        whole = grid.filter(layer=layer).group_by("clusterer", maintain_order=True)
        tables.append(
            whole.agg(pl.len().alias("draws"), f.mean(), f.min().alias("low"), f.max().alias("high"))
            .with_columns(
                pl.lit(layer).alias("layer"),
                pl.lit(most).alias("n_per_phone"),
                pl.lit(len(labels)).alias("n_samples"),
                pl.lit(None).alias("chance"),
            )
            .select(pl.col(name).cast(kind) for name, kind in _SIZES.items())
        )
        advance(1)
    return pl.concat(tables)
