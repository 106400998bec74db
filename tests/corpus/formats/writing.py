"""The same speech, written by hand in every format that is read: what is written reads as `SPEECH`."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import soundfile

from conftest import textgrid_text
from corpus.formats.reading_all import put
from corpus.formats.test_emu import annotation
from corpus.formats.test_sppas import xra_1_5
from corpus.formats.test_timit import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE = 16_000
_SAID = ("sil", "s", "iy", "t", "aa", "sil", "k", "iy", "n")


class Said(NamedTuple):
    """An utterance: whose, its name, its phones with the samples at which they start and end."""

    speaker: str
    name: str
    phones: tuple[tuple[str, int, int], ...]

    @property
    def n_samples(self) -> int:
        return self.phones[-1][2]

    def seconds(self) -> list[tuple[str, float, float]]:
        return [(label, start / RATE, end / RATE) for label, start, end in self.phones]


def _speech() -> tuple[Said, ...]:
    draws = np.random.default_rng(0)
    found: list[Said] = []
    for speaker, name in (("FAKS0", "SI943"), ("FAKS0", "SX43"), ("MWBT0", "SI1553"), ("MWBT0", "SX23")):
        cuts = [0, *np.sort(draws.choice(np.arange(1, 160), len(_SAID), replace=False) * 100 + draws.integers(99))]
        labels = (*_SAID[len(found) :], *_SAID[: len(found)])
        phones = zip(labels, cuts, cuts[1:], strict=False)
        found.append(Said(speaker, name, tuple((label, int(a), int(b)) for label, a, b in phones)))
    return tuple(found)


SPEECH = _speech()
"""Two utterances of each of two speakers, less than a second each, labels of ARPAbet; a phone has a sample or more."""


def sound(said: Said) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    draws = np.random.default_rng(SPEECH.index(said))
    return draws.integers(-9_000, 9_000, said.n_samples).astype(np.int16)


def audio(path: Path, said: Said) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in {".WAV", ".sph"}:
        header = HEADER.format(n=said.n_samples, rate=RATE).encode().ljust(1024)
        path.write_bytes(header + sound(said).astype("<i2").tobytes())
    else:
        soundfile.write(path, sound(said), RATE)


def textgrids(root: Path) -> None:
    for said in SPEECH:
        audio(root / said.speaker / f"{said.name}.wav", said)
        put(
            root / said.speaker / f"{said.name}.TextGrid",
            textgrid_text([(start, end, label) for label, start, end in said.seconds()]),
        )


def timit(root: Path) -> None:
    for said in SPEECH:
        audio(root / "TRAIN" / "DR1" / said.speaker / f"{said.name}.WAV", said)
        text = "".join(f"{start} {end} {label}\n" for label, start, end in said.phones)
        put(root / "TRAIN" / "DR1" / said.speaker / f"{said.name}.PHN", text)


def ctm(root: Path) -> None:
    """With Kaldi's tables, and times of two decimals, as Kaldi has them."""
    rows, speakers, recordings = "", "", ""
    for said in SPEECH:
        audio(root / "wav" / f"{said.name}.flac", said)
        speakers += f"{said.name} {said.speaker}\n"
        recordings += f"{said.name} wav/{said.name}.flac\n"
        for label, start, end in said.seconds():
            rows += f"{said.name} 1 {start:.2f} {round(end, 2) - round(start, 2):.2f} {label}\n"
    put(root / "phones.ctm", rows)
    put(root / "utt2spk", speakers)
    put(root / "wav.scp", recordings)


def ctm_of_a_recording(root: Path) -> None:
    """All in one long recording, which a table of segments parts."""
    at, rows, segments, speakers = 0, "", "", ""
    for said in SPEECH:
        length = said.n_samples / RATE
        segments += f"{said.name} all {at / RATE:.7f} {at / RATE + length:.7f}\n"
        speakers += f"{said.name} {said.speaker}\n"
        for label, start, end in said.seconds():
            rows += f"all 1 {at / RATE + start:.7f} {end - start:.7f} {label}\n"
        at += said.n_samples
    soundfile.write(put(root / "all.wav"), np.concatenate([sound(said) for said in SPEECH]), RATE)
    put(root / "ctm", rows)
    put(root / "segments", segments)
    put(root / "utt2spk", speakers)


def _htk(said: Said) -> str:
    return "".join(f"{start * 625} {end * 625} {label}\n" for label, start, end in said.phones)


def label_files(root: Path) -> None:
    for said in SPEECH:
        audio(root / said.speaker / f"{said.name}.wav", said)
        put(root / said.speaker / f"{said.name}.lab", _htk(said))


def master_label_file(root: Path) -> None:
    for said in SPEECH:
        audio(root / "wav" / said.speaker / f"{said.name}.wav", said)
    put(root / "a.mlf", "#!MLF!#\n" + "".join(f'"*/{s.speaker}/{s.name}.rec"\n{_htk(s)}.\n' for s in SPEECH))


def sppas(root: Path) -> None:
    for said in SPEECH:
        audio(root / said.speaker / f"{said.name}.wav", said)
        put(root / said.speaker / f"{said.name}-palign.xra", xra_1_5(said.seconds()))


def emu(root: Path) -> None:
    for said in SPEECH:
        folder = root / "x_emuDB" / f"{said.speaker}_ses" / f"{said.name}_bndl"
        items = [
            {"id": i, "sampleStart": a, "sampleDur": b - a - 1, "labels": [{"name": "Phonetic", "value": label}]}
            for i, (label, a, b) in enumerate(said.phones, 1)
        ]
        level = {"name": "Phonetic", "type": "SEGMENT", "items": items}
        content = annotation(level, name=said.name) | {"sampleRate": RATE}
        put(folder / f"{said.name}_annot.json", json.dumps(content))
        audio(folder / f"{said.name}.wav", said)


def _manifest(said: Said) -> tuple[dict[str, object], dict[str, object]]:
    length = said.n_samples / RATE
    recording = {
        "id": said.name,
        "sources": [{"type": "file", "channels": [0], "source": f"wav/{said.name}.ogg"}],
        "sampling_rate": RATE,
        "num_samples": said.n_samples,
        "duration": length,
        "channel_ids": [0],
    }
    supervision = {
        "id": said.name,
        "recording_id": said.name,
        "start": 0.0,
        "duration": length,
        "channel": 0,
        "speaker": said.speaker,
        "alignment": {"phone": [[label, start, end - start] for label, start, end in said.seconds()]},
    }
    return recording, supervision


def _json_lines(path: Path, entries: list[dict[str, object]]) -> None:
    content = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    put(path, gzip.compress(content) if path.suffix == ".gz" else content)


def lhotse(root: Path) -> None:
    manifests = [_manifest(said) for said in SPEECH]
    for said in SPEECH:
        audio(root / "wav" / f"{said.name}.ogg", said)
    _json_lines(root / "recordings.jsonl", [recording for recording, _ in manifests])
    _json_lines(root / "supervisions.jsonl", [supervision for _, supervision in manifests])


def lhotse_cuts(root: Path) -> None:
    cuts: list[dict[str, object]] = []
    for said in SPEECH:
        audio(root / "wav" / f"{said.name}.ogg", said)
        recording, supervision = _manifest(said)
        cut = {"id": f"c{said.name}", "start": 0.0, "duration": recording["duration"], "channel": 0}
        cuts.append(cut | {"supervisions": [supervision], "recording": recording, "type": "MonoCut"})
    _json_lines(root / "cuts.jsonl.gz", cuts)


def _rows(root: Path) -> list[dict[str, str | float]]:
    rows: list[dict[str, str | float]] = []
    for said in SPEECH:
        audio(root / "wav" / f"{said.name}.wav", said)
        one: dict[str, str | float] = {"audio": f"wav/{said.name}.wav", "utterance": said.name, "speaker": said.speaker}
        rows += [one | {"phone": label, "start": start, "end": end} for label, start, end in said.seconds()]
    return rows


def csv_table(root: Path) -> None:
    rows = _rows(root)
    with (root / "phones.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def parquet_table(root: Path) -> None:
    pl.DataFrame(_rows(root)).write_parquet(root / "phones.parquet")


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "textgrid": ("textgrid", textgrids),
    "timit": ("timit", timit),
    "ctm": ("ctm", ctm),
    "ctm with segments": ("ctm", ctm_of_a_recording),
    "lab": ("lab", label_files),
    "mlf": ("lab", master_label_file),
    "sppas": ("sppas", sppas),
    "emu": ("emu", emu),
    "lhotse": ("lhotse", lhotse),
    "lhotse cuts": ("lhotse", lhotse_cuts),
    "csv": ("table", csv_table),
    "parquet": ("table", parquet_table),
}
"""For each way of keeping speech the format that it is of, and what writes it into a folder."""
RESOLUTION = {"ctm": 0.0051}
"""Seconds by which a time may be off, where more than rounding."""
