"""Runs as they are compared: what is read of each, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from phonoscope.errors import RunDirectoryError
from phonoscope.evaluation.model_tests import relative_depths
from phonoscope.formulas import unguarded
from phonoscope.results import Run
from phonoscope.rundir import read_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.settings import Settings

    # reduction, clusterer, measure
    What = tuple[str, str, str]

_NEEDED = ("panel.parquet", "panel.csv", "scores.csv", "clusters.parquet", "classes.json")
_MEASURED = ("measures.csv", "replicates.parquet")
_KEYS = ["layer", "reduction", "clusterer", "measure"]
_VALUES = ["value", "low", "high", "chance", "chance_high"]
LOWER: Final = frozenset({"abx_within", "abx_across"})
"""Measures of which less is better: ABX is a rate of errors."""


@dataclass(frozen=True)
class Draws:
    """The replicates of a measure at all layers.

    Attributes
    ----------
    layers
        Those measured, from the input on.
    keys
        Seed and number of each replicate.
    values
        Layers × replicates, shape (l, n).
    """

    layers: tuple[str, ...]
    keys: pl.DataFrame
    values: NDArray[np.float64]


@dataclass(frozen=True)
class ComparedRun:
    """A run among others: its name on the page, its settings, and its ``[run]`` table."""

    name: str
    run: Run
    settings: Settings
    about: Mapping[str, Any]

    @cached_property
    def layers(self) -> list[str]:
        """The layers, from the input on."""
        return self.run.scores["layer"].unique(maintain_order=True).to_list()

    @cached_property
    def depths(self) -> dict[str, float]:
        """The relative depth of each: 0 for the first, 1 for the last."""
        return dict(zip(self.layers, relative_depths(len(self.layers)), strict=True))

    @cached_property
    def panel(self) -> pl.DataFrame:
        """A row a sample, with `sign`: what its phone is called in all runs."""
        return self.run.panel.with_columns(pl.col("phone").replace_strict(self.signs).alias("sign"))

    @cached_property
    def signs(self) -> dict[str, str]:
        """What each phone is called in all runs: its IPA sign, or its label where that is not known or not its own."""
        ipa = self.run.ipa
        phones = self.run.panel["phone"].unique(maintain_order=True).to_list()
        signs = [ipa.get(phone, "") for phone in phones]
        return {p: sign if sign and signs.count(sign) == 1 else p for p, sign in zip(phones, signs, strict=True)}

    @property
    def phones(self) -> list[str]:
        """The phones of the panel, as in `signs`."""
        return list(self.signs.values())

    @cached_property
    def measures(self) -> pl.DataFrame:
        """The table of `measures.csv`: a row a layer, reduction, clusterer and measure."""
        table = self._read("measures.csv", [*_KEYS, "k", *_VALUES])
        return table.with_columns(pl.col(_VALUES).cast(pl.Float64), pl.col("k").cast(pl.Int64))

    @cached_property
    def draws(self) -> dict[What, Draws]:
        """The replicates of every measure; those that were not measured everywhere are left out."""
        table = self._read("replicates.parquet", [*_KEYS, "seed", "replicate", "value"])
        table = table.with_columns(pl.col("value").cast(pl.Float64)).filter(pl.col("value").is_finite())
        order = [*self.layers]
        found: dict[What, Draws] = {}
        for (reduction, clusterer, measure), rows in table.group_by(*_KEYS[1:], maintain_order=True):
            wide = rows.pivot(on="layer", index=["seed", "replicate"], values="value")
            layers = [layer for layer in order if layer in wide.columns]
            wide = wide.drop_nulls(layers).sort("seed", "replicate")
            if layers and wide.height:
                what = str(reduction), str(clusterer), str(measure)
                found[what] = Draws(tuple(layers), wide.select("seed", "replicate"), wide.select(layers).to_numpy().T)
        return found

    @cached_property
    def values(self) -> dict[What, dict[str, tuple[float, float | None]]]:
        """Value and chance of every measure at each layer."""
        found: dict[What, dict[str, tuple[float, float | None]]] = {}
        table = self.measures.filter(pl.col("value").is_finite())
        for layer, *what, value, chance in table.select(*_KEYS, "value", "chance").iter_rows():
            found.setdefault((what[0], what[1], what[2]), {})[layer] = value, chance
        return found

    @cached_property
    def partitions(self) -> dict[tuple[str, str], tuple[str, dict[str, int]]]:
        """By clusterer and layer, the reduction and the class of each phone: the one with most of its samples."""
        found = {}
        for entry in self.run.classes:
            if not entry["main"]:
                continue
            shares: dict[str, tuple[float, int]] = {}
            for i, one in enumerate(entry["classes"]):
                for share in one["phones"]:
                    sign = self.signs[share["phone"]]
                    shares[sign] = max(shares.get(sign, (-1.0, 0)), (share["share"], -i))
            of_phone = {sign: -shares[sign][1] for sign in self.phones if sign in shares}
            found[entry["clusterer"], entry["layer"]] = entry["reduction"], of_phone
        return found

    def best_layer(self, reduction: str, clusterer: str, among: Iterable[str]) -> str | None:
        """Return the layer with the highest F of a clustering."""
        rows = self.run.scores.filter(pl.col("layer").is_in(list(among)), reduction=reduction, clusterer=clusterer)
        means = rows.group_by("layer", maintain_order=True).agg(pl.col("f_measure").mean())
        return None if means.is_empty() else str(means["layer"][int(means["f_measure"].to_numpy().argmax())])

    def _read(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        path = self.run.path / name
        texts = dict.fromkeys(_KEYS, pl.String)
        try:
            if path.suffix == ".csv":
                head = pl.read_csv(path, glob=False, n_rows=0).columns
                kinds: Any = {name: kind for name, kind in texts.items() if name in head}
                table = unguarded(pl.read_csv(path, glob=False, schema_overrides=kinds, infer_schema_length=None))
            else:
                table = pl.read_parquet(path, glob=False)
            # in a CSV an empty text is none
            return table.select(columns).with_columns(pl.col(_KEYS).cast(pl.String).fill_null(""))
        except (pl.exceptions.PolarsError, OSError) as error:
            problem = str(error).strip().split("\n")[0]
            msg = f"{path}: can not be read ({problem}); the command that made the run makes it again if it is removed"
            raise RunDirectoryError(msg) from None


@dataclass(frozen=True)
class Comparison:
    """What a comparison of runs has found.

    Attributes
    ----------
    runs
        What was compared.
    pairs
        A row a pair of runs: run_a, run_b, paired (whether their replicates are of the same draws of the same samples),
        same_phones, shared_phones, phones_a, phones_b, shared_samples (share of the smaller panel that both have).
    curves
        A row a run, layer, clustering and measure: run, layer, depth (0 first layer, 1 last), reduction, clusterer, k,
        measure, value, low, high, chance, chance_high.
    differences
        A row a test: measure, reduction, clusterer, place (``best``, ``last``, or ``layer`` for two of one name),
        run_a, run_b, layer_a, layer_b, value_a, value_b, chance_a, chance_b, difference, low, high, se, p, p_holm
        (corrected for all rows), holds, ahead (the run that is better, where the difference holds and both have the
        same phones), paired, same_phones.
    classes
        A row a pair of runs, clusterer and pair of layers: run_a, run_b, clusterer, place, layer_a, layer_b, k_a, k_b,
        n_phones, ari, p, p_holm (corrected for all rows), holds, both, only_a, only_b (pairs of phones in one class),
        identical (classes).
    samples
        A row a pair of runs with the same panel, clustering and pair of layers: run_a, run_b, reduction, clusterer,
        place, layer_a, layer_b, ami (adjusted mutual information of the samples' clusters).
    warnings
        What stands in the way of comparing them.
    """

    runs: tuple[ComparedRun, ...]
    pairs: pl.DataFrame
    curves: pl.DataFrame
    differences: pl.DataFrame
    classes: pl.DataFrame
    samples: pl.DataFrame
    warnings: tuple[str, ...]

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables that are offered as CSV, by name."""
        return {
            "curves": self.curves,
            "differences": self.differences,
            "class_agreement": self.classes,
            "sample_agreement": self.samples,
        }


def open_runs(paths: Sequence[Path | str]) -> tuple[ComparedRun, ...]:
    """Read the runs that are to be compared.

    Raises
    ------
    RunDirectoryError
        A folder holds no run, one that is not finished, or one whose measures have no replicates.
    """
    folders = [Path(path) for path in paths]
    found = []
    for folder, name in zip(folders, unique_names(folders), strict=True):
        settings, about = read_config(folder)
        for needed in (*_NEEDED, *_MEASURED):
            if not (folder / needed).exists():
                why = "was made before intervals were measured" if needed in _MEASURED else "is not finished"
                msg = (
                    f"{folder}: this run {why} ({needed} is missing); the `phonoscope run` command that made it, given "
                    f"again with the same settings, goes on and adds it"
                )
                raise RunDirectoryError(msg)
        found.append(ComparedRun(name, Run(folder), settings, about))
    return tuple(found)


def same_panel(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether two runs have the same samples, in the same order."""
    columns = ["utterance", "sign", "time"]
    return a.panel.select(columns).equals(b.panel.select(columns))


def same_draws(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether the replicates of two runs are drawn alike: all that the draws follow from is the same."""
    columns = ["utterance", "speaker", "phone", "time"]
    numbers = ("seed", "evaluation.seeds", "evaluation.replicates")
    settings = [{name: value for name, value in one.settings.flat() if name in numbers} for one in (a, b)]
    return settings[0] == settings[1] and a.panel.select(columns).equals(b.panel.select(columns))


def layer_places(a: ComparedRun, b: ComparedRun) -> list[tuple[str, tuple[str, str]]]:
    """Pair the last layers, and those of one name; a pair that is both is there once."""
    last = a.layers[-1], b.layers[-1]
    shared = [(layer, layer) for layer in a.layers if layer in b.layers]
    return [("last", last), *(("layer", pair) for pair in shared if pair != last)]


def unique_names(folders: Sequence[Path]) -> list[str]:
    """Name runs by their folders: with the folder above where that tells them apart, numbered where it does not."""
    whole = [folder.resolve() for folder in folders]
    names = [folder.name or str(folder) for folder in whole]
    different = [folder.name for folder in set(whole)]
    twice = {name for name in names if different.count(name) > 1}
    names = [f"{f.parent.name}/{name}" if name in twice else name for f, name in zip(whole, names, strict=True)]
    return [name + f" ({names[:i].count(name) + 1})" * (name in names[:i]) for i, name in enumerate(names)]
