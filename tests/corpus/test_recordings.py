from __future__ import annotations

import os
from typing import TYPE_CHECKING

from phonoscope.corpus.recordings import read_headers, same_recordings
from phonoscope.errors import AudioError
from phonoscope.progress import Quiet
from phonoscope.signal.audio import AudioInfo

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_one_file_under_several_names(tmp_path: Path) -> None:
    one = put(tmp_path / "a/1.wav", b"x" * 100)
    soft, hard, folder = tmp_path / "2.wav", tmp_path / "3.wav", tmp_path / "b"
    soft.symlink_to(one)
    os.link(one, hard)
    folder.symlink_to(tmp_path / "a")
    paths = [one, soft, hard, folder / "1.wav"]
    assert same_recordings(paths) == dict.fromkeys(paths, one)
    assert same_recordings(paths[::-1]) == dict.fromkeys(paths, paths[-1])


def test_the_same_content(tmp_path: Path) -> None:
    long = os.urandom(300_000)
    early = b"?" + long[1:]  # differs where no glance falls
    paths = [
        put(tmp_path / f"{i}.wav", content)
        for i, content in enumerate([long, b"abc", early, long, b"abd", b"abc", early, b"", b"", long[:-1]])
    ]
    found = same_recordings(paths)
    first = [paths.index(found[path]) for path in paths]
    assert first == [0, 1, 2, 0, 4, 1, 2, 7, 7, 9]


def test_only_files_of_one_size_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [put(tmp_path / f"{i}.wav", bytes(i + 1)) for i in range(5)]
    looked: list[Path] = []
    monkeypatch.setattr("phonoscope.corpus.recordings._glance", looked.append)
    assert same_recordings(paths) == {path: path for path in paths}
    assert looked == []


def test_what_is_not_there_is_like_nothing(tmp_path: Path) -> None:
    gone = [tmp_path / "a", tmp_path / "b"]
    assert same_recordings(gone) == {path: path for path in gone}
    folders = [tmp_path / "c", tmp_path / "d"]
    for folder in folders:
        folder.mkdir()
    assert same_recordings(folders) == {path: path for path in folders}


def test_headers_or_why_there_is_none(tmp_path: Path, write_audio: object) -> None:
    good, bad = tmp_path / "1.wav", put(tmp_path / "2.wav", b"")
    write_audio(good, 0.5)  # type: ignore[operator]
    found = read_headers([good, bad, good], jobs=2, progress=Quiet())
    assert list(found) == [good, bad]
    assert found[good] == AudioInfo(16_000, 1, 8_000)
    assert isinstance(found[bad], AudioError)
