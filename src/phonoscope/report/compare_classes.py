"""The part of the comparison's page that shows which classes of phones agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from phonoscope.report.compare_words import PLACES, clustering_name, p_words
from phonoscope.report.panes import Axis, Picker, environment, picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phonoscope.compared import Comparison


def pair_axis(pairs: Sequence[tuple[Any, ...]], chosen: int = 0) -> Axis:
    """Return the choice of two runs, by the number of the pair."""
    return Axis("runs", [(str(i), f"{a} / {b}") for i, (a, b) in enumerate(pairs)], str(chosen))


def class_picker(found: Comparison) -> Picker:
    """Show for every pair of runs, clusterer and pair of layers the classes of both, and the pairs that they join."""
    runs = {one.name: one for one in found.runs}
    template = environment().get_template("compare_classes.html")
    contents: dict[str, Markup] = {}
    pairs = found.pairs.select("run_a", "run_b").rows()
    clusterers = found.classes["clusterer"].unique(maintain_order=True).to_list()
    places: dict[str, str] = {}
    for row in found.classes.iter_rows(named=True):
        of_row = row["place"].split(", ")
        layers = [f"={row['layer_a']}"] if row["layer_a"] == row["layer_b"] else []
        shared = {*row["identical"].split(", ")}
        sides = []
        for side in ("a", "b"):
            of_phone = runs[row[f"run_{side}"]].partitions[row["clusterer"], row[f"layer_{side}"]][1]
            other = runs[row["run_b" if side == "a" else "run_a"]].partitions
            there = other[row["clusterer"], row["layer_b" if side == "a" else "layer_a"]][1]
            classes: dict[int, list[str]] = {}
            for phone, number in of_phone.items():
                if phone in there:
                    classes.setdefault(number, []).append(phone)
            ordered = sorted(classes.values(), key=lambda one: -len(one))
            sides.append(
                {
                    "name": f"{row[f'run_{side}']}, {row[f'layer_{side}']}",
                    "classes": [(phones, _joined(phones, shared)) for phones in ordered if len(phones) > 1],
                    "single": [phones[0] for phones in ordered if len(phones) == 1],
                }
            )
        text = template.render(
            row=row, p=p_words(row["p_holm"]), sides=sides,
            joined=[
                (title, [one for one in row[name].split(", ") if one])
                for title, name in (
                    ("in both", "both"),
                    (f"in {row['run_a']} only", "only_a"),
                    (f"in {row['run_b']} only", "only_b"),
                )
            ],
        )  # fmt: skip
        i = pairs.index((row["run_a"], row["run_b"]))
        for place in [*(one for one in of_row if one != "layer"), *layers]:
            places.setdefault(place, PLACES.get(place, place.removeprefix("=")))
            contents[f"{i}|{row['clusterer']}|{place}"] = Markup(text)  # noqa: S704 - an escaping template's
    order = sorted(places, key=lambda place: ("last", "best").index(place) if place in PLACES else 2)
    missing = Markup('<p class="soft">These runs have no classes to be compared there.</p>')
    for i in range(len(pairs)):
        for clusterer in clusterers:
            for place in order:
                contents.setdefault(f"{i}|{clusterer}|{place}", missing)
    chosen = found.classes.row(0, named=True)
    names = [(name, clustering_name("none", name)) for name in clusterers]
    axes = [
        pair_axis(pairs, pairs.index((chosen["run_a"], chosen["run_b"]))),
        Axis("clustering", names, clusterers[0]),
        Axis("layer", [(place, places[place]) for place in order], order[0]),
    ]  # fmt: skip
    return picker(axes, contents)


def _joined(phones: Sequence[str], shared: set[str]) -> bool:
    """Whether a class is the same in both runs."""
    return {*phones} in [{*one.split(" ")} for one in shared]
