"""A corpus and a run in which everything is called something nasty: pages, tables and figures hold names only."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
import soundfile

from conftest import textgrid_text
from corpus.formats.reading_all import put
from made_run import SMALL, Plan, make_run
from phonoscope.cli import _print_results
from phonoscope.corpus.textgrid import IntervalTier, read_textgrid
from phonoscope.cutting import cut_samples
from phonoscope.report.write import write_report
from phonoscope.rundir import record
from phonoscope.settings import Settings
from safety.commands import CONTROL, said

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.results import Run

SCRIPT = "</script><script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
NASTY = [
    SCRIPT,
    '" onmouseover="alert(1)',
    "<img src=x onerror=alert(1)>",
    FORMULA,
    "\x1b]0;owned\x07\u202e",
    "]]>\u2028{{ 7*7 }}[red]",
]
BENIGN = [f"{i}".ljust(len(name), "x") for i, name in enumerate(NASTY)]  # what does not fit is not drawn
FOLDERS = {"<svg onload=alert(1)>": "one", "[red]\x1b[31m=f(x)": "two"}
FORMULA_START = re.compile(r"\s*[=+\-@].*[(|!\[]", re.DOTALL)


class Elements(HTMLParser):
    """Counts elements, and attributes that run something or name an address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes = Counter[str](), Counter[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        names = [name for name, _ in attrs if name.startswith("on") or name in {"href", "src", "action", "srcdoc"}]
        self.attributes.update(f"{tag} {name}" for name in names)


def same_elements(one: str, other: str, *, but: tuple[str, ...] = ()) -> None:
    a, b = Elements(one), Elements(other)
    for name in but:
        del a.tags[name], b.tags[name]
    assert a.tags == b.tags
    assert a.attributes == b.attributes
    assert not [name for name in a.attributes if " on" in name]
    for text in (one, other):
        assert not CONTROL.search(text)


def write_corpus(root: Path, labels: list[str], folders: list[str]) -> None:
    edges = [0.0, 0.2, *np.round(0.2 + np.cumsum([0.1] * 12), 3).tolist()]
    for n, folder in enumerate(folders):
        for i in range(3):
            said_labels = ["", *(labels[(i + j) % 6] for j in range(12))]
            intervals = [(a, b, label) for (a, b), label in zip(pairwise(edges), said_labels, strict=True)]
            path = root / folder / f"{folders[0] if n else folders[1]} {i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = np.random.default_rng(10 * n + i).normal(0, 0.1, round(edges[-1] * 16_000)).clip(-0.9, 0.9)
            with path.open("wb") as file:
                soundfile.write(file, samples, 16_000, format="WAV")
            put(path.with_suffix(".TextGrid"), textgrid_text(intervals))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    nasty, benign = folder / "<b>[bold]\x1b[1m", folder / "plain"
    write_corpus(nasty, NASTY, list(FOLDERS))
    write_corpus(benign, BENIGN, list(FOLDERS.values()))
    return nasty, benign


def test_a_check(corpora: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages, printed = [], []
    for i, corpus in enumerate(corpora):
        page = tmp_path / f"{i}.html"
        found = said(capsys, "check", corpus, "--page", page, "--corpus.phones", "own", "--probing.minimum", "2")
        pages.append(page.read_text(encoding="utf-8"))
        printed.append(found)
    same_elements(*pages)
    assert printed[0].status == printed[1].status
    assert "<svg onload=alert(1)>" in printed[0].out
    assert "[red]" in printed[0].out
    assert "\\u001b" in printed[0].out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("runs")
    signs = ["p", "b", "t", "d", "i", "a"]
    common: dict[str, Any] = {"samples": 6, "layers": {"raw": (3, 5, 8), "conv1": (4, 3, 8)}, "settings": SMALL}
    nasty = Plan(
        phones=dict(zip(NASTY, signs, strict=True)), corpus=f"/some/{NASTY[2]}", speakers=tuple(FOLDERS),
        utterance="<script>alert(1)<b>\x1b[31m/{speaker}/{i}", warnings=[SCRIPT], **common,
    )  # fmt: skip
    benign = Plan(
        phones=dict(zip(BENIGN, signs, strict=True)), corpus="/some/name", speakers=("one", "two"), warnings=["x"],
        **common,
    )  # fmt: skip
    made = make_run(folder / "<i>[red]\x1b[1m", nasty), make_run(folder / "plain", benign)
    for one in made:
        write_report(one)
    return made


def test_a_report(runs: tuple[Run, Run]) -> None:
    same_elements(*((run.path / "report.html").read_text(encoding="utf-8") for run in runs))
    for path in (runs[0].path / "figures").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not CONTROL.search(text)
        assert not {one.tag.rpartition("}")[2] for one in ET.fromstring(text).iter()} & {  # noqa: S314 - our own
            "script",
            "img",
            "a",
            "foreignObject",
        }


def test_tables_of_a_run(runs: tuple[Run, Run]) -> None:
    run = runs[0]
    # the maker of runs writes these
    by_us = {"panel.csv", "labels.csv", "training.csv", "formants.csv", "selection.csv", "per_phone.csv", "scores.csv"}
    seen = 0
    for path in run.path.glob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        if path.name not in by_us:
            assert not [cell for row in rows for cell in row if FORMULA_START.match(cell)], path.name
            seen += sum(cell.startswith("'=cmd") for row in rows for cell in row)
    assert seen > 10
    assert set(run.per_phone["phone"]) == set(NASTY)
    assert set(run.linear["phone"]) == set(NASTY)


def test_a_comparison(runs: tuple[Run, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copies = [tmp_path / name for name in ("<img src=x onerror=a>\x1b[31m", "other")]
    pages: list[str] = []
    for copy, run in zip(copies, runs, strict=True):
        shutil.copytree(run.path, copy)
    for pair in ([copies[0], runs[0].path], [copies[1], runs[1].path]):
        page = tmp_path / f"{len(pages)}.html"
        found = said(capsys, "compare", *pair, "--out", page, "--csv", tmp_path / "csv")
        assert found.status == 0
        pages.append(page.read_text(encoding="utf-8"))
    same_elements(*pages, but=("line", "text"))  # other draws: another axis


def test_results_on_the_terminal(runs: tuple[Run, Run], capsys: pytest.CaptureFixture[str]) -> None:
    _print_results(runs[0])
    printed = capsys.readouterr().out
    assert not CONTROL.search(printed)
    assert "<i>[red]\\u001b[1m" in printed


def test_samples_for_praat(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    corpus = corpora[0]
    record(tmp_path, Settings().changed({"corpus.phones": "own"}), str(corpus), 1)
    folder = next(iter(FOLDERS))
    rows = [
        (j, f"{folder}/{list(FOLDERS)[1]} 0", folder, NASTY[j], 0.25 + 0.1 * j, 0.2 + 0.1 * j, 0.3 + 0.1 * j)
        for j in range(6)
    ]
    heads = ["sample", "utterance", "speaker", "phone", "time", "start", "end"]
    pl.DataFrame(rows, schema=heads, orient="row").write_parquet(tmp_path / "panel.parquet")
    for cut, label in zip(cut_samples(tmp_path, range(6), jobs=1), NASTY, strict=True):
        assert cut.grid.parent == cut.audio.parent == tmp_path / "samples"
        assert re.fullmatch(r"[\w.~+-]+", cut.grid.name)
        tier = read_textgrid(cut.grid).tiers[1]
        assert isinstance(tier, IntervalTier)
        assert [one.label for one in tier.intervals if one.label] == [label]
