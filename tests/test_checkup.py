from __future__ import annotations

import json
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from phonoscope.checkup import LISTED, Problems, check
from phonoscope.cli import main
from phonoscope.corpus.problems import Problem
from phonoscope.corpus.reading import read_corpus
from phonoscope.errors import CorpusError
from phonoscope.report.check_page import write_check_page
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteGrid

SMALL = ["--probing.minimum", "2", "--corpus.phones", "french"]
SETTINGS = Settings().changed({"probing.minimum": 2, "corpus.phones": "french"})
LABELS = ["", "p", "a", "t", "i", "s", "a", "m", "i", ""]
LOUD = {"": 0.0, "p": 0.003, "t": 0.003, "s": 0.02, "m": 0.1, "a": 0.3, "i": 0.25}
EDGES = np.concatenate([[0.0, 0.4], 0.4 + np.cumsum(np.tile([0.12, 0.15], 4)), [1.88]])


def speech(shift: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(int(1.88 * 16_000)) / 16_000 - shift
    gain = np.array([LOUD[label] for label in LABELS])[
        np.clip(np.searchsorted(EDGES, t, "right") - 1, 0, len(LABELS) - 1)
    ]
    return np.asarray(rng.normal(0, 1, len(t)).clip(-2.5, 2.5) * gain + rng.normal(0, 1e-4, len(t)))


@pytest.fixture
def corpus(tmp_path: Path, write_grid: WriteGrid) -> Path:
    folder = tmp_path / "des mots"
    for i in range(8):
        path = folder / f"anna{i % 2}" / f"é {i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech(seed=i), 16_000)
        phones = [(a, b, label) for (a, b), label in zip(pairwise(EDGES.tolist()), LABELS, strict=True)]
        write_grid(path.with_suffix(".TextGrid"), phones)
    return folder


def kinds(folder: Path) -> dict[str, int]:
    return {kind: n for (_, kind), n in check(folder, SETTINGS, jobs=2).problems.counts.items()}


def test_a_sound_corpus(corpus: Path) -> None:
    found = check(corpus, SETTINGS, jobs=1)
    assert found.possible
    (absent,) = found.problems.listed
    assert (absent.severity, absent.kind, absent.path) == ("note", "phones without segments", None)
    assert absent.text.endswith(" of the phone set do not occur, and are left out")
    missing = [f"/{row['phone']}/" for row in found.phones.to_dicts() if not row["segments"]]
    assert absent.text.split(" of ")[0].split() == missing
    assert found.minutes == pytest.approx(8 * 1.88 / 60, abs=1e-3)
    assert found.speakers["speaker"].to_list() == ["anna0", "anna1"]
    assert abs(found.shift) < 0.01
    whole = read_corpus(corpus, SETTINGS)
    assert found.corpus == whole
    rows = {row["phone"]: row for row in found.phones.to_dicts()}
    assert {phone: row["segments"] for phone, row in rows.items() if row["segments"]} == dict(whole.phone_counts())
    assert {p: r["validation"] for p, r in rows.items() if r["validation"]} == dict(whole.phone_counts("validation"))
    assert rows["a"]["median"] == pytest.approx(150)
    assert rows["g"]["median"] is None


def test_every_planted_fault_is_found(corpus: Path, write_grid: WriteGrid) -> None:
    files = sorted(corpus.rglob("*.wav"))
    soundfile.write(files[0], (speech() * 20).clip(-1, 1), 16_000)
    soundfile.write(files[1], np.zeros(30_080), 16_000)
    soundfile.write(files[2], speech(shift=0.15), 16_000)
    quiet = speech(seed=9)
    quiet[8_000:13_000] = 0
    soundfile.write(files[3], quiet, 16_000)
    shutil.copy(files[4], files[4].with_name("again.wav"))
    shutil.copy(files[4].with_suffix(".TextGrid"), files[4].with_name("again.TextGrid"))
    write_grid(
        files[5].with_suffix(".TextGrid"), [(0.0, 0.5, ""), (0.5, 0.505, "a"), (0.505, 1.6, "i"), (1.6, 1.88, "qqq")]
    )
    soundfile.write(files[6], speech(seed=11), 11_025)
    found = kinds(corpus)
    assert found["clipped audio"] == 1
    assert found["empty audio"] == 1
    moved = [p.path for p in check(corpus, SETTINGS).problems.of("warning", "shifted alignment")]
    grids = [path.with_suffix(".TextGrid") for path in files]
    # what is labelled wrongly, or at another rate, may fit better elsewhere and lie over silence too
    assert {grids[2]} <= {*moved} <= {grids[2], grids[5], grids[6]}
    silent = [p.path for p in check(corpus, SETTINGS).problems.of("warning", "silence as speech")]
    assert {grids[3]} <= {*silent} <= {grids[2], grids[3], grids[5], grids[6]}
    assert found["duplicate audio"] == 1
    (twice,) = check(corpus, SETTINGS).problems.of("warning", "duplicate audio")
    assert twice.text.endswith("; both are kept on the same side of the split")
    assert (found["impossibly short"], found["impossibly long"], found["label seen once"]) == (1, 1, 1)
    assert (found["low rate"], found["other length"]) == (1, 1)
    assert check(corpus, SETTINGS).possible


def test_all_errors_of_a_corpus_are_told_at_once(corpus: Path, write_grid: WriteGrid) -> None:
    grids = sorted(corpus.rglob("*.TextGrid"))
    grids[0].write_text("no grid")
    write_grid(grids[1], [(0.0, 0.5, "a"), (0.5, 2.9, "i")], end=2.9)
    sorted(corpus.rglob("*.wav"))[2].write_bytes(b"no audio")
    found = check(corpus, SETTINGS)
    assert not found.possible
    assert {kind for severity, kind in found.problems.kinds if severity == "error"} == {
        "broken file", "outside the audio", "unreadable audio",
    }  # fmt: skip
    assert len(found.survey.utterances) == 5
    with pytest.raises(CorpusError):
        read_corpus(corpus, SETTINGS)


def test_a_corpus_that_can_not_be_parted_or_is_too_small(corpus: Path) -> None:
    few = check(corpus)  # the defaults want 20 samples
    (why,) = [p.text for p in few.problems.listed if p.kind == "no run possible"]
    assert why.startswith("too few phones")
    alone = check(corpus, SETTINGS.changed({"corpus.split": "folder"}))
    assert alone.corpus is None
    assert not alone.possible


def test_many_problems_are_counted_and_not_all_kept() -> None:
    problems = Problems()
    problems.add(Problem("gap", "warning", str(i)) for i in range(LISTED + 5))
    assert problems.counts["warning", "gap"] == LISTED + 5
    assert len(problems.listed) == LISTED


def test_the_command(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", str(corpus), *SMALL]) == 0
    assert "a run is possible" in capsys.readouterr().out
    page = (tmp_path / "des mots-check.html").read_text("utf-8")
    assert page.count("<image") == 2
    assert page.count("<audio") == 2
    assert main(["check", str(corpus), "--json", *SMALL]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["possible"] is True
    assert told["utterances"] == 8
    next(corpus.rglob("*.TextGrid")).write_text("no grid")
    assert main(["check", str(corpus), "--json", *SMALL]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in told["problems"]] == ["broken file", "phones without segments"]
    assert told["problems"][0]["file"].endswith(".TextGrid")
    assert main(["check", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_tables_have_headings_and_no_fact_says_its_name_twice(
    corpus: Path,
    tmp_path: Path,
    write_grid: WriteGrid,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    write_grid(min(corpus.rglob("*.TextGrid")), [(0.0, 0.5, "@"), (0.5, 1.0, "9~"), (1.0, 1.88, "a")])
    assert main(["check", str(corpus), *SMALL, "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "phone set: the 33 phones of French, as corpus.phones names it; all " in told
    lines = told[told.index("Labels that were folded") :].splitlines()
    assert [cell.strip() for cell in lines[2].strip("┃").split("┃")] == [
        "phone",
        "labels that stand for it, and tokens",
    ]
    assert "/H/" in told[told.index("Problems") :], "a phone that is not there is told"
    assert "The phone set is" not in (tmp_path / "des mots-check.html").read_text("utf-8")


def test_names_are_escaped_on_the_page(corpus: Path, tmp_path: Path, write_grid: WriteGrid) -> None:
    for path in corpus.rglob("é 1.*"):
        path.rename(path.with_name("<b>&'" + path.suffix))
    write_grid(corpus / "anna1" / "<b>&'.TextGrid", [(0.0, 1.5, "a"), (1.5, 1.88, "<i>")])
    write_check_page(check(corpus, SETTINGS), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<b>&'" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;&amp;&#39;" in page


def test_real_french_has_what_was_found_by_hand(french_prompts: Path) -> None:
    found = check(french_prompts)
    assert found.possible
    assert found.problems.counts["warning", "duplicate audio"] == 131
    (absent,) = found.problems.of("note", "phones without segments")
    assert absent.text == "/H/ of the phone set does not occur, and is left out"
    assert found.problems.counts["warning", "shifted alignment"] == 0
    assert abs(found.shift) < 0.01
