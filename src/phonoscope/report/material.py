"""What the report is made of: the tables of a run, and what figures need beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phonoscope.jobs import limited_threads
from phonoscope.phones.features import chart_order, feature_table, features_of, legend_group
from phonoscope.phones.reference_formants import reference_formants
from phonoscope.phonology.conjunctions import class_name, conjunctions
from phonoscope.phonology.filters import BestFilter, best_filter, mean_maps
from phonoscope.phonology.hierarchy import cooccurrence, cooccurrence_distances, mean_distances, phone_tree
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE
from phonoscope.report.scatter import Look
from phonoscope.report.words import PAPER
from phonoscope.rundir import read_config
from phonoscope.signal.formants import formant_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from phonoscope.phonology.hierarchy import Tree
    from phonoscope.results import Run

# the sets whose vowels the reference table has; "" in runs before there were others
_FRENCH = ("french", "French", "")
_COLOURS = 8
_SHOWN = 4_000  # samples on a map: more cover each other, and a page has eight maps
_PERPLEXITY = 8.0
_PLACES = ("labial", "coronal", "dorsal")


@dataclass(frozen=True)
class Plosives:
    """The plosives in a table: a row a voicing, a column a place; None where there is none."""

    columns: list[str]
    rows: dict[str, list[str | None]]


@dataclass(frozen=True)
class Material:
    """A run, of which every table is read once."""

    run: Run

    @cached_property
    def all_ipa(self) -> dict[str, str]:
        """IPA sign of each phone of the inventory."""
        return self.run.ipa

    @cached_property
    def panel(self) -> pl.DataFrame:
        """The panel, a row a sample."""
        return self.run.panel

    @cached_property
    def scores(self) -> pl.DataFrame:
        """The table of `scores.csv`."""
        return self.run.scores

    @cached_property
    def measures(self) -> pl.DataFrame | None:
        """The table of `measures.csv`; None where there is none."""
        return self.run.measures

    @cached_property
    def layer_tests(self) -> pl.DataFrame | None:
        """The table of `tests.csv`; None where there is none."""
        return self.run.layer_tests

    @cached_property
    def confidence(self) -> float:
        """What share of the replicates the run's intervals span."""
        return read_config(self.run.path)[0].evaluation.confidence

    @cached_property
    def per_phone(self) -> pl.DataFrame:
        """The table of `per_phone.csv`."""
        return self.run.per_phone

    @cached_property
    def selection(self) -> pl.DataFrame:
        """The table of `selection.csv`."""
        return self.run.selection

    @cached_property
    def organisation(self) -> pl.DataFrame:
        """The table of `organisation.csv`."""
        return self.run.organisation

    @cached_property
    def classes(self) -> list[dict[str, Any]]:
        """The entries of `classes.json`."""
        return self.run.classes

    @cached_property
    def layers(self) -> list[str]:
        """The layers, from the input on."""
        return self.run.layers

    @cached_property
    def selected_layers(self) -> list[str]:
        """The layers whose classes were sought."""
        return self.selection["layer"].unique(maintain_order=True).to_list()

    @cached_property
    def phones(self) -> list[str]:
        """The phones of the panel, in the order of tables: by manner, then voicing, place or vowel height."""
        there = list(dict.fromkeys(self.panel["phone"]))
        return sorted(there, key=lambda phone: chart_order(self.all_ipa[phone]))

    @property
    def n_phones(self) -> int:
        """How many there are."""
        return len(self.phones)

    @cached_property
    def ipa(self) -> dict[str, str]:
        """IPA sign of each phone, in the order of `phones`."""
        return {phone: self.all_ipa[phone] for phone in self.phones}

    @cached_property
    def signs(self) -> dict[str, str]:
        """What a figure shows in IPA for each phone: its sign, or the phone itself where none is known."""
        return {phone: sign or phone for phone, sign in self.ipa.items()}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Groups by manner, and the number of each one's colour."""
        names = dict.fromkeys(legend_group(sign) for sign in self.ipa.values())
        return {name: i % _COLOURS for i, name in enumerate(names)}

    @cached_property
    def looks(self) -> dict[str, Look]:
        """How each phone is shown."""
        looks = {}
        for phone, sign in self.ipa.items():
            group = legend_group(sign)
            looks[phone] = Look(
                sign or phone, group, self.groups[group], self._features(phone).get("voicing") != "voiceless"
            )
        return looks

    @cached_property
    def gaps(self) -> list[int]:
        """Places in `phones` where another group begins."""
        groups = [self.looks[phone].group for phone in self.phones]
        return [i + 1 for i, (before, after) in enumerate(pairwise(groups)) if before != after]

    def _features(self, phone: str) -> Mapping[str, str]:
        try:
            return features_of(self.all_ipa[phone])
        except ValueError:
            return {}

    @cached_property
    def shown_samples(self) -> list[int]:
        """Samples that the t-SNE maps show: all, or of a large panel the same number of each phone, evenly drawn."""
        most = max(1, _SHOWN // self.n_phones)
        shown: list[int] = []
        for (_,), rows in self.panel.with_row_index("row").group_by("phone", maintain_order=True):
            places = rows["row"].to_numpy()
            keep = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)
            shown += places[keep].tolist()
        return shown

    def embedding(self, layer: str) -> NDArray[np.float32]:
        """Return the samples on a layer's t-SNE map; of a map in three dimensions the first two."""
        found: NDArray[np.float32] = np.load(self.run.path / "embeddings" / f"{layer}-tsne.npy")
        return found[:, :2]

    def labels(self, layer: str, reduction: str, clusterer: str) -> NDArray[np.int64] | None:
        """Return the cluster of each sample in the first cell of these; None if there is none."""
        if layer not in self._clusters:
            self._clusters.clear()  # one layer after the other is asked for, and all take much memory
            table = self.run.clusters_of(layer)
            first = table.filter(
                (pl.col("k") == pl.col("k").first().over("reduction", "clusterer"))
                & (pl.col("seed") == pl.col("seed").first().over("reduction", "clusterer"))
            )
            self._clusters[layer] = first.partition_by("reduction", "clusterer", as_dict=True)
        cell = self._clusters[layer].get((reduction, clusterer))
        return None if cell is None else cell["cluster"].to_numpy()

    @cached_property
    def _clusters(self) -> dict[str, dict[tuple[Any, ...], pl.DataFrame]]:
        """The first clusterings of the layer last asked for, by reduction and clusterer."""
        return {}

    @cached_property
    def _means(self) -> dict[str, NDArray[np.float64]]:
        """Each layer's mean activations, phones × units, in the order of `phones`."""
        labels = self.panel["phone"].to_list()
        means = {}
        for layer in self.layers:
            activations = self.run.activations(layer)
            names, found = mean_maps(activations, labels, activations.shape[1:])
            means[layer] = found[[names.index(phone) for phone in self.phones]]
        return means

    def clouds(self, layer: str) -> dict[str, NDArray[np.floating]]:
        """Return the phones' mean activations in three dimensions, by PCA and, of more than four phones, by t-SNE."""
        means = self._means[layer]
        scores = pca(means, 1.0).scores[:, :3]
        flat = np.zeros((len(means), 3))
        flat[:, : scores.shape[1]] = scores
        found: dict[str, NDArray[np.floating]] = {"pca": flat}
        perplexity = min(_PERPLEXITY, (len(means) - 1) / 3)
        if perplexity > 1:
            with limited_threads(1):  # for so few points, starting threads takes longer than what they do
                found["tsne"] = TSNE(3, perplexity=perplexity, random_state=0).fit_transform(means)
        return found

    def trees(self) -> Iterator[tuple[str, str, Tree]]:
        """Give each layer's dendrograms: from mean activations, and from shared clusters over all k of the sweep."""
        labels = self.panel["phone"].to_list()
        for layer in self.layers:
            yield layer, "means", phone_tree(tuple(self.phones), mean_distances(self._means[layer]))
            of_layer = self.run.sweep_of(layer).sort("clusterer", "k", "sample")
            if of_layer.height:
                clusterings = of_layer["cluster"].to_numpy().reshape(-1, len(labels)).astype(np.int64)
                names, similarity = cooccurrence(labels, clusterings)
                yield layer, "clusters", phone_tree(names, cooccurrence_distances(similarity))

    def describe_phones(self, phones: tuple[str, ...]) -> str:
        """Name a set of phones if it is a natural class exactly, and list them."""
        listed = f"/{' '.join(phones)}/"
        name = self._natural.get(frozenset(phones))
        return f"{name}: {listed}" if name else listed

    @cached_property
    def _natural(self) -> dict[frozenset[str], str]:
        table = feature_table(self.ipa)
        found = conjunctions(table)
        return {
            frozenset(np.asarray(table.phones)[members].tolist()): class_name(terms, table, members)
            for terms, members in zip(found.terms, found.members, strict=True)
        }

    @cached_property
    def paper(self) -> Mapping[str, float]:
        """F that the paper states, by layer, for its own network, trained; of others nothing."""
        settings, about = read_config(self.run.path)
        return PAPER if settings.recogniser.kind == "cnn" and "model" not in about else {}

    @property
    def map_layer(self) -> str | None:
        """The layer whose filters are shown."""
        return self.run.map_layer

    @property
    def n_filters(self) -> int:
        """How many filters it has."""
        return self.run.shapes[self.map_layer][0] if self.map_layer else 0

    def filter_maps(self, number: int) -> dict[str, NDArray[np.float64]]:
        """Return each phone's mean map of one filter, time × frequency."""
        if self.map_layer is None:
            return {}
        means = self._means[self.map_layer].reshape(self.n_phones, *self.run.shapes[self.map_layer])
        return dict(zip(self.phones, means[:, number], strict=True))

    @cached_property
    def best_filters(self) -> list[BestFilter]:
        """The filter that follows each property best; empty where there is none."""
        found = self.run.filters
        if found is None:
            return []
        best = [best_filter(found.drop("layer"), target) for target in found["target"].unique(maintain_order=True)]
        return [one for one in best if one is not None]

    @cached_property
    def measured(self) -> pl.DataFrame | None:
        """Medians and quartiles of the vowels' formants; None where they were not measured."""
        found = self.run.formants
        return None if found is None else formant_table(found).filter(pl.col("n") > 0)

    @cached_property
    def formants(self) -> dict[str, tuple[float, float]]:
        """F1 and F2 of each vowel of the panel, Hz: as measured, or else those of the reference table."""
        if self.measured is None and self.run.notation not in _FRENCH:
            return {}
        table = reference_formants() if self.measured is None else self.measured
        return {phone: (f1, f2) for phone, f1, f2 in table.select("phone", "f1", "f2").iter_rows() if phone in self.ipa}

    @property
    def formant_words(self) -> str:
        """Say where the formants are from."""
        if not self.formants:
            return "No formants could be measured here."
        if self.measured is None:
            return "Formants are the reference table's (Calliope 1989, men): none could be measured here."
        n = int(self.measured["n"].sum())
        return (
            f"Formants are medians of {n} vowels of the panel, measured by Praat's Burg method in the middle of the "
            f"segment, with each speaker's formant ceiling chosen to make vowels least variable."
        )

    def plosives(self) -> Plosives:
        """Lay the plosives out by place and voicing."""
        table = feature_table(self.ipa)
        index = {name: i for i, name in enumerate(table.terms)}
        rows: dict[str, list[str | None]] = {name: [] for name in ("voiceless", "voiced")}
        for voicing, row in rows.items():
            for place in _PLACES:
                wanted = [index[term] for term in ("plosive", voicing, place)]
                phones = [p for p, holds in zip(table.phones, table.holds, strict=True) if holds[wanted].all()]
                row.append(phones[0] if phones else None)
        return Plosives(list(_PLACES), rows)
