"""Spectrograms with the phones of an utterance below them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import soundfile
from markupsafe import Markup

from phonoscope.report.svg import Chart, chart, line, tag, text
from phonoscope.signal.audio import load_audio
from phonoscope.signal.spectrogram import HIGHEST, data_uri, png, spectrogram

if TYPE_CHECKING:
    from phonoscope.checkup import Checkup
    from phonoscope.corpus.problems import Problem
    from phonoscope.corpus.types import Utterance

_RATE = 16_000
_SECONDS = 2.5
_WIDTH, _HEIGHT, _LEFT, _TOP = 960.0, 190.0, 46.0, 30.0
_TYPICAL, _ODD = 4, 6
_LOOKED_AT = ("shifted alignment", "silence as speech", "speech without labels", "clipped audio", "overlap",
              "impossibly long", "impossibly short", "empty audio", "gap")  # fmt: skip
_TIER = 26.0
_STEP = 0.5
"""Seconds between the marks of time."""


class Stretch(NamedTuple):
    """What is looked at: an utterance, seconds of it, and why."""

    utterance: Utterance
    start: float
    end: float
    why: str


def stretches(found: Checkup) -> list[Stretch]:
    """Choose what to look at: of each kind of problem that can be seen the first one, and typical utterances."""
    chosen = [*_odd(found)][:_ODD]
    taken = {one.utterance.id for one in chosen}
    of: dict[str, list[Utterance]] = {}
    for u in found.survey.utterances:
        if u.segments and u.id not in taken:
            of.setdefault(u.speaker, []).append(u)
    speakers = sorted(of)
    for speaker in (
        [speakers[i] for i in np.unique(np.linspace(0, len(speakers) - 1, _TYPICAL).round().astype(int))]
        if speakers
        else []
    ):
        ordered = sorted(of[speaker], key=lambda u: (u.duration, u.id))
        u = ordered[len(ordered) // 2]
        start = max(0.0, u.segments[0].start - 0.1)
        chosen.append(Stretch(u, start, min(start + _SECONDS, u.duration), f"one of {speaker}'s utterances"))
    return chosen


def _odd(found: Checkup) -> list[Stretch]:
    by_id = {u.id: u for u in found.survey.utterances}
    by_audio = {u.audio: u for u in reversed(found.survey.utterances)}
    chosen = []
    for severity, kind in sorted(
        found.problems.kinds, key=lambda key: _LOOKED_AT.index(key[1]) if key[1] in _LOOKED_AT else 99
    ):
        if kind not in _LOOKED_AT:
            continue
        for problem in found.problems.of(severity, kind):
            u = by_id.get(problem.utterance) or (by_audio.get(problem.path) if problem.path else None)
            if u is not None:
                chosen.append(_around(u, problem))
                break
    return chosen


def _around(u: Utterance, problem: Problem) -> Stretch:
    at = 0.0 if problem.time is None else problem.time - u.start
    start = min(max(0.0, at - _SECONDS / 3), max(0.0, u.duration - _SECONDS))
    return Stretch(u, start, min(start + _SECONDS, u.duration), f"{problem.kind}: {problem.text}")


def spectrogram_chart(name: str, one: Stretch, ipa: dict[str, str]) -> Chart:
    """Draw a stretch of an utterance.

    Raises
    ------
    AudioError
        Its recording can not be decoded.
    """
    u, a, b = one.utterance, one.start, one.end
    samples = load_audio(u.audio, _RATE, start=u.start + a, duration=b - a, channel=u.channel)
    picture = data_uri(png(spectrogram(samples, _RATE, int(_WIDTH))), "image/png")
    bottom = _TOP + _HEIGHT

    def x(time: float) -> float:
        return _LEFT + (time - a) / (b - a) * _WIDTH

    parts: list[object] = [
        text(_LEFT, 16, f"{u.id} ({u.speaker}), from {u.start + a:.2f} s", class_="title"),
        tag("rect", x=_LEFT, y=_TOP, width=_WIDTH, height=_HEIGHT, fill="var(--panel)"),
        tag(
            "image",
            href=picture,
            x=_LEFT,
            y=_TOP,
            width=_WIDTH,
            height=_HEIGHT,
            preserveAspectRatio="none",
            class_="spectrogram",
        ),
        *(
            text(
                _LEFT - 6,
                bottom - khz * 1000 / HIGHEST * _HEIGHT + 4,
                f"{khz} kHz" if khz else "0",
                anchor="end",
                class_="soft small",
            )
            for khz in (0, 2, 4, 6, 8)
        ),
    ]
    parts.append(tag("rect", x=_LEFT, y=bottom, width=_WIDTH, height=_TIER, class_="frame"))
    for segment in u.segments:
        first, last = max(segment.start, a), min(segment.end, b)
        if last <= first:
            continue
        edges = [x(time) for time in (segment.start, segment.end) if a <= time <= b]
        parts += [line(at, _TOP, at, bottom + _TIER, stroke="var(--accent)", stroke_width=0.8) for at in edges]
        wide = x(last) - x(first)
        label = ipa.get(segment.phone) or segment.phone
        if wide > 6 * len(label):
            parts.append(text((x(first) + x(last)) / 2, bottom + 18, label, anchor="middle"))
    parts += [
        text(x(time), bottom + _TIER + 15, f"{u.start + time:.1f} s", anchor="middle", class_="soft small")
        for time in np.arange(np.ceil(a / _STEP) * _STEP, b, _STEP)
    ]
    title = f"Spectrogram of {u.id} with its phones"
    return chart(name, _LEFT + _WIDTH + 8, bottom + _TIER + 22, *parts, title=title)


def sound(one: Stretch) -> Markup:
    """Return a player of a stretch."""
    u = one.utterance
    samples = load_audio(u.audio, _RATE, start=u.start + one.start, duration=one.end - one.start, channel=u.channel)
    buffer = BytesIO()
    soundfile.write(buffer, samples, _RATE, format="FLAC", subtype="PCM_16")
    return Markup('<audio controls preload="none" src="{}"></audio>').format(data_uri(buffer.getvalue(), "audio/flac"))
