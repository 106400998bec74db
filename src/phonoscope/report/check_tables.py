"""What `phonoscope check` found, as tables for the terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonoscope.checkup import Checkup
    from phonoscope.corpus.problems import Problem

_EXAMPLES = 3
_SPEAKERS = 12
_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def summary(found: Checkup) -> list[tuple[str, str]]:
    """Return the corpus in a few facts: name and value."""
    survey = found.survey
    facts = [
        ("format", survey.form.title),
        (
            "speech",
            f"{found.minutes:.1f} minutes in {len(survey.utterances):,} utterances, {len(survey.headers):,} recordings",
        ),
        ("speakers", f"{found.speakers.height:,}"),
        ("phone set", survey.notation.note.removeprefix("The phone set is ")),
    ]
    if found.corpus is not None:
        parts = [len(found.corpus.of(part)) for part in ("train", "validation")]
        facts.append(("parts", f"{parts[0]:,} utterances for training, {parts[1]:,} for validation"))
        facts.append(("panel", panel_sentence(found)))
    return facts


def panel_sentence(found: Checkup) -> str:
    """Say how many phones reach which number of samples."""
    sizes = [f"{n:,} samples of {phones} phones" for n, phones in found.panel.iter_rows() if phones > 1]
    if not sizes:
        return "too little validation speech for one"
    return f"{'; or '.join(sizes)} (segments of the validation part, before the recogniser's mistakes are left out)"


def tables(found: Checkup) -> Iterator[Table]:
    """Make the tables: speakers, phones, foldings, what is left over, problems."""
    yield _speakers(found)
    yield _phones(found)
    corpus = found.corpus
    if corpus is not None and corpus.folded:
        table = Table(
            "phone", "labels that stand for it, and tokens", title="Labels that were folded", title_justify="left"
        )
        by_phone: dict[str, list[str]] = {}
        for (label, phone), n in corpus.folded.items():
            by_phone.setdefault(phone, []).append(f"{label!r} {n:,}")
        for phone, labels in by_phone.items():
            table.add_row(escape(phone), escape(", ".join(labels)))
        yield table
    if corpus is not None and corpus.left_over:
        table = Table(
            "label", "tokens", title="Labels that are neither phone nor pause: left out", title_justify="left"
        )
        for label, n in sorted(corpus.left_over.items(), key=lambda item: -item[1]):
            table.add_row(escape(repr(label)), f"{n:,}")
        yield table
    if found.problems.kinds:
        yield _problems(found)


def _speakers(found: Checkup) -> Table:
    table = Table(title="Speakers", title_justify="left")
    table.add_column("speaker")
    for head in ("utterances", "minutes", "segments"):
        table.add_column(head, justify="right")
    for speaker, minutes, segments, n in (
        found.speakers.select("speaker", "minutes", "segments", "utterances").head(_SPEAKERS).iter_rows()
    ):
        table.add_row(escape(speaker), f"{n:,}", f"{minutes:.1f}", f"{segments:,}")
    if found.speakers.height > _SPEAKERS:
        table.add_row(f"… {found.speakers.height - _SPEAKERS:,} more")
    return table


def _phones(found: Checkup) -> Table:
    table = Table(title="Phones; durations in milliseconds", title_justify="left")
    table.add_column("phone")
    table.add_column("IPA")
    for head in ("segments", "training", "validation", "shortest", "median", "longest"):
        table.add_column(head, justify="right")
    for phone, ipa, *numbers in found.phones.iter_rows():
        table.add_row(escape(phone), escape(ipa), *("" if n is None else f"{n:,.0f}" for n in numbers))
    return table


def place(found: Checkup, problem: Problem) -> str:
    """Name the file and the time of a problem."""
    if problem.path is None:
        return "the corpus"
    shown = found.survey.tree.shown(problem.path)
    return shown if problem.time is None else f"{shown} at {problem.time:.3f} s"


def _problems(found: Checkup) -> Table:
    table = Table(title="Problems", title_justify="left", show_lines=True)
    table.add_column("kind")
    table.add_column("number", justify="right")
    table.add_column("the first of them")
    for severity, kind in found.problems.kinds:
        listed = found.problems.of(severity, kind)
        lines = [f"{place(found, one)}: {one.text}" for one in listed[:_EXAMPLES]]
        n = found.problems.counts[severity, kind]
        more = [f"… and {n - _EXAMPLES:,} more"] if n > _EXAMPLES else []
        colour = _COLOURS[severity]
        head = f"[{colour}]{severity}[/{colour}]\n{kind}"
        table.add_row(head, f"{n:,}", escape("\n".join(lines + more)))
    return table


def as_json(found: Checkup) -> dict[str, Any]:
    """Return all that was found in plain objects: times in seconds, durations of phones in milliseconds."""
    survey, corpus = found.survey, found.corpus
    return {
        "corpus": str(survey.tree.root),
        "possible": found.possible,
        "format": survey.form.name,
        "minutes": round(found.minutes, 3),
        "utterances": len(survey.utterances),
        "recordings": len(survey.headers),
        "phone_set": {"name": survey.notation.name, "note": survey.notation.note},
        "speakers": found.speakers.to_dicts(),
        "phones": found.phones.to_dicts(),
        "panel": found.panel.to_dicts(),
        "folded": [{"label": a, "phone": b, "tokens": n} for (a, b), n in (corpus.folded if corpus else {}).items()],
        "left_over": corpus.left_over if corpus else {},
        "shift": round(found.shift, 4),
        "counts": [
            {"severity": severity, "kind": kind, "number": found.problems.counts[severity, kind]}
            for severity, kind in found.problems.kinds
        ],
        "problems": [
            {
                "severity": one.severity,
                "kind": one.kind,
                "file": None if one.path is None else str(one.path),
                "time": None if one.time is None else round(one.time, 6),
                "utterance": one.utterance or None,
                "text": one.text,
            }
            for one in found.problems.listed
        ],
    }
