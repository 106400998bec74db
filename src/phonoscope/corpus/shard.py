"""One fresh process of the built-in corpus: speaks a fixed list of utterances and writes their files.

espeak keeps a state from one utterance to the next, so what it says is reproducible only for a whole list,
spoken in its order by a process of its own. That process reads its job as JSON from standard input and
answers in lines of JSON; `phonoscope.corpus.workers` starts it. (A process of `multiprocessing` would import
the user's main module again, which a script without a guard, a notebook or a program on standard input does
not survive.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from phonoscope.corpus.degrade import degraded
from phonoscope.corpus.espeak import Espeak
from phonoscope.corpus.phone_times import PAUSE, Interval, phone_intervals
from phonoscope.corpus.rendering import SAMPLE_RATE, Rendering, Take, generator, rendered
from phonoscope.corpus.textgrid_writing import text_grid
from phonoscope.corpus.voices import Voice
from phonoscope.errors import EspeakError


def main() -> None:
    """Do the job on standard input; answer what is the user's to mend, raise anything else."""
    job = json.load(sys.stdin)
    try:
        (_analyse if "sentences" in job else _speak)(job)
    except (EspeakError, OSError, soundfile.SoundFileError) as error:
        _answer({"error": "espeak" if isinstance(error, EspeakError) else "folder", "message": str(error)})


def _analyse(job: dict[str, Any]) -> None:
    """Answer with each sentence's phones and its length in seconds, as the default voice speaks it."""
    espeak = Espeak(0)
    for number, text in enumerate(job["sentences"], job["first"]):
        speech = espeak.say(espeak.with_palatal_nasals(text))
        phones = [i.phone for i in phone_intervals(speech) if i.phone != PAUSE]
        _answer({"number": number, "phones": phones, "seconds": len(speech.samples) / speech.rate})


def _speak(job: dict[str, Any]) -> None:
    """Write every take of the job, and answer for each."""
    settings = job["settings"]
    espeak = Espeak(job["espeak_seed"])
    for entry in job["takes"]:
        take = Take(**(entry | {"voice": Voice(**entry["voice"])}))
        rng = generator(settings["seed"], take)
        rendering = rendered(take, espeak, rng)
        wave = degraded(
            rendering.clean,
            rendering.spoken(),
            SAMPLE_RATE,
            snr=rng.uniform(settings["snr_low"], settings["snr_high"]),
            reverberate=bool(rng.random() < settings["reverberated"]),
            rng=rng,
        )
        folder = Path(job["folder"]) / take.part / take.voice.name
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{take.id}.flac", np.round(wave * 32767).astype(np.int16), SAMPLE_RATE)
        grid = _grid(take, rendering)
        (folder / f"{take.id}.TextGrid").write_text(grid, encoding="utf-8", newline="\n")
        _answer({})


def _grid(take: Take, rendering: Rendering) -> str:
    phones = rendering.intervals
    first, last = phones[0], phones[-1]
    transcript = (first, Interval(take.text, first.end, last.start), last)
    return text_grid({"transcript": transcript, "phones": phones}, SAMPLE_RATE)


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)  # noqa: T201 (the answer's way)
