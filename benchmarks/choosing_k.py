# ruff: noqa: INP001 - a script, not a package
"""Which criterion finds the number of classes: on panels whose classes were planted, and on a run's activations.

``python benchmarks/choosing_k.py [--run RUN] [--quick]`` writes Markdown tables; docs/choosing-k.md explains them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import pdist

from phonoscope import Run
from phonoscope.clustering.affinity import choose_sigma, gaussian_affinity
from phonoscope.clustering.criteria import block_ratio, centre_ratio, cluster_sums
from phonoscope.clustering.curves import CRITERIA, Clusterer, Selection, read_curve
from phonoscope.clustering.manhattan import manhattan_distances
from phonoscope.clustering.selection import Sweep, sweep
from phonoscope.clustering.spectral import normalised_affinity
from phonoscope.reduction.distances import squared_distances
from phonoscope.settings import SelectionSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

PHONES = 33
KS = range(2, PHONES + 1)
CLUSTERERS: tuple[Clusterer, ...] = ("kmedians", "spectral")
HALVES = 3
SCALED = (5, 7, 10)  # far enough from both 2 and 33


@dataclass(frozen=True)
class Kind:
    """How a panel is made; lengths are in standard deviations of a phone's samples along one axis.

    Attributes
    ----------
    name
        In the tables.
    dimensions, noise
        Those in which the classes differ, and further ones that hold nothing but the samples' scatter.
    classes
        Distance of the two nearest classes.
    phones
        Root mean square distance of two phones of a class; 0: the classes are all there is.
    uneven
        Whether the classes have different numbers of phones.
    groups
        Distance of two broad groups, between which the classes are dealt out; 0: there are none.
    """

    name: str
    dimensions: int
    noise: int
    classes: float
    phones: float
    uneven: bool = False
    groups: float = 0


KINDS = (
    Kind("clear", 10, 0, 10, 0),
    Kind("nested", 10, 0, 10, 5),
    Kind("grouped", 10, 0, 8, 3, groups=30),
    Kind("blurred", 10, 0, 5, 2),
    Kind("overlapping", 10, 0, 3, 1),
    Kind("noisy", 10, 90, 10, 3),
    Kind("uneven", 10, 0, 10, 3, uneven=True),
    Kind("plane", 2, 0, 8, 2),
)


def plant(kind: Kind, n_classes: int, per_phone: int, seed: int) -> Floats:
    """Return a panel of 33 phones that lie in classes, samples × dimensions."""
    random = np.random.default_rng(seed)
    sizes = np.full(n_classes, PHONES // n_classes)
    sizes[: PHONES % n_classes] += 1
    if kind.uneven:
        sizes = 1 + random.multinomial(PHONES - n_classes, random.dirichlet(np.full(n_classes, 1.5)))
    centres = random.standard_normal((n_classes, kind.dimensions))
    centres *= kind.classes / pdist(centres).min()
    centres[::2, 0] += kind.groups
    places = np.repeat(centres, sizes, axis=0)
    places += kind.phones / np.sqrt(2 * kind.dimensions) * random.standard_normal(places.shape)
    extents = np.exp(0.25 * random.standard_normal(PHONES))  # some phones scatter more than others
    scatter = random.standard_normal((PHONES, per_phone, kind.dimensions)) * extents[:, None, None]
    signal = (places[:, None] + scatter).reshape(PHONES * per_phone, -1)
    return np.hstack([signal, random.standard_normal((len(signal), kind.noise))]).astype(np.float32)


def variants(X: Floats, found: Sweep) -> dict[str, Selection]:
    """Read every criterion, and those that a setting or another reading of the same curve gives."""
    chosen = {name: found.select(name) for name in found.curves}
    named: dict[str, Selection] = {str(name): selection for name, selection in chosen.items()}
    if found.clusterer == "kmedians":
        curve = {}
        for k, labels in zip(found.ks, found.labels, strict=True):
            centres = np.array([np.median(X[labels == c], axis=0) for c in range(k)])
            curve[k] = centre_ratio(manhattan_distances(X, centres), labels, "means")
        named["ratio, of means"] = read_curve("ratio", curve)
    else:
        squared = squared_distances(X)
        L = normalised_affinity(gaussian_affinity(squared, choose_sigma(squared, X.shape[1], "mouysset")))
        sums = cluster_sums(np.square(L), list(found.labels))
        curve = {k: block_ratio(s, own, k) for k, s, own in zip(found.ks, sums, found.labels, strict=True)}
        named["ratio, normalised"] = read_curve("ratio", curve)
    if "stability" in named:
        named["stability, strictly"] = read_curve("silhouette", found.curves["stability"])
    return named


def ordered(names: Iterable[str]) -> list[str]:
    """Sort the criteria as the settings list them, variants after their own."""
    return sorted(names, key=lambda name: (CRITERIA.index(name.split(",")[0]), name))


def write(*lines: str) -> None:
    """Print lines at once: the whole takes minutes."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table and an empty line."""
    write(*("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)), "")


@dataclass(frozen=True)
class Choice:
    """What a criterion chose on a panel of `classes` planted classes."""

    kind: str
    classes: int
    selection: Selection

    @property
    def near(self) -> bool:
        """Whether it is off by one at the most."""
        return abs(self.selection.k - self.classes) <= 1


def share(values: Iterable[bool]) -> str:
    """Return a share as a percentage, or n/a for that of nothing."""
    listed = list(values)
    return f"{100 * np.mean(listed):.0f} %" if listed else "n/a"


def planted(clusterer: Clusterer, kinds: Sequence[Kind], numbers: Sequence[int], seeds: int, per_phone: int) -> None:
    """Print what every criterion chooses on planted panels."""
    choices: dict[str, list[Choice]] = defaultdict(list)
    for kind, n_classes, seed in product(kinds, numbers, range(seeds)):
        X = plant(kind, n_classes, per_phone, 1_000 * seed + n_classes)
        for name, selection in variants(X, sweep(X, clusterer, KS, seed=seed)).items():
            choices[name].append(Choice(kind.name, n_classes, selection))
    names = ordered(choices)
    panels = len(choices[names[0]])
    write(f"### {clusterer}: {panels} panels of {PHONES * per_phone} samples", "")
    rows = []
    for name in names:
        made = choices[name]
        error = np.median([abs(np.log(c.selection.k / c.classes)) for c in made])
        rows.append(
            [
                name,
                share(c.selection.k == c.classes for c in made),
                share(c.near for c in made),
                f"{error:.2f}",
                share(c.selection.at_edge for c in made),
            ]
        )
    table(["criterion", "exact", "within ±1", "median abs(ln(k / K))", "at the edge"], rows)
    write("Within ±1, by kind of panel:", "")
    by_kind = [[n, *(share(c.near for c in choices[n] if c.kind == kind.name) for kind in kinds)] for n in names]
    table(["criterion", *(kind.name for kind in kinds)], by_kind)
    write("The k chosen (median), by the number of classes K:", "")
    by_number = [
        [n, *(f"{np.median([c.selection.k for c in choices[n] if c.classes == K]):g}" for K in numbers)] for n in names
    ]
    table(["criterion", *(f"K = {K}" for K in numbers)], by_number)
    for kind in kinds:
        if kind.name in ("nested", "grouped"):
            scales({n: [c for c in choices[n] if c.kind == kind.name] for n in names}, kind.name)


def scales(choices: dict[str, list[Choice]], kind: str) -> None:
    """Print which scale is found where there are several: two broad groups, the classes, or the phones."""
    write(f"Which scale is found on {kind} panels of 5 to 10 classes:", "")
    rows = []
    for name, made in choices.items():
        ks = [(c.selection.k, c.near) for c in made if c.classes in SCALED]
        few, many = [k == 2 and not near for k, near in ks], [k >= PHONES - 3 for k, _ in ks]  # noqa: PLR2004 - a pair
        classes = [near for _, near in ks]
        neither = [not (f or c or m) for f, c, m in zip(few, classes, many, strict=True)]
        rows.append([name, share(few), share(classes), share(many), share(neither)])
    table(["criterion", "2", "the classes (±1)", "the phones (30 to 33)", "none of them"], rows)


def null(clusterer: Clusterer, seeds: int, per_phone: int) -> None:
    """Print what every criterion chooses where there is nothing to find."""
    clouds = {"2": 2, "10": 10, "100": 100}
    cells: dict[str, list[str]] = defaultdict(list)
    for d in clouds.values():
        chosen = defaultdict(list)
        for seed in range(seeds):
            X = np.random.default_rng(seed).standard_normal((PHONES * per_phone, d)).astype(np.float32)
            for name, selection in variants(X, sweep(X, clusterer, KS, seed=seed)).items():
                chosen[name].append(selection)
        for name, selections in chosen.items():
            values = ", ".join(f"{s.k} ({s.curve[s.k]:.2f})" for s in selections)
            cells[name].append(values)
    write(f"### {clusterer}: one Gaussian cloud, k chosen (value there)", "")
    table(["criterion", *(f"{name} dimensions" for name in clouds)], [[n, *cells[n]] for n in ordered(cells)])


def marked(selection: Selection) -> str:
    """Return the k chosen, with a star at the edge of the range."""
    return f"{selection.k}{'*' if selection.at_edge else ''}"


def real(clusterer: Clusterer, run: Path, layers: Sequence[str], reduction: str, halves: int) -> None:
    """Print what every criterion chooses on a run's layers, and on random halves of its panel."""
    whole: dict[str, list[str]] = defaultdict(list)
    for layer in layers:
        X = np.load(run / "embeddings" / f"{layer}-{reduction}.npy")
        chosen = variants(X, sweep(X, clusterer, KS))
        in_halves: dict[str, list[int]] = defaultdict(list)
        for seed in range(halves):
            half = X[np.random.default_rng(seed).permutation(len(X))[: len(X) // 2]]
            settings = SelectionSettings(stability_splits=1)
            for name, selection in variants(half, sweep(half, clusterer, KS, selection=settings)).items():
                in_halves[name].append(selection.k)
        for name, selection in chosen.items():
            spread = " (" + " ".join(map(str, sorted(in_halves[name]))) + ")" if halves else ""
            whole[name].append(marked(selection) + spread)
    write(f"### {clusterer}, {reduction}", "")
    table(["criterion", *layers], [[n, *whole[n]] for n in ordered(whole)])


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a finished run: measure its activations instead of planted panels")
    parser.add_argument("--reduction", choices=["pca", "tsne"], default="pca", help="of the run's layers")
    parser.add_argument("--quick", action="store_true", help="less of everything: a minute instead of ten")
    arguments = parser.parse_args()
    start = time.perf_counter()
    if arguments.run:
        layers = Run(arguments.run).scores["layer"].unique(maintain_order=True).to_list()
        write(f"## Activations of {arguments.run.name}", "")
        write("k chosen on the whole panel (on random halves of it); a star: at the edge of the range.", "")
        for clusterer in CLUSTERERS:
            real(
                clusterer,
                arguments.run,
                layers[-1:] if arguments.quick else layers,
                arguments.reduction,
                0 if arguments.quick else HALVES,
            )
    else:
        write("## Planted classes", "")
        for clusterer in CLUSTERERS:
            if arguments.quick:
                planted(clusterer, KINDS[:3], (3, 10), 1, 10)
            else:
                planted(clusterer, KINDS, (2, 3, 5, 7, 10, 17, 33), 2, 20)
        write("## Nothing planted", "")
        for clusterer in CLUSTERERS:
            null(clusterer, 1 if arguments.quick else 2, 10 if arguments.quick else 20)
    write(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
