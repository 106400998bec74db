"""The page of `phonoscope check`: what is in a corpus, what is wrong with it, and some spectrograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phonoscope.errors import AudioError, OutputFolderError
from phonoscope.files import write_text
from phonoscope.printing import printable
from phonoscope.report.check_tables import place, summary
from phonoscope.report.head import head
from phonoscope.report.panes import environment
from phonoscope.report.spectrogram_charts import sound, spectrogram_chart, stretches

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.checkup import Checkup

_SHOWN = 20
"""Problems of a kind on the page; all are in the JSON."""


def write_check_page(found: Checkup, path: Path) -> None:
    """Write the page.

    Raises
    ------
    OutputFolderError
        It can not be written.
    """
    ipa = dict(found.survey.notation.ipa)
    pictures = []
    for i, one in enumerate(stretches(found), 1):
        try:
            pictures.append((spectrogram_chart(f"spectrogram-{i}", one, ipa).svg, one.why, sound(one)))
        except AudioError:  # it is among the problems
            continue
    page = environment().get_template("check.html").render(
        title=f"{found.survey.tree.root.resolve().name}: what is in it, and what is wrong with it",
        **head(script=False),
        facts=summary(found),
        possible=found.possible,
        kinds=_kinds(found),
        speakers=found.speakers.sort("minutes", descending=True).to_dicts(),
        phones=found.phones.to_dicts(),
        most=max(1, found.phones["segments"].max() or 1),
        folded=sorted((found.corpus.folded if found.corpus else {}).items()),
        left_over=sorted((found.corpus.left_over if found.corpus else {}).items(), key=lambda item: -item[1]),
        pictures=pictures,
    )  # fmt: skip
    try:
        write_text(path, printable(page))
    except OSError as error:
        raise OutputFolderError(path, f"can not be written ({error.strerror})") from None


def _kinds(found: Checkup) -> list[dict[str, Any]]:
    kinds = []
    for severity, kind in found.problems.kinds:
        listed = found.problems.of(severity, kind)
        n = found.problems.counts[severity, kind]
        shown = [(place(found, one), one.text) for one in listed[:_SHOWN]]
        kinds.append({"severity": severity, "kind": kind, "n": n, "shown": shown, "more": n - len(shown)})
    return kinds
