"""Alignments name recordings in the corpus's folder, or in corpus.audio, and elsewhere only if that is allowed."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

from corpus.formats.writing import SPEECH, csv_table, ctm, lhotse, lhotse_cuts, master_label_file, parquet_table
from phonoscope.corpus.reading import read_corpus
from phonoscope.errors import RunDirectoryError
from phonoscope.models.collecting import file_name
from phonoscope.results import Run
from phonoscope.settings import Settings
from safety.commands import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[Path], None]

OWN = Settings().changed({"corpus.phones": "own", "corpus.split": "utterance"})
# what writes a corpus, the file that names recordings, and how it names the first
KINDS: dict[str, tuple[Write, str, str, str]] = {
    "csv": (csv_table, "phones.csv", "wav/SI943.wav", "line 2"),
    "parquet": (parquet_table, "phones.parquet", "wav/SI943.wav", "row 1"),
    "ctm": (ctm, "wav.scp", "wav/SI943.flac", "recording 'SI943'"),
    "lhotse": (lhotse, "recordings.jsonl", "wav/SI943.ogg", "line 1"),
    "lhotse cuts": (lhotse_cuts, "cuts.jsonl", "wav/SI943.ogg", "recording 'SI943'"),
}


def rewrite(root: Path, file: str, old: str, new: str) -> None:
    path = root / file
    if path.suffix == ".parquet":
        table = pl.read_parquet(path)
        table.with_columns(pl.col("audio").str.replace(old, new, literal=True)).write_parquet(path)
    elif "cuts" in file:
        path = root / "cuts.jsonl.gz"
        text = gzip.decompress(path.read_bytes()).decode()
        path.write_bytes(gzip.compress(text.replace(old, new).encode()))
    else:
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, str, str, str]:
    """A corpus, a recording of its beside it, the file that names it, how, and where."""
    write, file, name, where = KINDS[request.param]
    root = tmp_path / "corpus"
    root.mkdir()
    write(root)
    outside = tmp_path / "elsewhere" / name.rpartition("/")[2]
    outside.parent.mkdir()
    shutil.move(root / name, outside)
    return root, outside, file, name, where


def test_a_path_out_of_the_corpus_is_refused_unless_allowed(
    kind: tuple[Path, Path, str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, outside, file, name, where = kind
    before = name
    for path in (str(outside), f"../elsewhere/{outside.name}", f"wav/../../elsewhere/{outside.name}"):
        rewrite(root, file, before, path)
        before = path
        complaint = refused(capsys, "run", root, "--out", tmp_path / "run", "--corpus.phones", "own")
        assert complaint.startswith(f"{root / file}")
        assert where in complaint
        assert f"the recording {path!r} lies outside of the corpus's folder" in complaint
        assert "--corpus.audio" in complaint
        assert "--corpus.outside true" in complaint
        for allowed in ({"corpus.outside": True}, {"corpus.audio": str(outside.parent)}):
            assert len(read_corpus(root, OWN.changed(allowed)).utterances) == len(SPEECH)


def test_an_absolute_path_into_the_corpus_is_inside(
    kind: tuple[Path, Path, str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside, file, name, _ = kind
    shutil.move(outside, root / name)
    rewrite(root, file, name, str(root / name))
    monkeypatch.chdir(root.parent)
    # however the corpus is named: as a path from here, as one of its files, by a link to it
    (root.parent / "link").symlink_to(root)
    for named in (root, "corpus", "link"):
        assert len(read_corpus(named, OWN).utterances) == len(SPEECH)


def test_a_link_in_the_corpus_may_lead_out(kind: tuple[Path, Path, str, str, str]) -> None:
    root, outside, _, name, _ = kind
    (root / name).symlink_to(outside)
    assert len(read_corpus(root, OWN).utterances) == len(SPEECH)


def test_a_master_label_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    master_label_file(root)
    shutil.move(root / "wav", tmp_path / "wav")
    text = (root / "a.mlf").read_text()
    (root / "a.mlf").write_text(text.replace('"*/', '"../wav/').replace(".rec", ".wav"))
    complaint = refused(capsys, "run", root, "--out", tmp_path / "run", "--corpus.phones", "own")
    assert "none of the 4 utterances has a recording" in complaint
    assert len(read_corpus(root, OWN.changed({"corpus.audio": str(tmp_path / "wav")})).utterances) == len(SPEECH)


def test_commands_in_a_table_are_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctm(tmp_path)
    mark = tmp_path / "mark"
    text = (tmp_path / "wav.scp").read_text()
    (tmp_path / "wav.scp").write_text(text.replace("wav/SI943.flac", f"touch {mark} |"))
    assert "commands are not run" in refused(capsys, "run", tmp_path, "--out", tmp_path.parent / "run")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "", "/etc/x", "c:x"])
def test_layers_name_no_files_outside_of_a_run(name: str, tmp_path: Path) -> None:
    assert not set(file_name(name)) & set("/\\:")
    (tmp_path / "activations").mkdir()
    (tmp_path / "activations" / "layers.json").write_text(json.dumps({name: [3]}))
    with pytest.raises(RunDirectoryError, match="can be no file's name"):
        _ = Run(tmp_path).shapes
