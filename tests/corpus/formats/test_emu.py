from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.reading_all import fuzzed, put, read_all, refusal
from phonoscope.corpus.formats.emu import FORMAT
from phonoscope.corpus.source import Interval
from phonoscope.corpus.tree import Tree

RATE = 20_000
SAMPLES = [("V", 3749, 1389), ("m", 5139, 1664), ("V", 6804, 1729), ("H", 8534, 600)]
"""Label, first sample and `sampleDur`, which is the number of samples less one."""


def level(name: str, samples: list[tuple[str, int, int]], kind: str = "SEGMENT") -> dict[str, Any]:
    items = [
        {"id": i, "sampleStart": start, "sampleDur": length, "labels": [{"name": name, "value": label}]}
        for i, (label, start, length) in enumerate(samples, 147)
    ]
    return {"name": name, "type": kind, "items": items}


def annotation(*levels: dict[str, Any], name: str = "msajc003") -> dict[str, Any]:
    """After the file format chapter of the EMU-SDMS manual."""
    words = {"name": "Word", "type": "ITEM", "items": [{"id": 2, "labels": [{"name": "Word", "value": "amongst"}]}]}
    tones = {"name": "Tone", "type": "EVENT", "items": [{"id": 3, "samplePoint": 8382, "labels": []}]}
    return {
        "name": name,
        "annotates": f"{name}.wav",
        "sampleRate": RATE,
        "levels": [words, *levels, tones],
        "links": [{"fromID": 2, "toID": 147}],
    }


AE = annotation(level("Phonetic", SAMPLES))


def put_annotation(path: Path, content: object = AE) -> Path:
    return put(path, json.dumps(content, ensure_ascii=False))


def database(root: Path) -> Path:
    """An emuDB as emuR makes it."""
    folder = root / "ae_emuDB"
    put(folder / "ae_DBconfig.json", json.dumps({"name": "ae", "levelDefinitions": [], "linkDefinitions": []}))
    for session in ("0000_ses", "anna é_ses"):
        for bundle in ("msajc003", "msajc010"):
            put_annotation(folder / session / f"{bundle}_bndl" / f"{bundle}_annot.json")
            put(folder / session / f"{bundle}_bndl" / f"{bundle}.wav")
    return folder


def test_a_database(tmp_path: Path) -> None:
    folder = database(tmp_path)
    assert FORMAT.recognises(Tree(folder))
    spoken = read_all(FORMAT, folder)
    assert [s.id for s in spoken] == ["0000/msajc003", "0000/msajc010", "anna é/msajc003", "anna é/msajc010"]
    assert [s.speaker for s in spoken] == ["0000", "0000", "anna é", "anna é"]
    assert all(s.audio == s.source.with_name(s.source.name.replace("_annot.json", ".wav")) for s in spoken)
    assert read_all(FORMAT, tmp_path)[0].id == "ae/0000/msajc003"


def test_a_segment_holds_its_samples(tmp_path: Path) -> None:
    """Each segment's samples hold its own number: cut out by time, nothing but this number comes."""
    put_annotation(tmp_path / "x_annot.json")
    (spoken,) = read_all(FORMAT, tmp_path)
    sound = np.zeros(10_000)
    for number, (_, start, length) in enumerate(SAMPLES, 1):
        sound[start : start + length + 1] = number
    for number, interval in enumerate(spoken.intervals, 1):
        cut = sound[round(interval.start * RATE) : round(interval.end * RATE)]
        assert len(cut) == SAMPLES[number - 1][2] + 1
        assert set(cut) == {number}
    starts, ends = [i.start for i in spoken.intervals], [i.end for i in spoken.intervals]
    assert starts[1:] == ends[:-1]


def test_the_audio_that_it_annotates(tmp_path: Path) -> None:
    put_annotation(tmp_path / "a_annot.json", annotation(level("MAU", SAMPLES), name="other"))
    audio = put(tmp_path / "other.wav")
    put(tmp_path / "deep" / "b_annot.json", json.dumps(AE | {"annotates": "../../etc/passwd"}))
    assert [s.audio for s in read_all(FORMAT, tmp_path)] == [audio, None]


def test_the_level_is_found_or_named(tmp_path: Path) -> None:
    spoken = level("MAU", [("a", 0, 9)])
    for item in spoken["items"]:
        item["labels"].append({"name": "IPA", "value": "ɑ"})
    other = annotation(level("ORT", SAMPLES), spoken, level("Corrected", SAMPLES[:1]))
    other["levels"].append(level("Phoneme", SAMPLES, "ITEM"))
    put_annotation(tmp_path / "x_annot.json", other)

    def labels(tier: str) -> list[str]:
        return [i.label for i in read_all(FORMAT, tmp_path, tier=tier)[0].intervals]

    assert labels("") == ["a"]
    assert labels("corrected") == ["V"]
    assert labels("ORT") == ["V", "m", "V", "H"]
    assert labels("ipa") == ["ɑ"]
    assert "the level 'Phoneme' is not of type SEGMENT, so it has no times" in refusal(FORMAT, tmp_path, tier="Phoneme")
    assert "there is no tier 'X'; the file's tiers: 'ORT', 'MAU', 'Corrected'" in refusal(FORMAT, tmp_path, tier="X")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, """é "l'été" 1""")
    put(tmp_path / "a b" / f"{name}_annot.json", b"\xef\xbb\xbf" + json.dumps(AE).encode())
    audio = put(tmp_path / "a b" / f"{name}.WAV")
    (spoken,) = read_all(FORMAT, tmp_path)
    assert (spoken.id, spoken.audio) == ("a b/" + unicodedata.normalize("NFC", name), audio)
    assert spoken.speaker == ""


def test_a_linked_recording(tmp_path: Path) -> None:
    sound = put(tmp_path / "elsewhere" / "real.wav")
    soundfile.write(sound, np.zeros(100), RATE)
    put_annotation(tmp_path / "c" / "x_annot.json")
    (tmp_path / "c" / "x.wav").symlink_to(sound)
    assert read_all(FORMAT, tmp_path / "c")[0].audio == tmp_path / "c" / "x.wav"


def changed(**values: object) -> dict[str, Any]:
    """Change the first item."""
    content = json.loads(json.dumps(AE))
    content["levels"][1]["items"][0].update(values)
    return content  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "this is no annotation of EMU's: it has no levels"),
        (AE | {"sampleRate": 0}, "0 stands where the sampleRate should be"),
        (AE | {"sampleRate": True}, "True stands where the sampleRate should be"),
        (AE | {"levels": [1]}, "its levels are not a list of levels"),
        (annotation(), "no tier has one of the usual names of a tier of phones; the file's tiers: none"),
        (annotation(level("Phonetic", []), level("phonetic", [])), "2 tiers could hold the phones"),
        (changed(sampleStart=None), "level 'Phonetic', item 147: None stands where the sampleStart should be"),
        (changed(sampleDur="5"), "item 147: '5' stands where the sampleDur should be"),
        (changed(sampleDur=-1), "item 147: its sampleDur is -1, so that it would end before its start"),
        (changed(sampleDur=10**400), "stands where the sampleDur should be"),
        (changed(sampleDur=float("nan")), "nan stands where the sampleDur should be"),
        (changed(labels=None), "None stands where its labels should be"),
        (changed(labels=[{"name": "Phonetic"}]), "None stands where its label's value should be"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: object, expected: str) -> None:
    put_annotation(tmp_path / "x_annot.json", content)
    message = refusal(FORMAT, tmp_path)
    assert expected in message
    assert message.startswith(f"{tmp_path / 'x_annot.json'}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1: this is not JSON (Expecting value)"),
        (json.dumps(AE, indent=1).replace('"id": 147,', '"id": 147').encode(), "line 27: this is not JSON"),
        (b'{"levels":\n"\xff"}', "line 2: the bytes here are not UTF-8"),
        (b"[" * 1_000_000, "this is no JSON that can be read"),
        (b'{"levels": [], "sampleRate": ' + b"9" * 5000 + b"}", "this is no JSON that can be read"),
    ],
)
def test_broken_json(tmp_path: Path, content: bytes, expected: str) -> None:
    put(tmp_path / "x_annot.json", content)
    assert expected in refusal(FORMAT, tmp_path)


def test_a_folder_without_annotations(tmp_path: Path) -> None:
    put(tmp_path / "x.json", "{}")
    assert not FORMAT.recognises(Tree(tmp_path))
    assert "there are no _annot.json files; name an emuDB" in refusal(FORMAT, tmp_path)


@given(
    st.lists(st.tuples(st.text(max_size=4), st.integers(0, 10**6)), max_size=20), st.sampled_from([8000, 44_100, 1e4])
)
def test_what_is_written_is_read(items: list[tuple[str, int]], rate: float) -> None:
    samples, at = [], 0
    for label, length in items:
        samples.append((label, at, length))
        at += length + 1
    with TemporaryDirectory() as folder:
        put(Path(folder) / "x_annot.json", json.dumps(annotation(level("phones", samples)) | {"sampleRate": rate}))
        (spoken,) = read_all(FORMAT, Path(folder))
    assert spoken.intervals == tuple(Interval(x, start / rate, (start + n + 1) / rate) for x, start, n in samples)


def test_broken_files_give_named_errors(tmp_path: Path) -> None:
    data = json.dumps(AE, indent=2).encode()
    assert fuzzed(FORMAT, tmp_path, tmp_path / "x_annot.json", data, seed=6, n=600) > 300
