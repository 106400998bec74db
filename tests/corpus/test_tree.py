from __future__ import annotations

import os
import re
import sys
import time
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


# --- looking recordings up ---


def test_the_files_are_in_order_and_found_by_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "b.WAV", "a/2.lab", "a/10.LAB", "x_annot.json", "._y.wav", ".lab", "z")
    tree = Tree(tmp_path)
    assert [tree.shown(path) for path in tree.files] == ["a/10.LAB", "a/2.lab", "b.WAV", "x_annot.json", "z"]
    assert [path.name for path in tree.with_suffix(".lab", ".wav")] == ["10.LAB", "2.lab", "b.WAV"]
    assert [path.name for path in tree.with_suffix("_annot.json")] == ["x_annot.json"]
    assert tree.id(tmp_path / "a/2.lab") == "a/2"
    assert tree.audio == (tmp_path / "b.WAV",)


@pytest.mark.parametrize("suffix", [".wav", ".WAV", ".flac", ".ogg", ".sph", ".aiff", ".aif", ".au", ".mp3"])
def test_what_is_audio(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a{suffix}", "a.lab")
    assert Tree(tmp_path).audio_of(tmp_path / "a.lab") == tmp_path / f"a{suffix}"


def test_audio_in_a_tree_of_its_own(tmp_path: Path) -> None:
    corpus, audio = tmp_path / "c", tmp_path / "a"
    touch(corpus, "x/1.lab", "x/2.lab", "y/2.lab", "3.lab", "z/é.lab", "x/4.lab")
    touch(audio, "x/1.wav", "in/x/2.wav", "in/y/2.wav", "deep/er/3.wav", "z/" + unicodedata.normalize("NFD", "é.wav"))
    tree = Tree(corpus, str(audio))
    found = {tree.id(path): tree.audio_of(path) for path in tree.with_suffix(".lab")}
    assert {key: tree.shown(path) if path else None for key, path in found.items()} == {
        "x/1": "x/1.wav",
        "x/2": "in/x/2.wav",
        "y/2": "in/y/2.wav",
        "3": "deep/er/3.wav",
        "z/é": "z/" + unicodedata.normalize("NFD", "é.wav"),
        "x/4": None,
    }
    assert [tree.id(path) for path in tree.audio] == ["deep/er/3", "in/x/2", "in/y/2", "x/1", "z/é"]


def test_audio_may_be_named_from_the_corpus_and_lie_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "lab/1.lab", "wav/1.wav")
    tree = Tree(tmp_path, "wav")
    assert tree.audio == (tmp_path / "wav/1.wav",)
    assert tree.audio_of(tmp_path / "lab/1.lab") == tmp_path / "wav/1.wav"
    with pytest.raises(CorpusError, match=r"corpus\.audio = 'gone': there is no such folder"):
        Tree(tmp_path, "gone")


def test_recordings_of_one_name(tmp_path: Path) -> None:
    touch(tmp_path, "lab/1.lab", "a/1.wav", "b/1.wav", "lab/2.lab", "c/2.wav", "c/2.flac")
    tree = Tree(tmp_path)
    with pytest.raises(CorpusError, match=r"2 recordings could be '1': a/1\.wav and b/1\.wav\. Keep the alignments in"):
        tree.audio_of(tmp_path / "lab/1.lab")
    with pytest.raises(CorpusError, match=r"c: '2\.flac' and '2\.wav' have the same name"):
        tree.audio_of(tmp_path / "lab/2.lab")


def test_a_recording_that_has_a_textgrid_takes_no_other(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "a/1.TextGrid", "old/1.TextGrid", "b/2.wav", "old/2.TextGrid")
    found = find_files(tmp_path)
    assert [(pair.id, pair.audio.parent.name) for pair in found.pairs] == [("a/1", "a"), ("old/2", "b")]
    assert found.lone_textgrids == (tmp_path / "old/1.TextGrid",)
    touch(tmp_path, "older/2.TextGrid")
    with pytest.raises(CorpusError, match=r"b/2\.wav has two TextGrids, old/2\.TextGrid and older/2\.TextGrid"):
        find_files(tmp_path)


def test_a_recording_by_its_name_in_a_file(tmp_path: Path) -> None:
    corpus, audio, other = tmp_path / "c", tmp_path / "a", tmp_path / "o"
    touch(corpus, "x/x.ctm", "x/1.wav", "2.wav", "y/1.b.wav", "y/it's é.wav")
    touch(audio, "d/3.flac", "4.wav")
    touch(other, "5.wav")
    assert Tree(corpus, outside=True).audio_named(str(other / "5.wav"), corpus / "x/x.ctm") == other / "5.wav"
    (corpus / "6.WAV").symlink_to(other / "5.wav")
    tree, ctm = Tree(corpus, str(audio)), corpus / "x/x.ctm"
    for name, expected in {
        "1": corpus / "x/1.wav",
        "1.wav": corpus / "x/1.wav",
        "./1.wav": corpus / "x/1.wav",
        "../2.wav": corpus / "2.wav",
        "2": corpus / "2.wav",
        "x/1.wav": corpus / "x/1.wav",
        "y\\1.b.wav": corpus / "y/1.b.wav",
        "1.b": corpus / "y/1.b.wav",
        unicodedata.normalize("NFD", "it's é"): corpus / "y/it's é.wav",
        "d/3": audio / "d/3.flac",
        "3.wav": audio / "d/3.flac",  # converted since
        "/home/somebody/corpus/d/3.wav": audio / "d/3.flac",
        "4": audio / "4.wav",
        "6": corpus / "6.WAV",
        "5": None,
        "": None,
        "7\0": None,
        "x" * 10_000: None,
        "..": None,
        "/": None,
    }.items():
        assert tree.audio_named(name, ctm) == expected, name


def test_a_corpus_of_one_file(tmp_path: Path) -> None:
    touch(tmp_path, "x.CTM", "x.wav", "y.wav", "z/y.wav", "z/w.wav")
    tree = Tree(tmp_path / "x.CTM")
    assert tree.files == (tmp_path / "x.CTM",)
    assert tree.with_suffix(".ctm") == tree.files
    assert tree.id(tree.root) == "x"
    assert [tree.shown(path) for path in tree.audio] == ["x.wav", "y.wav", "z/w.wav", "z/y.wav"]
    assert tree.audio_of(tree.root) == tmp_path / "x.wav"
    assert tree.audio_named("y", tree.root) == tmp_path / "y.wav"
    assert tree.audio_named("w.wav", tree.root) == tmp_path / "z/w.wav"


def test_many_files_are_looked_up_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 200
    recordings = [tmp_path / f"w/{a}/{b}.wav" for a in range(n) for b in range(n)]
    labels = [tmp_path / f"l/{a}/{b}.lab" for a in range(n) for b in range(n)]
    monkeypatch.setattr("phonoscope.corpus.tree._files", lambda _root, **_how: [*recordings, *labels])
    tree = Tree(tmp_path)
    start = time.perf_counter()
    assert [tree.audio_of(path) for path in labels] == recordings
    assert time.perf_counter() - start < 60, "takes 2 s; of n² comparisons it would be hours"
