from __future__ import annotations

import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

from phonoscope.corpus.formats.textgrid import Found, pair_up
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def find_files(root: Path) -> Found:
    return pair_up(Tree(root))


def ids(root: Path) -> list[str]:
    return [pair.id for pair in find_files(root).pairs]


def test_pairs_come_by_path_in_sorted_order(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "b/2.wav",
        "b/2.TextGrid",
        "b/10.FLAC",
        "b/10.textgrid",
        "a.ogg",
        "a.TEXTGRID",
        "b/c/x.Wav",
        "b/c/x.TextGrid",
    )
    touch(tmp_path, "notes.txt", "b/list.csv")
    found = find_files(tmp_path)
    assert [pair.id for pair in found.pairs] == ["a", "b/10", "b/2", "b/c/x"]
    assert found.pairs[1].audio == tmp_path / "b/10.FLAC"
    assert found.pairs[1].textgrid == tmp_path / "b/10.textgrid"


@pytest.mark.parametrize(
    "name", ["with space", "été", "it's", 'say "x"', "a.b.c", "100%", "[x]", "日本", "-x", "new\nline"]
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    touch(tmp_path, f"{name}/{name}.wav", f"{name}/{name}.TextGrid")
    assert ids(tmp_path) == [f"{name}/{name}"]


def test_accents_may_be_composed_or_not(tmp_path: Path) -> None:
    touch(tmp_path, unicodedata.normalize("NFD", "é.wav"), unicodedata.normalize("NFC", "é.TextGrid"))
    assert ids(tmp_path) == [unicodedata.normalize("NFC", "é")]


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux takes any bytes as a name")
    name = os.fsdecode("été".encode("latin-1"))
    touch(tmp_path, f"{name}.wav", f"{name}.TextGrid")
    assert ids(tmp_path)[0].encode("utf-8")


def test_files_that_stand_alone_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "a.TextGrid", "b.wav", "x/c.TextGrid", "A.TextGrid")
    found = find_files(tmp_path)
    assert found.lone_audio == (tmp_path / "b.wav",)
    assert found.lone_textgrids == (tmp_path / "A.TextGrid", tmp_path / "x/c.TextGrid")


def test_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "a.TextGrid", "._a.wav", ".cache/b.wav", ".cache/b.TextGrid")
    assert ids(tmp_path) == ["a"]
    assert find_files(tmp_path).lone_audio == ()


def test_a_folder_named_like_audio_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav/a.wav", "a.wav/a.TextGrid")
    assert ids(tmp_path) == ["a.wav/a"]


def test_links_are_followed_and_do_not_loop(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "x.wav", "x.TextGrid")
    root = tmp_path / "corpus"
    touch(root, "b/1.wav", "b/1.TextGrid")
    (root / "b/up").symlink_to(root)
    (root / "self").symlink_to("self")
    (root / "a").symlink_to(root / "b")  # sorts first, but the real folder keeps its place
    (root / "more").symlink_to(tmp_path / "elsewhere")
    (root / "z.wav").symlink_to(tmp_path / "elsewhere/x.wav")
    (root / "z.TextGrid").symlink_to(tmp_path / "elsewhere/x.TextGrid")
    assert ids(root) == ["b/1", "more/x", "z"]
    (tmp_path / "link").symlink_to(root)
    assert ids(tmp_path / "link") == ids(root)


def test_a_broken_link_is_not_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.TextGrid")
    (tmp_path / "a.wav").symlink_to("gone.wav")
    assert ids(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([], "there is no audio in this folder; what is read are WAV, FLAC, OGG, NIST SPHERE, AIFF, AU and MP3 files"),
        (["a.TextGrid"], "there is no audio in this folder"),
        (["a.wav", "b.flac"], "no audio file has a TextGrid beside it (a.wav would need a.TextGrid)"),
        (["a.wav", "x/b.TextGrid"], "no audio file has a TextGrid beside it"),
        (["a.wav", "a.flac", "a.TextGrid"], "'a.flac' and 'a.wav' have the same name but for the suffix"),
        (["a.wav", "a.TextGrid", "a.textgrid"], "'a.TextGrid' and 'a.textgrid' have the same name"),
    ],
)
def test_what_is_no_corpus(tmp_path: Path, names: list[str], problem: str) -> None:
    touch(tmp_path, *names)
    if len(list(tmp_path.rglob("*.*"))) < len(names):
        pytest.skip("this file system does not tell capitals apart")
    with pytest.raises(CorpusError, match=re.escape(problem)) as caught:
        find_files(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: there is no such folder"):
        find_files(tmp_path / "nowhere")
    touch(tmp_path, "a.wav")


def test_a_folder_that_can_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "closed/a.wav")

    def scandir(folder: Path) -> object:  # by permissions alone, root would list it all the same
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return list_it(folder)

    list_it = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(CorpusError, match=r"closed: this folder can not be listed \(Permission denied\)"):
        find_files(tmp_path)
