from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import parselmouth
import pytest

from phonoscope.signal.spectrogram import HIGHEST, data_uri, png, spectrogram


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_tone_is_dark_at_its_frequency_while_it_lasts(rate: int) -> None:
    t = np.arange(rate) / rate
    x = np.sin(2 * np.pi * 1_500 * t) * (t >= 0.5) + 1e-6 * np.random.default_rng(0).normal(size=rate)
    shades = spectrogram(x, rate, 200)
    top = min(HIGHEST, rate / 2)
    assert shades.shape[1] == 200
    assert shades[:, :95].max() == 0
    rows = shades[:, 110:190].argmax(axis=0)
    assert rows / (shades.shape[0] - 1) * top == pytest.approx(1_500, abs=60)
    assert shades.max() == 1


def test_it_is_praats() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [rng.normal(size=4_000), np.sin(np.arange(4_000) * 0.4) * 3, rng.normal(size=4_000).cumsum() / 9]
    )
    shades = spectrogram(x, 16_000, 120)
    emphasised = np.append(x[:1], x[1:] - 0.97 * x[:-1])
    theirs = parselmouth.Sound(emphasised, 16_000).to_spectrogram(0.005, 8_000, 0.0005, 16.0)
    times = np.linspace(0, len(x) - 1, 120) / 16_000
    frequencies = np.linspace(0, 8_000, len(shades))
    inside = [i for i, time in enumerate(times) if 0.02 < time < 0.73]
    power = np.array([[theirs.get_power_at(time, f) for time in times[inside]] for f in frequencies[4:-4]])
    expected = (1 + 10 * np.log10(power / power.max()) / 55).clip(0, 1)
    ours = shades[4:-4, inside]
    assert np.corrcoef(ours.ravel(), expected.ravel())[0, 1] > 0.995


def test_silence_and_a_moment_are_blank_or_small() -> None:
    assert spectrogram(np.zeros(1_000), 16_000, 10).max() == 0
    assert spectrogram(np.ones(3), 16_000, 4).shape[1] == 4


def test_the_png_holds_the_shades_upside_down() -> None:
    shades = np.random.default_rng(0).random((5, 7))
    content = png(shades)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + data),)
        chunks[name] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (7, 5, 8, 4, 0, 0, 0)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(5, 15)
    assert not rows[:, 0].any()  # no filter
    assert not rows[:, 1::2].any()  # black
    np.testing.assert_array_equal(rows[::-1, 2::2], np.round(255 * shades))
    assert base64.b64decode(data_uri(content, "image/png").removeprefix("data:image/png;base64,")) == content
