"""Features in a file: written whole, found again, and gone when they are not wanted."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import soundfile

from phonoscope.corpus.types import Corpus, Segment, Utterance
from phonoscope.errors import AudioError, FeaturesFileError
from phonoscope.progress import Quiet
from phonoscope.settings import SignalSettings
from phonoscope.signal import extraction, keeping
from phonoscope.signal.extraction import extract
from phonoscope.signal.keeping import Kept, forget_features, keep_features

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
SIGNAL = SignalSettings(n_mels=22, context=2)


class Listener(Quiet):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def make_corpus(folder: Path, n: int = 7) -> Corpus:
    folder.mkdir(exist_ok=True)
    utterances = []
    for i in range(n):
        path = folder / f"{i}.wav"
        soundfile.write(path, np.random.default_rng(i).uniform(-0.1, 0.1, RATE * (i + 1) // 4), RATE)
        utterances.append(Utterance(f"u{i}", f"s{i % 2}", path, (i + 1) / 4, (Segment("a", 0.0, 0.1),)))
    return Corpus("c", tuple(utterances), ("a",))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "audio")


def keep(corpus: Corpus, folder: Path | None, settings: SignalSettings = SIGNAL, **how: Any) -> tuple[Kept, list[str]]:  # noqa: ANN401
    listener = Listener()
    kept = keep_features(corpus, settings, folder=folder, progress=listener, **{"jobs": 1, "memory": 0, **how})
    return kept, listener.said


def same(a: Kept, b: Kept) -> bool:
    return np.array_equal(a.static, b.static) and all(
        np.array_equal(x, vars(b.index)[name]) for name, x in vars(a.index).items()
    )


def test_what_is_there_is_found_and_removed(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "features"
    first, said = keep(corpus, folder)
    assert said == []
    assert sorted(path.name for path in folder.iterdir()) == ["index.npz", "static.f32"]
    again, said = keep(corpus, folder)
    assert said == [f"features: as {folder} holds them"]
    assert same(first, again)
    assert same(first, keep(corpus, None)[0])
    assert same(first, keep(corpus, folder, memory=1 << 30)[0])
    forget_features(folder)
    assert not folder.exists()
    assert first.static.sum() == again.static.sum()  # what is mapped stays
    forget_features(folder)


@pytest.mark.parametrize("change", ["file", "settings", "corpus", "index", "static"])
def test_what_does_not_fit_is_made_anew(corpus: Corpus, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "features"
    keep(corpus, folder)
    settings = SIGNAL
    if change == "file":
        soundfile.write(corpus.utterances[3].audio, np.random.default_rng(99).uniform(-0.1, 0.1, RATE), RATE)
        os.utime(corpus.utterances[3].audio, (1, 1))
    elif change == "settings":
        settings = replace(SIGNAL, normalise="corpus")
    elif change == "corpus":
        corpus = replace(
            corpus, utterances=(replace(corpus.utterances[0], start=0.1, duration=0.1), *corpus.utterances[1:])
        )
    elif change == "index":
        (folder / "index.npz").write_bytes(b"PK broken")
    else:
        (folder / "static.f32").write_bytes((folder / "static.f32").read_bytes()[:-88])
    found, said = keep(corpus, folder, settings)
    assert said == []
    assert same(found, keep(corpus, None, settings, memory=1 << 30)[0])


def test_an_interrupted_start_leaves_nothing_that_is_taken_for_whole(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    broken = replace(corpus.utterances[5], audio=tmp_path / "none.wav")
    with pytest.raises(AudioError, match=r"none\.wav"):
        keep(replace(corpus, utterances=(*corpus.utterances[:5], broken)), folder)
    assert list(folder.iterdir()) == []
    # killed: nothing could be cleaned up
    (folder / ".static.123.f32").write_bytes(b"half")
    (folder / ".index.123.npz").write_bytes(b"half")
    (folder / "notes.txt").write_text("not phonoscope's")
    keep(corpus, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["index.npz", "notes.txt", "static.f32"]
    forget_features(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("in_run", [True, False])
def test_a_full_disk_is_told_before_anything_is_read(
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_run: bool,  # noqa: FBT001
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(1000))
    monkeypatch.setattr(keeping, "extract", lambda *_: pytest.fail("something was read"))
    with pytest.raises(FeaturesFileError, match=r"need 0\.0 GB .* there are 0\.0 GB\. Make room"):
        keep(corpus, tmp_path / "features" if in_run else None)


def test_a_disk_that_fills_up_is_one_sentence(corpus: Corpus, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    program = """
import pickle, resource, sys
from pathlib import Path
from phonoscope.errors import FeaturesFileError
from phonoscope.progress import Quiet
from phonoscope.settings import SignalSettings
from phonoscope.signal.keeping import keep_features
corpus, folder = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    keep_features(corpus, SignalSettings(), jobs=1, progress=Quiet(), folder=folder, memory=0)
except FeaturesFileError as error:
    print(error)
"""
    stored, folder = tmp_path / "corpus.pickle", tmp_path / "features"
    stored.write_bytes(pickle.dumps(corpus))
    command = [sys.executable, "-c", program, str(stored), str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.startswith(f"{folder}: the features of this corpus need 0.0 GB of disk space"), done.stderr
    assert "File too large" in done.stdout
    assert list(folder.iterdir()) == []


def test_a_header_that_promises_too_little_makes_room(corpus: Corpus) -> None:
    expected, _ = keep(corpus, None)
    growing = keeping._Growing(1, 22)
    for first, n in zip(expected.index.offset, expected.index.count, strict=True):
        growing.append(expected.static[first : first + n])
    np.testing.assert_array_equal(growing.rows, expected.static)


@pytest.mark.parametrize("jobs", [2, 4, 5])  # 5: processes
def test_any_number_of_jobs_gives_the_same(corpus: Corpus, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = keep(corpus, None)
    monkeypatch.setattr(extraction, "_BATCH", 0.5)
    assert same(keep(corpus, None, jobs=jobs)[0], expected)


@pytest.mark.parametrize("jobs", [2, 5])
def test_the_first_error_in_the_corpus_is_raised(
    corpus: Corpus, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "_BATCH", 0.1)
    several = list(corpus.utterances)
    several[2], several[4] = (replace(several[i], audio=tmp_path / f"none{i}.wav") for i in (2, 4))
    with pytest.raises(AudioError, match=r"none2\.wav"):
        keep(replace(corpus, utterances=tuple(several)), None, jobs=jobs)


def test_no_more_is_under_way_than_the_jobs_need(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "_BATCH", 0.1)
    many = [
        replace(corpus.utterances[0], audio=corpus.utterances[i % 7].audio.with_name(f"{i % 7}.wav")) for i in range(7)
    ]
    started = []
    plain = extraction._extract_batch

    def noting(batch: Any, settings: SignalSettings) -> Any:  # noqa: ANN401
        started.append(batch)
        return plain(batch, settings)

    monkeypatch.setattr(extraction, "_extract_batch", noting)
    found = extract(many, SIGNAL, 2)
    next(found)
    assert len(started) <= 2 * 2 + 1
    found.close()
    assert len(started) < 7
