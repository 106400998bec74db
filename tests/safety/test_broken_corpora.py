"""Broken corpora of every format through the commands: status 0 or 2, one sentence a file, and no traceback."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from corpus.formats.writing import WRITERS
from corpus.mutating import mutated
from phonoscope.corpus.tree import audio_suffixes
from phonoscope.errors import PhonoscopeError
from safety.commands import said

if TYPE_CHECKING:
    from pathlib import Path

N_BROKEN = 6
"""Broken corpora of each kind."""


class ReadError(PhonoscopeError):
    """Stands for the rest of a run."""


@pytest.mark.parametrize("kind", WRITERS)
def test_broken_corpora(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_given: object) -> None:
        msg = "the corpus was read"
        raise ReadError(msg)

    monkeypatch.setattr("phonoscope.experiment.Stages.frames", stop)
    root = tmp_path / "c"
    root.mkdir()
    form, write = WRITERS[kind]
    write(root)
    whole = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    alignments = [path for path in whole if path.suffix.lower() not in audio_suffixes()]
    recordings = [path for path in whole if path not in alignments]
    draws = random.Random(kind)  # noqa: S311 (no secret)
    options = ["--corpus.format", form, "--corpus.phones", "own", "--corpus.split", "utterance", "--jobs", "1"]
    options += ["--probing.minimum", "2", "--corpus.validation", "0.5"]
    refused = 0
    for i in range(N_BROKEN):
        path = draws.choice(recordings if i % 4 == 3 else alignments)
        path.write_bytes(mutated(whole[path], draws))
        if i % 3 == 0:
            found = said(capsys, "check", root, "--json", *options)
            if found.out:
                problems = json.loads(found.out)["problems"]
                assert all("\n" not in one["text"] for one in problems)
                refused += any(one["severity"] == "error" for one in problems)
        if i % 3 or not found.out:
            found = said(capsys, "run", root, "--out", tmp_path / "run", "--overwrite", *options)
            assert found.status == 2
            if "the corpus was read" not in found.complaint:
                refused += 1
                first, *others = found.complaint.splitlines()
                assert str(root) in found.complaint, found.complaint
                # one sentence, or a line for each of several files
                assert not others or first.endswith("files can not be used:")
        path.write_bytes(whole[path])
    assert refused > 0
    found = said(capsys, "run", root, "--out", tmp_path / "run", "--overwrite", *options)
    assert "the corpus was read" in found.complaint
