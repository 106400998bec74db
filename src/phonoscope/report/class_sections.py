"""The parts of the page about the inferred classes: how many there are, which they are, and how the phones order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from phonoscope.report.class_curves import chosen_chart, criterion_chart, organisation_chart
from phonoscope.report.curves import curve_mark, point_mark
from phonoscope.report.panes import Axis, Picker, figure, figures, on_page, picker
from phonoscope.report.trees import dendrogram
from phonoscope.report.words import BASES, CLUSTERERS, CRITERIA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from phonoscope.report.material import Material

# these two are read from one curve: that they agree says little
_SAME_CURVE = {"ratio", "first_minimum"}


def class_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs for the number of classes, the classes, and the hierarchy."""
    selection = material.selection
    clusterers = [name for name in CLUSTERERS if name in selection["clusterer"]]
    criteria = [name for name in CRITERIA if name in selection["criterion"]]
    return {
        "chosen_charts": [chosen_chart(selection, name) for name in clusterers],
        "criterion_legend": [
            {
                "key": name,
                "name": CRITERIA[name],
                "mark": on_page(point_mark(j)),
            }
            for j, name in enumerate(criteria)
        ],
        "agreement": agreement(selection, clusterers, criteria),
        "curves": _curves(material, clusterers, criteria),
        "classes": _cards(material, clusterers),
        "phi": _phi(material, clusterers),
        "organisation": organisation_chart(material.organisation),
        "organisation_legend": [
            {"key": feature, "name": feature, "mark": on_page(curve_mark(look))}
            for look, feature in enumerate(material.organisation["attribute"].unique(maintain_order=True))
        ],
        "trees": _trees(material),
    }


def agreement(selection: pl.DataFrame, clusterers: Sequence[str], criteria: Sequence[str]) -> dict[str, Any]:
    """Make the table of the k that every criterion chooses, and mark where two that share no curve agree to one.

    Returns
    -------
    ``groups``, the clusterers and their numbers of columns, ``heads``, the columns, and ``rows``: a layer and its
    cells, each a text and whether another criterion agrees.
    """
    columns = [
        (c, name)
        for c in clusterers
        for name in criteria
        if not selection.filter(clusterer=c, criterion=name).is_empty()
    ]
    chosen = {
        (layer, clusterer, criterion): (k, edge)
        for layer, clusterer, criterion, k, edge in selection.filter("chosen")
        .select("layer", "clusterer", "criterion", "k", "at_edge")
        .iter_rows()
    }
    rows = []
    for layer in selection["layer"].unique(maintain_order=True):
        cells = []
        for clusterer, criterion in columns:
            k, edge = chosen.get((layer, clusterer, criterion), (None, False))
            others = [
                chosen.get((layer, clusterer, other))
                for other in criteria
                if other != criterion and not {criterion, other} <= _SAME_CURVE
            ]
            agrees = k is not None and not edge and any(o and not o[1] and abs(o[0] - k) <= 1 for o in others)
            cells.append(("-" if k is None else f"({k})" if edge else str(k), agrees))
        rows.append((layer, cells))
    groups = [(CLUSTERERS[c], sum(one == c for one, _ in columns)) for c in clusterers]
    return {"groups": groups, "heads": [CRITERIA[name] for _, name in columns], "rows": rows}


def _curves(material: Material, clusterers: Sequence[str], criteria: Sequence[str]) -> Picker:
    contents = {}
    for layer in material.selected_layers:
        for clusterer in clusterers:
            of_pair = material.selection.filter(layer=layer, clusterer=clusterer)
            charts = [
                criterion_chart(layer, clusterer, name, of_pair.filter(criterion=name))
                for name in criteria
                if name in of_pair["criterion"]
            ]
            contents[f"{layer}|{clusterer}"] = figures(charts, "row few")
    layers = [(layer, layer) for layer in material.selected_layers]
    axes = [
        Axis("layer", layers, layers[-1][0]),
        Axis("clustering", [(name, CLUSTERERS[name]) for name in clusterers], clusterers[-1]),
    ]
    return picker(axes, contents)


def _cards(material: Material, clusterers: Sequence[str]) -> Picker:
    contents: dict[str, Markup] = {}
    chosen_by: set[str] = set()
    asked: dict[str, str] = {}
    for one in material.classes:
        content = cards(one, material.signs)
        chosen_by.update(one["chosen_by"])
        asked[one["clusterer"]] = one["criterion"]
        for way in one["chosen_by"]:
            contents[f"{one['layer']}|{one['clusterer']}|{way}"] = content
    ways = {way: name for way, name in CRITERIA.items() if way in chosen_by}
    layers = [(layer, layer) for layer in material.selected_layers]
    # not every criterion is there for both clusterers, and the paper's k may lie outside the range
    for layer, _ in layers:
        for clusterer in clusterers:
            for way in ways:
                missing = Markup("<p>Not there for {}: {}.</p>").format(CLUSTERERS[clusterer], CRITERIA[way])
                contents.setdefault(f"{layer}|{clusterer}|{way}", missing)
    axes = [
        Axis("layer", layers, layers[-1][0]),
        Axis("clustering", [(name, CLUSTERERS[name]) for name in clusterers], clusterers[-1]),
        Axis("k by", list(ways.items()), asked[clusterers[-1]]),
    ]
    return picker(axes, contents)


def cards(one: Mapping[str, Any], ipa: Mapping[str, str]) -> Markup:
    """Show the classes of one clustering, a card a class.

    Parameters
    ----------
    one
        An entry of `classes.json`.
    ipa
        Each phone's IPA sign.
    """
    several = [inferred for inferred in one["classes"] if not _is_single(inferred)]
    found = Markup("").join(_card(inferred, ipa) for inferred in several)
    singles = _singles([inferred for inferred in one["classes"] if _is_single(inferred)], ipa)
    edge = ", at the edge of the range" if one["at_edge"] else ""
    named = sum(bool(inferred["natural"]["significant"]) for inferred in one["classes"])
    head = Markup(
        "<p><strong>k = {}</strong>{} at {}: {} classes of several phones (natural classes beyond chance: {}); "
        "{} of a single phone.</p>"
    ).format(one["k"], edge, one["layer"], len(several), named, len(one["classes"]) - len(several))
    wide = [s for s in one["spread"] if s["largest"] < 0.5]  # noqa: PLR2004 - no class has half of it
    words = Markup(", ").join(
        Markup("{} ({:.0%} at the most in one class, {:.1f} classes)").format(
            _phones([s["phone"]], ipa), s["largest"], s["effective"]
        )
        for s in wide
    )
    tail = Markup("<p>Spread over several classes: {}.</p>").format(words) if wide else Markup("")
    # the arrow keys go through what has the focus
    group = Markup('<div tabindex="0" role="group" aria-label="classes at {}" data-points>{}</div>')
    return head + group.format(one["layer"], Markup('<div class="cards">{}</div>').format(found) + singles) + tail


def _phones(phones: Sequence[str], ipa: Mapping[str, str]) -> Markup:
    inner = Markup(" ").join(
        Markup('<span class="phone" data-phone="{0}" data-ipa="{1}">{0}</span>').format(phone, ipa.get(phone, phone))
        for phone in phones
    )
    return Markup("/{}/").format(inner)


def _is_single(inferred: Mapping[str, Any]) -> bool:
    """Tell whether a class is one phone, and no set of phones describes it better."""
    return len(inferred["members"]) == 1 and len(inferred["natural"]["phones"]) == 1


def _singles(classes: Sequence[Mapping[str, Any]], ipa: Mapping[str, str]) -> Markup:
    if not classes:
        return Markup("")
    chips = Markup("").join(
        _chip(one["phones"][0], ipa, f"; {one['natural']['precision']:.1%} of the class") for one in classes
    )
    return Markup('<div class="singles">One phone each: {}</div>').format(chips)


def _chip(share: Mapping[str, Any], ipa: Mapping[str, str], more: str = "", element: str = "span") -> Markup:
    return Markup(
        '<{element} class="phone" style="--v:{v:.2f}" data-tip="{tip}" data-phone="{phone}" data-ipa="{ipa}">'
        "{phone}</{element}>"
    ).format(
        element=element,
        v=share["share"],
        tip=f"/{share['phone']}/: {share['samples']} samples, {share['share']:.1%} of its own{more}",
        phone=share["phone"],
        ipa=ipa.get(share["phone"], share["phone"]),
    )


def _card(inferred: Mapping[str, Any], ipa: Mapping[str, str]) -> Markup:
    natural = inferred["natural"]
    if natural["significant"]:
        title = Markup("<h4>{}</h4>").format(natural["name"])
    else:
        title = Markup('<h4 class="none">no natural class</h4>')
    if inferred["members"]:
        words = Markup("{:.1%} of {}").format(inferred["covered"], _phones(inferred["members"], ipa))
    else:
        words = Markup("no phone has half of its samples here")
    if inferred["companions"]:
        words += Markup(", with {}").format(_phones(inferred["companions"], ipa))
    shares = Markup("").join(
        _chip(share, ipa, element="li")
        for share in inferred["phones"]
        if share["share"] >= 0.05  # noqa: PLR2004 - less is noise on a card
    )
    fit = Markup("best fit: {}; precision {:.2f}, recall {:.2f}, p = {}").format(
        natural["name"], natural["precision"], natural["recall"], _p(natural["p_corrected"])
    )
    return Markup(
        '<div class="card">{}<p>{}</p><ul class="shares">{}</ul><p class="soft">{} samples; {}</p></div>'
    ).format(title, words, shares, inferred["samples"], fit)


def _p(value: float) -> str:
    return "1" if value >= 1 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"  # noqa: PLR2004 - digits


def _phi(material: Material, clusterers: Sequence[str]) -> dict[str, Any]:
    main = {(one["layer"], one["clusterer"]): one for one in material.classes if one["main"]}
    rows = []
    for layer in material.selected_layers:
        cells = []
        for clusterer in clusterers:
            one = main.get((layer, clusterer))
            if one is None or one["phi"] is None:
                cells.append("-")
            else:
                cells.append(f"{one['phi']:.2f} ({one['k']}), p = {_p(one['phi_p_value'])}")
        rows.append((layer, cells))
    return {"heads": [CLUSTERERS[name] for name in clusterers], "rows": rows}


def _trees(material: Material) -> Picker:
    contents = {}
    for layer, basis, tree in material.trees():
        contents[f"{layer}|{basis}"] = figure(
            dendrogram(
                f"tree-{layer}-{basis}",
                f"{layer}: {BASES[basis]}",
                tree.phones,
                tree.linkage,
                tree.order.tolist(),
                looks=material.looks,
                describe=material.describe_phones,
                label="distance",
            )
        )
    bases = list(dict.fromkeys(key.split("|")[1] for key in contents))
    layers = [layer for layer in material.layers if f"{layer}|{bases[0]}" in contents]
    axes = [
        Axis("layer", [(layer, layer) for layer in layers], layers[-1]),
        Axis("from", [(basis, BASES[basis]) for basis in bases], bases[0]),
    ]
    return picker(axes, {key: content for key, content in contents.items() if key.split("|")[0] in layers})
