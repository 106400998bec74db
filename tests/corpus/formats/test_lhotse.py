"""Lhotse's own manifests, as the library writes them, are in test_lhotse_library.py."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.reading_all import fuzzed, put, read_all, refusal
from phonoscope.corpus.formats.lhotse import FORMAT
from phonoscope.corpus.tree import Tree
from phonoscope.errors import FormatError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from phonoscope.corpus.source import Interval

Json = dict[str, Any]

ICE = [["AY0", 33.0, 0.6, 0.9], ["S", 33.6, 0.4, None]]


def recording(name: str = "rec1", *, channels: int = 1, **more: object) -> Json:
    source = {"type": "file", "channels": list(range(channels)), "source": f"audio/{name}.wav"}
    own = {"id": name, "sources": [source], "sampling_rate": 16000, "num_samples": 640_000, "duration": 40.0}
    return own | {"channel_ids": list(range(channels))} | more


def supervision(start: float = 33.0, alignment: object = None, **more: object) -> Json:
    own = {"id": "sup1", "recording_id": "rec1", "start": start, "duration": 1.0, "channel": 0, "speaker": "Maryla"}
    return own | {"alignment": {"phone": ICE} if alignment is None else alignment} | more


def cut(start: float, sup: Json, rec: Json | None = None, **more: object) -> Json:
    own = {"id": "cut1", "start": start, "duration": 1.0, "channel": 0, "supervisions": [sup]}
    return own | {"recording": rec or recording(), "type": "MonoCut"} | more


def lines(*entries: object) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def near(found: tuple[Interval, ...], expected: list[tuple[str, float, float]]) -> bool:
    return [i.label for i in found] == [x[0] for x in expected] and [t for i in found for t in (i.start, i.end)] == (
        pytest.approx([t for x in expected for t in x[1:]])
    )


EXPECTED = [("AY0", 0.0, 0.6), ("S", 0.6, 1.0)]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".json", ".JSONL"])
def test_supervisions_and_recordings(tmp_path: Path, suffix: str) -> None:
    audio = put(tmp_path / "audio" / "rec1.wav")
    for name, entry in (("recordings_train", recording()), ("supervisions_train", supervision())):
        content = json.dumps([entry]).encode() if suffix == ".json" else lines(entry)
        put(tmp_path / (name + suffix), gzip.compress(content) if suffix.endswith("gz") else content)
    assert FORMAT.recognises(Tree(tmp_path))
    (spoken,) = read_all(FORMAT, tmp_path)
    assert near(spoken.intervals, EXPECTED)
    assert (spoken.id, spoken.speaker, spoken.audio, spoken.part) == ("sup1", "Maryla", audio, "train")
    assert (spoken.start, spoken.end, spoken.channel) == (33.0, 34.0, None)
    assert spoken.where == ("entry 1" if suffix == ".json" else "line 1")


@pytest.mark.parametrize(
    ("cut_start", "sup_start", "items"),
    [
        (0.0, 33.0, ICE),
        (33.0, 0.0, ICE),  # trimmed: the library leaves the alignment's times the recording's
        (32.5, 0.5, ICE),
        (32.5, 0.5, [["AY0", 0.5, 0.6], ["S", 1.1, 0.4]]),  # written by another program: from the cut's start
        (32.5, 0.5, [["AY0", 0.0, 0.6], ["S", 0.6, 0.4]]),  # from the supervision's
        (
            32.5,
            0.5,
            [{"symbol": "AY0", "start": 33.0, "duration": 0.6}, {"duration": 0.4, "start": 33.6, "symbol": "S"}],
        ),
    ],
)
def test_the_times_of_a_cut(tmp_path: Path, cut_start: float, sup_start: float, items: list[object]) -> None:
    put(tmp_path / "cuts.jsonl", lines(cut(cut_start, supervision(sup_start, {"phone": items}))))
    (spoken,) = read_all(FORMAT, tmp_path)
    assert (spoken.start, spoken.end) == (33.0, 34.0)
    assert near(spoken.intervals, EXPECTED)


def test_an_alignment_that_lies_nowhere_right_is_left_to_the_checks(tmp_path: Path) -> None:
    put(tmp_path / "cuts.jsonl", lines(cut(10.0, supervision(0.0))))
    (spoken,) = read_all(FORMAT, tmp_path)
    assert spoken.start == 10
    assert near(spoken.intervals, [("AY0", 23.0, 23.6), ("S", 23.6, 24.0)])


@pytest.mark.parametrize(("channel", "expected"), [(0, 0), (1, 1), ([0, 1], None), ([1], 1), ([1, 0], None)])
def test_channels_of_one_file(tmp_path: Path, channel: object, expected: int | None) -> None:
    put(tmp_path / "cuts.jsonl", lines(cut(0.0, supervision(channel=channel), recording(channels=2))))
    assert read_all(FORMAT, tmp_path)[0].channel == expected


def test_channels_of_a_file_each(tmp_path: Path) -> None:
    paths = [put(tmp_path / "audio" / f"{name}.wav") for name in "ab"]
    sources = [{"type": "file", "channels": [i], "source": f"audio/{p.name}"} for i, p in enumerate(paths)]
    entries = [cut(0.0, supervision(channel=i, id=f"s{i}"), recording(sources=sources)) for i in (0, 1)]
    put(tmp_path / "cuts.jsonl", lines(*entries))
    assert [(s.audio, s.channel) for s in read_all(FORMAT, tmp_path)] == [(p, None) for p in paths]
    put(tmp_path / "cuts.jsonl", lines(cut(0.0, supervision(channel=7), recording(sources=sources))))
    assert "the recording 'rec1' has no channel 7" in refusal(FORMAT, tmp_path)


def test_windows_of_a_recording_give_a_supervision_once(tmp_path: Path) -> None:
    put(tmp_path / "cuts.jsonl", lines(cut(33.0, supervision(0.0)), cut(33.5, supervision(-0.5), id="cut2")))
    assert len(read_all(FORMAT, tmp_path)) == 1


def test_padded_cuts_are_read_and_mixed_ones_refused(tmp_path: Path) -> None:
    silence = {"cut": {"id": "p", "duration": 6.0, "type": "PaddingCut"}, "type": "PaddingCut", "offset": 1.0}
    track = {"cut": cut(33.0, supervision(0.0)), "type": "MonoCut", "offset": 0.0}
    mixed = {"id": "m", "tracks": [track, silence], "type": "MixedCut"}
    put(tmp_path / "cuts.jsonl", lines(mixed, silence["cut"]))
    assert near(read_all(FORMAT, tmp_path)[0].intervals, EXPECTED)
    put(tmp_path / "cuts.jsonl", lines(mixed | {"tracks": [track, track]}))
    assert "line 1: the cut 'm' mixes 2 recordings" in refusal(FORMAT, tmp_path)


def test_one_bad_supervision_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = supervision(id="bad", alignment={"phone": [["a", "b", 1]]})
    put(tmp_path / "supervisions.jsonl", lines(supervision(), bad, supervision(id="sup3")))
    (unit,) = FORMAT.listing(Tree(tmp_path), CorpusSettings()).units
    one, two, three = unit.read()
    assert isinstance(two, FormatError)
    assert "supervisions.jsonl, line 2: the item ['a', 'b', 1] of the alignment has no start" in str(two)
    assert not isinstance(one, Exception)
    assert not isinstance(three, Exception)
    assert (one.id, three.id) == ("sup1", "sup3")


def test_the_alignment_is_found_or_named(tmp_path: Path) -> None:
    kinds = {"word": [["ice", 33.0, 1.0]], "Phones": ICE, "subword": [["i", 33.0, 0.5]]}
    put(tmp_path / "supervisions.jsonl", lines(supervision(alignment=kinds)))
    assert len(read_all(FORMAT, tmp_path)[0].intervals) == 2
    assert [i.label for i in read_all(FORMAT, tmp_path, tier="subword")[0].intervals] == ["i"]
    message = refusal(FORMAT, tmp_path, tier="syllable")
    assert "there is no alignment 'syllable'; there are 'word', 'Phones', 'subword'; name the phones' al" in message


def test_supervisions_without_alignments_are_passed_over(tmp_path: Path) -> None:
    bare = supervision(id="bare")
    del bare["alignment"]
    put(tmp_path / "supervisions.jsonl", lines(bare, supervision()))
    assert [s.id for s in read_all(FORMAT, tmp_path)] == ["sup1"]
    put(tmp_path / "supervisions.jsonl", lines(bare))
    assert "supervisions.jsonl: none of its 1 supervisions has an alignment" in refusal(FORMAT, tmp_path)
    put(tmp_path / "supervisions.jsonl", "\n")
    assert "it holds no supervision" in refusal(FORMAT, tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"transforms": [{"name": "Speed", "kwargs": {"factor": 1.1}}]}, "is changed when it is loaded ('Speed')"),
        (
            {"sources": [{"type": "url", "channels": [0], "source": "https://x.org/a.wav"}]},
            "its audio is of the type 'url'",
        ),
        ({"sources": [{"type": "file", "channels": [0], "source": 3}]}, "3 stands where the name of an audio file"),
        ({"sources": [{"type": "file", "channels": [], "source": "a"}]}, "[] stands where a source's channels"),
        ({"sources": None}, "this is no recording: it has no list of sources"),
    ],
)
def test_recordings_that_can_not_be_used(tmp_path: Path, change: Json, expected: str) -> None:
    put(tmp_path / "cuts.jsonl", lines(cut(33.0, supervision(0.0), recording(**change))))
    assert expected in refusal(FORMAT, tmp_path)
    put(tmp_path / "cuts.jsonl")
    (tmp_path / "cuts.jsonl").unlink()
    put(tmp_path / "recordings.jsonl", lines(recording(**change)))
    put(tmp_path / "supervisions.jsonl", lines(supervision()))
    assert f"{tmp_path / 'recordings.jsonl'}, line 1: " in refusal(FORMAT, tmp_path)


def test_resampling_changes_no_times(tmp_path: Path) -> None:
    resampled = recording(transforms=[{"name": "Resample", "kwargs": {}}])
    put(tmp_path / "cuts.jsonl", lines(cut(33.0, supervision(0.0), resampled)))
    assert near(read_all(FORMAT, tmp_path)[0].intervals, EXPECTED)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "line 1: this is not JSON"),
        (lines(supervision()) + b"[]\n", "line 2: [] stands where an entry of a manifest should be"),
        (lines({"id": "x"}), "line 1: this is neither a cut (it has no supervisions) nor a supervision"),
        (lines(supervision(id=3)), "the supervision's id, recording_id or speaker is no text"),
        (lines(supervision(duration=-1)), "the supervision 'sup1' has no start and duration"),
        (lines(supervision(alignment=[1])), "[1] stands where the supervision's alignment should be"),
        (lines(supervision(alignment={"phone": 1})), "the alignment of the supervision 'sup1' is no list"),
        (lines(supervision(alignment={"phone": [["a", 1]]})), "['a', 1] stands where an item [symbol, start, duration"),
        (lines(cut(0, supervision()) | {"start": "0"}), "'0' stands where the cut's start should be"),
        (lines(cut(0, supervision()) | {"recording": [1]}), "[1] stands where the cut's recording should be"),
        (lines(cut(0, supervision()) | {"supervisions": [1]}), "1 stands where a supervision should be"),
        (b"\xff\n", "line 1: the bytes here are not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: bytes, expected: str) -> None:
    put(tmp_path / "cuts.jsonl", content)
    assert expected in refusal(FORMAT, tmp_path)


def test_broken_archives(tmp_path: Path) -> None:
    whole = gzip.compress(lines(*[supervision(id=f"s{i}") for i in range(100)]))
    put(tmp_path / "supervisions.jsonl.gz", whole[:-20])
    assert "supervisions.jsonl.gz: the file can not be read (Compressed file ended" in refusal(FORMAT, tmp_path)
    put(tmp_path / "supervisions.jsonl.gz", b"no archive")
    assert "the file can not be read (Not a gzipped file" in refusal(FORMAT, tmp_path)


def test_an_archive_that_blows_up_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    put(tmp_path / "cuts.jsonl.gz", gzip.compress(bytes(1 << 27), 1))
    start = time.perf_counter()
    assert "the line is longer than 64 MB" in refusal(FORMAT, tmp_path)
    assert time.perf_counter() - start < 10
    (tmp_path / "cuts.jsonl.gz").rename(tmp_path / "cuts.json.gz")
    assert "a manifest in JSON is read as a whole, and this is over 64 MB" in refusal(FORMAT, tmp_path)


def test_which_manifests_are_read(tmp_path: Path) -> None:
    for part in ("train-clean-100", "dev-clean", "test_other"):
        for kind, entry in (("recordings", recording(part)), ("supervisions", supervision(id=part, recording_id=part))):
            put(tmp_path / "a" / f"librispeech_{kind}_{part}.jsonl", lines(entry))
        put(tmp_path / "audio" / f"{part}.wav")
    put(tmp_path / "b" / "my-cuts.jsonl", lines(cut(33.0, supervision(0.0, id="cut"))))
    put(tmp_path / "b" / "my-supervisions.jsonl", lines(supervision(id="never")))
    put(tmp_path / "b" / "shortcuts.json", "[]")
    put(tmp_path / "b" / "features.jsonl.gz", b"")
    found = {s.id: (s.part, s.audio and s.audio.stem) for s in read_all(FORMAT, tmp_path)}
    assert found == {
        "train-clean-100": ("train", "train-clean-100"),
        "dev-clean": ("validation", "dev-clean"),
        "test_other": ("validation", "test_other"),
        "cut": ("", None),
    }
    warnings = FORMAT.listing(Tree(tmp_path), CorpusSettings()).warnings
    assert warnings == (
        "my-supervisions.jsonl was not read, for there are cuts beside it; name it to read it instead.",
    )


def test_a_manifest_that_is_named_itself(tmp_path: Path) -> None:
    audio = put(tmp_path / "audio" / "rec1.wav")
    put(tmp_path / "cuts_train.jsonl", b"broken")
    put(tmp_path / "recordings.jsonl.gz", gzip.compress(lines(recording())))
    path = put(tmp_path / "supervisions.jsonl.gz", gzip.compress(lines(supervision())))
    assert read_all(FORMAT, path)[0].audio == audio
    path = put(tmp_path / "data.jsonl", lines(supervision()))
    assert FORMAT.recognises(Tree(path))
    assert read_all(FORMAT, path)[0].id == "sup1"
    assert not FORMAT.recognises(Tree(put(tmp_path / "x.json", '{"levels": []}')))


def test_a_recording_without_description_is_the_file_of_its_name(tmp_path: Path) -> None:
    audio = put(tmp_path / "deep" / "rec1.FLAC")
    put(tmp_path / "supervisions.jsonl", lines(supervision(), supervision(id="b", channel=1)))
    assert [(s.audio, s.channel) for s in read_all(FORMAT, tmp_path)] == [(audio, None), (audio, 1)]


def test_yaml_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "cuts.yaml", "- id: x\n")
    assert "manifests in YAML are not read; make it JSONL, by `lhotse copy" in refusal(FORMAT, tmp_path)


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    assert not FORMAT.recognises(Tree(tmp_path))
    assert "there is no manifest of cuts or supervisions" in refusal(FORMAT, tmp_path)


@given(
    st.lists(st.tuples(st.text(max_size=4), st.integers(1, 10**5)), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_what_is_written_is_read(items: list[tuple[str, int]], cut_start: int, offset: int) -> None:
    start, times = (cut_start + offset) / 16000, []
    at = cut_start + offset
    for label, length in items:
        times.append((label, at / 16000, (at + length) / 16000))
        at += length
    alignment = {"phone": [[label, a, b - a, None] for label, a, b in times]}
    sup = supervision(offset / 16000, alignment, duration=at / 16000 - start)
    with TemporaryDirectory() as folder:
        put(Path(folder) / "cuts.jsonl", lines(cut(cut_start / 16000, sup)))
        (spoken,) = read_all(FORMAT, Path(folder))
    assert spoken.start == pytest.approx(start)
    assert [i.label for i in spoken.intervals] == [label for label, _, _ in times]
    assert [i.start + spoken.start for i in spoken.intervals] == pytest.approx([a for _, a, _ in times], abs=1e-7)
    assert [i.end + spoken.start for i in spoken.intervals] == pytest.approx([b for _, _, b in times], abs=1e-7)


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.json", "supervisions.jsonl", "recordings.jsonl", "cuts.jsonl.gz"])
def test_broken_files_give_named_errors(tmp_path: Path, name: str) -> None:
    put(tmp_path / "supervisions.jsonl", lines(supervision()))
    put(tmp_path / "recordings.jsonl", lines(recording(channels=2)))
    data = {
        "supervisions.jsonl": lines(supervision(), supervision(id="b", channel=[0, 1])),
        "recordings.jsonl": lines(recording(channels=2)),
        "cuts.json": json.dumps([cut(33.0, supervision(0.0))]).encode(),
    }.get(name, lines(cut(33.0, supervision(0.0)), cut(3.0, supervision(30.0), recording(channels=2))))
    data = gzip.compress(data) if name.endswith("gz") else data
    assert fuzzed(FORMAT, tmp_path, tmp_path / name, data, seed=7, n=200) > 50
