"""Rooms and noise: what makes synthetic speech as hard as speech.

Pure functions of arrays and of a generator. None of them moves a sound in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Wave = NDArray[np.float64]

_REVERBERATION_TIMES = (0.15, 0.6)  # s, until the room's answer has fallen by 60 dB
_DIRECT_TO_REVERBERANT = (0.0, 12.0)  # dB
_FIRST_REFLECTIONS = (0.002, 0.008)  # s after the direct sound
_TILTS = (-9.0, 3.0)  # dB an octave; -3 is pink, 0 white
_LOWEST = 60.0  # Hz; below, a falling spectrum stays flat
_LEVELS = (-30.0, -20.0)  # dB below full scale, of the speech
_DITHER = 1.0 / 32768  # standard deviation of the dither: one step of 16 bits
_CEILING = 0.98


def power(wave: Wave, where: NDArray[np.bool_]) -> float:
    """Return the mean square of a wave's samples that are marked."""
    return float(np.mean(wave[where] ** 2)) if where.any() else 0.0


def coloured_noise(n: int, rate: int, tilt: float, rng: np.random.Generator) -> Wave:
    """Return n samples of Gaussian noise of power 1 whose spectrum falls (rises) by `tilt` dB an octave."""
    size = _fast_size(n)
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / rate), _LOWEST)
    amplitude = (frequency / 1000) ** (tilt / (20 * np.log10(2)))
    spectrum = amplitude * (rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency)))
    noise: Wave = np.fft.irfft(spectrum, size)[:n]
    noise /= np.sqrt(np.mean(noise**2))
    return noise


def room(rate: int, rng: np.random.Generator) -> Wave:
    """Draw a room's impulse response: the direct sound, 1 at lag 0, then noise that decays exponentially."""
    time = rng.uniform(*_REVERBERATION_TIMES)
    ratio = rng.uniform(*_DIRECT_TO_REVERBERANT)
    first = round(rng.uniform(*_FIRST_REFLECTIONS) * rate)
    t = np.arange(round(time * rate)) / rate
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / time)
    tail[:first] = 0
    response: Wave = tail * np.sqrt(10 ** (-ratio / 10) / np.sum(tail**2))
    response[0] = 1
    return response


def reverberated(wave: Wave, response: Wave) -> Wave:
    """Return a wave as it sounds in a room; of the same length, the room's last answer is cut."""
    size = _fast_size(len(wave) + len(response) - 1)
    answer: Wave = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)
    return answer[: len(wave)]


def degraded(
    clean: Wave,
    speech: NDArray[np.bool_],
    rate: int,
    *,
    snr: float,
    reverberate: bool,
    rng: np.random.Generator,
) -> Wave:
    """Put clean speech at a random level, into a room if wanted, and into noise.

    Parameters
    ----------
    clean
        (n,) samples.
    speech
        (n,) whether a sample is speech; the others are pauses and do not count for the ratio.
    rate
        Samples a second.
    snr
        Power of the clean speech over that of the noise, dB. The room's answer counts for neither.
    reverberate
        Whether in a room.
    rng
        Draws level, room and noise.

    Returns
    -------
    Wave
        (n,) samples within ±0.98, never exactly silent.
    """
    loudness = power(clean, speech)
    gain = 10 ** (rng.uniform(*_LEVELS) / 20) / np.sqrt(loudness) if loudness > 0 else 1.0
    wave = reverberated(clean, room(rate, rng)) if reverberate else clean
    noise = coloured_noise(len(clean), rate, rng.uniform(*_TILTS), rng)
    wave = gain * (wave + np.sqrt(loudness * 10 ** (-snr / 10)) * noise)
    wave = wave * min(1.0, _CEILING / np.abs(wave).max(initial=_CEILING))
    dithered: Wave = wave + _DITHER * rng.standard_normal(len(wave))
    return dithered


def _fast_size(n: int) -> int:
    """Return the least 2^a or 3 * 2^a that is at least n: sizes that are fast to transform."""
    power_of_two = 1 << max(0, n - 1).bit_length()
    return min(size for size in (power_of_two, power_of_two // 4 * 3) if size >= n)
