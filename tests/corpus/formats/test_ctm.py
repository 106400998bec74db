from __future__ import annotations

import pickle
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.mutating import mutated
from phonoscope.corpus.formats.ctm import FORMAT
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError, FormatError, PhonoscopeError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import WriteAudio
    from phonoscope.corpus.source import Format, Listing

UTTERANCES = """utt1 1 0.00 0.10 SIL
utt1 1 0.10 0.23 AA1_B
utt1 1 0.33 0.07 T_E 0.98
utt2 1 0.05 0.10 IY0_S
"""
A_T = (Interval("SIL", 0.0, 0.1), Interval("AA1", 0.1, 0.33), Interval("T", 0.33, 0.4))


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("wav_scp", "wav.scp").replace("phones_txt", "phones.txt")).write_text(text, "utf-8")
    return folder


def listed(root: Path, audio: Path | None = None) -> Listing:
    form: Format = FORMAT
    tree = Tree(root, str(audio or ""))
    assert form.recognises(tree)
    return form.listing(tree, CorpusSettings())


def read_all(root: Path, audio: Path | None = None) -> list[Spoken | Exception]:
    units = listed(root, audio).units
    return [one for unit in units for one in pickle.loads(pickle.dumps(unit)).read()]  # noqa: S301 (to another process)


def read(root: Path, audio: Path | None = None) -> dict[str, Spoken]:
    spoken = {}
    for one in read_all(root, audio):
        assert isinstance(one, Spoken)
        assert one.id not in spoken
        spoken[one.id] = one
    return spoken


def test_without_tables_the_first_column_is_the_recording(tmp_path: Path, write_audio: WriteAudio) -> None:
    put(tmp_path, ctm=f";; by hand\n# too\n\n{UTTERANCES}")
    audio = write_audio(tmp_path / "utt1.wav")
    assert read(tmp_path) == {
        "utt1": Spoken("utt1", "", audio, A_T, tmp_path / "ctm", "line 4"),
        "utt2": Spoken("utt2", "", None, (Interval("IY0", 0.05, 0.15),), tmp_path / "ctm", "line 7"),
    }


@pytest.mark.parametrize("change", [str.upper, str.lower])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("space", [" ", "\t", "  "])
def test_names_line_ends_and_spaces(tmp_path: Path, change: Callable[[str], str], newline: str, space: str) -> None:
    path = tmp_path / change("phones.ctm")
    path.write_bytes(UTTERANCES.replace(" ", space).replace("\n", newline).rstrip().encode("utf-8-sig"))
    assert [one.intervals for one in read(path).values()] == [A_T, (Interval("IY0", 0.05, 0.15),)]


def test_kaldis_tables(tmp_path: Path, write_audio: WriteAudio) -> None:
    audio = write_audio(tmp_path / "wav" / "l'été à deux.WAV", 3.0)
    put(
        tmp_path / "data",
        ctm=UTTERANCES,
        segments="utt1 rec 1.5 2.0\nutt2 rec 2.0 -1\nutt3 rec 0 1\n",
        utt2spk="utt1 anna\nutt2 bert\nutt3 anna\n",
        wav_scp="rec ../wav/l'été à deux.WAV\nother /nowhere/x.wav\n",
    )
    assert listed(tmp_path).warnings == (
        f"{tmp_path / 'data' / 'segments'}: 1 of 3 utterances have no phones in a CTM: not used.",
    )
    one, two = read(tmp_path).values()
    assert one == Spoken("data/utt1", "anna", one.audio, A_T, tmp_path / "data" / "ctm", "line 1", 1.5, 2.0)
    assert (two.id, two.speaker, two.start, two.end) == ("data/utt2", "bert", 2.0, None)
    assert one.audio is not None
    assert one.audio.samefile(audio)


def test_times_of_the_recording_are_cut_by_the_segments(tmp_path: Path) -> None:
    put(
        tmp_path,
        ctm="rec 1 2.0 0.3 d\nrec 1 0.0 0.5 a\nrec 1 0.5 0.25 b\nrec 1 0.75 0.5 c\nrec 1 2.3 0.1 e\n",
        segments="one rec 0.4 1.1\ntwo rec 2.1 -1\nlater rec 3 4\n",
    )
    assert {one.id: one.intervals for one in read(tmp_path).values()} == {
        "one": (Interval("b", 0.1, 0.35), Interval("c", 0.35, 0.7)),
        "two": (Interval("d", 0.0, 0.2), Interval("e", 0.2, 0.3)),
        "later": (),
    }


def cut(rows: list[tuple[float, float, str]], start: float, end: float) -> dict[str, tuple[float, float]]:
    """What an utterance has of a recording, line by line."""
    ends = [round(at + length, 7) for at, length, _ in rows]
    return {
        label: (max(at, start) - start, min(stop, end) - start)
        for (at, _, label), stop in zip(rows, ends, strict=True)
        if start <= (at + stop) / 2 < end
    }


times = st.integers(0, 400).map(lambda hundredths: hundredths / 100)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@quick
@given(st.lists(st.tuples(times, times), min_size=1, max_size=30), st.lists(st.tuples(times, times), min_size=1))
def test_cutting_is_that_of_a_naive_loop(
    tmp_path: Path, lines: list[tuple[float, float]], spans: list[tuple[float, float]]
) -> None:
    rows = [(start, length, f"p{i}") for i, (start, length) in enumerate(lines)]
    ends = [(start, start + length + 0.01) for start, length in spans]
    put(
        tmp_path,
        ctm="".join(f"rec A {a:.2f} {d:.2f} {label}\n" for a, d, label in rows),
        segments="".join(f"utt{i} rec {a!r} {b!r}\n" for i, (a, b) in enumerate(ends)),
    )
    spoken = read(tmp_path)
    for i, (start, end) in enumerate(ends):
        found = {one.label: (one.start, one.end) for one in spoken[f"utt{i}"].intervals}
        wanted = cut(rows, start, end)
        assert found.keys() == wanted.keys()
        for label, span in found.items():
            assert span == pytest.approx(wanted[label], abs=1e-6)


def test_channels_of_a_stereo_recording(tmp_path: Path, write_audio: WriteAudio) -> None:
    audio = write_audio(tmp_path / "call.wav", channels=2)
    mono = write_audio(tmp_path / "mono.wav")
    put(tmp_path, ctm="call A 0.0 0.1 a\ncall B 0.0 0.2 b\ncall A 0.1 0.1 c\nmono B 0 0.1 d\n")
    assert {name: (one.audio, one.channel, len(one.intervals)) for name, one in read(tmp_path).items()} == {
        "call-A": (audio, 0, 2),
        "call-B": (audio, 1, 1),
        "mono": (mono, None, 1),
    }
    put(tmp_path, ctm="call 3 0.0 0.1 a\n")
    (error,) = read_all(tmp_path)
    assert "line 1: 'call' is on channel 3 of" in str(error)


@pytest.mark.parametrize("first", ["call A", "call-left 1"])
def test_recordings_that_are_channels_of_files(tmp_path: Path, write_audio: WriteAudio, first: str) -> None:
    audio = write_audio(tmp_path / "call.wav", channels=2)
    put(
        tmp_path,
        ctm=f"{first} 0.2 0.1 a\n{'call B' if first == 'call A' else 'call-right 1'} 0.3 0.2 b\n",
        reco2file_and_channel="call-left call A\ncall-right call B\n",
        segments="l1 call-left 0.1 0.5\nr1 call-right 0.1 0.5\n",
    )
    found = read(tmp_path)
    assert {name: (one.audio, one.channel) for name, one in found.items()} == {"l1": (audio, 0), "r1": (audio, 1)}
    assert found["r1"].intervals == (Interval("b", 0.2, 0.4),)


def test_a_segments_table_may_name_the_channel(tmp_path: Path, write_audio: WriteAudio) -> None:
    write_audio(tmp_path / "call.wav", channels=2)
    put(tmp_path, ctm="call A 0 0.1 a\ncall B 0 0.1 b\n", segments="l call 0 1 0\nr call 0 1 1\n")
    assert {name: (one.channel, one.intervals[0].label) for name, one in read(tmp_path).items()} == {
        "l": (0, "a"),
        "r": (1, "b"),
    }
    put(tmp_path, segments="l call 0 1\nr call 0 1\n")
    assert all("there are several channels of 'call', and no table" in str(error) for error in read_all(tmp_path))


def test_numbers_stand_for_phones(tmp_path: Path) -> None:
    put(tmp_path / "ali", ctm="u 1 0 0.1 1\nu 1 0.1 0.1 2\n", phones_txt="<eps> 0\nSIL 1\nAA1_B 2\n")
    assert [one.label for one in read(tmp_path)["ali/u"].intervals] == ["SIL", "AA1"]
    put(tmp_path / "ali", ctm="u 1 0 0.1 1\nu 1 0.1 0.1 3\nv 1 0 0.1 1\n")
    error, v = read_all(tmp_path)
    assert "ctm, line 2: '3' is no number of a phone in phones.txt" in str(error)
    assert isinstance(v, Spoken)
    put(tmp_path / "ali", ctm="u 1 0 0.1 p\nu 1 0.1 0.1 2\n")  # French has phones 2 and 9
    assert [one.label for one in read(tmp_path)["ali/u"].intervals] == ["p", "2"]
    (tmp_path / "ali" / "phones.txt").unlink()
    put(tmp_path / "ali", ctm="u 1 0 0.1 1\nu 1 0.1 0.1 2\n")
    with pytest.raises(FormatError, match=r"ctm: the phones are numbers\. Put the phones.txt beside it"):
        listed(tmp_path)


def test_only_the_mark_of_the_position_is_taken_off(tmp_path: Path) -> None:
    labels = ["a_B", "a_I", "a_E", "a_S", "a_b", "a_", "_B", "t_S_E", "é_I"]
    put(tmp_path, ctm="".join(f"u 1 {i} 1 {label}\n" for i, label in enumerate(labels)))
    assert [one.label for one in read(tmp_path)["u"].intervals] == ["a", "a", "a", "a", "a_b", "a_", "_B", "t_S", "é"]


def test_a_ctm_of_words_beside_that_of_phones_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "words.ctm").write_text("u 1 0 1 hello\n")
    (tmp_path / "phones.ctm").write_text(UTTERANCES)
    assert listed(tmp_path).warnings == ("1 CTMs of words are left out.",)
    assert set(read(tmp_path)) == {"utt1", "utt2"}


def test_several_files_and_folders(tmp_path: Path) -> None:
    (put(tmp_path / "train") / "ctm.1").write_text("a 1 0 1 x\n")
    (tmp_path / "train" / "ctm.2").write_text("b 1 0 1 x\n")
    put(tmp_path / "dev", ctm="a 1 0 1 x\n", segments="a r 0 1\n", wav_scp="r /gone/r.wav\n")
    assert list(read(tmp_path)) == ["dev/a", "train/a", "train/b"]


def test_tables_above_and_elsewhere(tmp_path: Path) -> None:
    put(tmp_path / "exp" / "ali", ctm=UTTERANCES)
    put(tmp_path / "data", utt2spk="utt1 anna\nutt2 bert\n")
    assert [one.speaker for one in read(tmp_path).values()] == ["anna", "bert"]
    put(tmp_path / "data2", utt2spk="utt1 carl\n")
    with pytest.raises(FormatError, match=r"ctm: there are 2 tables 'utt2spk' that could belong to this file"):
        listed(tmp_path)
    put(tmp_path, utt2spk="utt1 dora\n")
    assert [one.speaker for one in read(tmp_path).values()] == ["dora", ""]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"wav_scp": "r x.wav\nq sph2pipe -f wav x.sph |\n"}, r"wav.scp, line 2: 'q' is made by a command.*WAV file"),
        ({"wav_scp": "r raw.ark:123\n"}, "wav.scp, line 1: 'r' lies in a Kaldi archive"),
        ({"wav_scp": "r\n"}, "wav.scp, line 1: 'r' is not a recording and its file"),
        ({"segments": "utt1 r 0\n"}, "segments, line 1: 'utt1 r 0' is not an utterance, its recording"),
        ({"segments": "utt1 r 0 x\n"}, "segments, line 1: 'utt1 r 0 x' is not"),
        ({"segments": "utt1 r 0 1 A\n"}, "segments, line 1: 'utt1 r 0 1 A' is not"),
        ({"segments": "utt1 r 2 1\n"}, "segments, line 1: 'utt1' can not lie from 2 s to 1 s"),
        ({"segments": "utt1 r nan 1\n"}, "segments, line 1: 'utt1' can not lie from nan s to 1 s"),
        ({"segments": "utt1 r 0 1\nutt1 r 0 2\n"}, "segments, line 2: 'utt1' stands twice"),
        ({"segments": "x r 0 1\n"}, "ctm, line 1: 'utt1' is neither an utterance nor a recording of .*segments"),
        ({"utt2spk": "utt1\n"}, "utt2spk, line 1: 'utt1' is not an utterance and its speaker"),
        ({"reco2file_and_channel": "r f x\n"}, "reco2file_and_channel, line 1: 'r f x' is not a recording, its file"),
        ({"phones_txt": "SIL one\n"}, "phones.txt, line 1: 'SIL one' is not a phone and its number"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    put(tmp_path, ctm=UTTERANCES, **files)
    with pytest.raises(FormatError, match=problem):
        listed(tmp_path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bad 1 0.0 0.1", "'bad 1 0.0 0.1' is not an utterance, a channel, a start, a duration and a phone"),
        ("bad 1 x 0.1 a", "'x' can not be a start in seconds"),
        ("bad 1 -0.5 0.1 a", "'-0.5' can not be a start in seconds"),
        ("bad 1 0 nan a", "'nan' can not be a duration in seconds"),
        ("bad 1 0 1e300 a", "'1e300' can not be a duration in seconds"),
        ("bad 1 0 -0.1 a", "'-0.1' can not be a duration in seconds"),
        ("bad 1 * * <ALT>", r"'\*' can not be a start"),
    ],
)
def test_a_broken_line_costs_its_utterance_only(tmp_path: Path, line: str, problem: str) -> None:
    put(tmp_path, ctm=f"{UTTERANCES}bad 1 0 1 a\n{line}\n")
    one, two, error = read_all(tmp_path)
    assert isinstance(one, Spoken)
    assert isinstance(two, Spoken)
    assert isinstance(error, FormatError)
    with pytest.raises(FormatError, match=f"ctm, line 6: {problem}"):
        raise error


def test_a_line_of_one_word_is_named(tmp_path: Path) -> None:
    put(tmp_path, ctm=f"{UTTERANCES}bad\n")
    assert str(read_all(tmp_path)[-1]).startswith(f"{tmp_path / 'ctm'}, line 5: 'bad' is not an utterance, a channel")


def test_an_utterance_that_the_table_has_not_costs_itself_only(tmp_path: Path) -> None:
    put(tmp_path, ctm=UTTERANCES, segments="utt1 r 0 1\n")
    one, error = read_all(tmp_path)
    assert isinstance(one, Spoken)
    assert "ctm, line 4: 'utt2' is neither an utterance nor a recording" in str(error)


def test_what_is_no_ctm(tmp_path: Path) -> None:
    assert not FORMAT.recognises(Tree(tmp_path))
    with pytest.raises(CorpusError, match=r"there is no file named ctm or \*\.ctm"):
        FORMAT.listing(Tree(tmp_path), CorpusSettings())
    for text in ("", "a\n", "1 2 3 4\n", "<ctm/>", "a b c d e\n"):
        assert not FORMAT.recognises(Tree(put(tmp_path, ctm=text)))
    (tmp_path / "ctm").write_bytes("\ufeffu 1 0 1 a\n".encode("utf-16-le"))
    with pytest.raises(FormatError, match="this is UTF-16"):
        FORMAT.listing(Tree(tmp_path), CorpusSettings())


names = st.text(st.characters(blacklist_categories=["Z", "C"], blacklist_characters="#;"), min_size=1, max_size=8)
phones = st.lists(st.tuples(st.integers(1, 10**5), names.filter(lambda name: not name.isdigit())), min_size=1)


@quick
@given(st.dictionaries(names, phones, min_size=1, max_size=5), st.booleans(), st.randoms(use_true_random=False))
def test_what_was_written_is_read_in_any_order(
    tmp_path: Path,
    spoken: dict[str, list[tuple[int, str]]],
    shuffled: bool,  # noqa: FBT001
    draws: random.Random,
) -> None:
    lines, wanted = [], {}
    for name, said in spoken.items():
        at, intervals = 0, []
        for length, phone in said:
            lines.append(f"{name} 1 {at / 1000:.3f} {length / 1000:.3f} {phone}_I\n")
            intervals.append(Interval(phone, at / 1000, (at + length) / 1000))
            at += length
        wanted[name] = tuple(intervals)
    if shuffled:
        draws.shuffle(lines)
    path = tmp_path / "ctm"
    path.write_text("".join(lines), "utf-8")
    found = [one for one in read_all(path) if isinstance(one, Spoken)]
    assert len(found) == len(wanted)
    by_line = {one.where: one.intervals for one in found}
    first = {name: next(i for i, line in enumerate(lines, 1) if line.split(" ")[0] == name) for name in wanted}
    assert by_line == {f"line {first[name]}": intervals for name, intervals in wanted.items()}


@quick
@given(st.integers(0, 2**32))
def test_mutated_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    draws = random.Random(seed)  # noqa: S311
    files = {
        "ctm": UTTERANCES + "utt1 1 0.5 0.1 SIL\n",
        "segments": "utt1 rec 1.5 2.0\nutt2 rec 2.0 2.5 0\n",
        "utt2spk": "utt1 anna\nutt2 bert\n",
        "wav.scp": "rec rec.wav\n",
        "reco2file_and_channel": "rec rec A\n",
        "phones.txt": "SIL 1\nAA1_B 2\n",
    }
    broken = draws.choice(list(files))
    for name, text in files.items():
        content = mutated(text.encode(), draws) if name in {"ctm", broken} else text.encode()
        (tmp_path / name).write_bytes(content)
    tree = Tree(tmp_path)
    FORMAT.recognises(tree)
    try:
        units = FORMAT.listing(tree, CorpusSettings()).units
        spoken = [one for unit in units for one in unit.read()]
    except PhonoscopeError:
        return
    for one in spoken:
        assert isinstance(one, (Spoken, PhonoscopeError))
        if isinstance(one, Spoken):
            assert all(0 <= interval.start <= interval.end < 1e8 for interval in one.intervals)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(n: int) -> int:
        with (tmp_path / "ctm").open("w") as file:
            for u in range(n):
                file.writelines(f"u{u:06d} 1 {i / 10} 0.1 a\n" for i in range(50))
        (unit,) = FORMAT.listing(Tree(tmp_path), CorpusSettings()).units
        tracemalloc.start()
        assert sum(1 for _ in unit.read()) == n
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    small = peak(20)
    assert peak(400) < 2 * small
