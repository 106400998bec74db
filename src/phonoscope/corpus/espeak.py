"""The one door to espeak-ng: text and a voice's parameters in, samples and phoneme events out.

espeak-ng is a GPL library. It is loaded when an `Espeak` is made and nowhere else, and phonoscope makes one
only in the short-lived processes that build the built-in corpus (see `phonoscope.corpus.shard`). It keeps one
state per process, its random generator among it: two runs agree if the process is fresh and the calls come in
the same order.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.errors import EspeakError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # numbers of espeak's parameters
_RETRIEVAL, _PHONEME_EVENTS, _NO_EXIT = 2, 0x1, 0x8000
_UTF8, _INLINE_PHONEMES = 1, 0x100
_LIST_END, _WORD, _PHONEME = 0, 1, 7
_LANGUAGE = "fr"


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Event:
    """A phoneme as espeak announces it.

    Attributes
    ----------
    mnemonic
        espeak's name of the phoneme, stress mark and all.
    sample
        Where espeak says that the phoneme starts; `phonoscope.corpus.phone_times` knows better.
    word
        Number of the word that it belongs to, within the text.
    """

    mnemonic: str
    sample: int
    word: int


@dataclass(frozen=True, slots=True)
class Speech:
    """What espeak said: int16 samples at `rate` Hz, and its phonemes in the order of time."""

    samples: NDArray[np.int16]
    rate: int
    events: tuple[Event, ...]


class Espeak:
    """espeak-ng, loaded into this process and set to French.

    Parameters
    ----------
    seed
        Seed of espeak's own random generator (breath, flutter, the noise of fricatives).

    Raises
    ------
    EspeakError
        The library can not be loaded here.
    RuntimeError
        There was one in this process before: the library's state is global, and starting it twice crashes it.
    """

    _started = False

    def __init__(self, seed: int) -> None:
        if Espeak._started:
            msg = "espeak-ng can be started once in a process"
            raise RuntimeError(msg)
        Espeak._started = True
        try:
            import espeakng_loader  # noqa: PLC0415  (GPL: loaded only where it is used)

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = str(espeakng_loader.get_data_path())
        except (ImportError, OSError, RuntimeError) as error:
            raise EspeakError(str(error)) from None
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.rate = self._library.espeak_Initialize(_RETRIEVAL, 0, data.encode(), _PHONEME_EVENTS | _NO_EXIT)
        if self.rate <= 0:
            problem = f"its data in {data} can not be read"
            raise EspeakError(problem)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        self._blocks: list[NDArray[np.int16]] = []
        self._events: list[Event] = []
        self._word = 0
        self._callback = _Callback(self._receive)  # kept, for espeak holds no reference of its own
        self._library.espeak_SetSynthCallback(self._callback)
        self.set_voice("")

    def set_voice(self, variant: str) -> None:
        """Speak French with one of espeak's voice variants ("": none), at its own rate and pitch.

        An unknown variant is espeak's default voice: espeak accepts any name.
        """
        name = f"{_LANGUAGE}+{variant}" if variant else _LANGUAGE
        if self._library.espeak_SetVoiceByName(name.encode()):
            problem = f"it has no voice {name!r}"
            raise EspeakError(problem)

    def set_parameter(self, parameter: int, value: int) -> None:
        """Set `RATE` (words a minute), `VOLUME` (to 200), `PITCH` or `RANGE` (to 100) of this voice."""
        self._library.espeak_SetParameter(parameter, value, 0)

    def say(self, text: str) -> Speech:
        """Speak a text; ``[[...]]`` in it are phonemes."""
        self._blocks.clear()
        self._events.clear()
        self._word = 0
        encoded = text.encode()
        status = self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8 | _INLINE_PHONEMES, None, None)
        if status:
            problem = f"it refused to say {text!r} (status {status})"
            raise EspeakError(problem)
        samples = np.concatenate([np.zeros(0, np.int16), *self._blocks])
        return Speech(samples, self.rate, tuple(self._events))

    def phonemes(self, text: str) -> str:
        """Return the phoneme mnemonics that espeak would speak for a text, stress marks and all."""
        pointer = ctypes.c_char_p(text.encode())
        clauses = []
        while pointer.value is not None:
            clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(pointer), _UTF8, 0).decode())
        return " ".join(clauses)

    def with_palatal_nasals(self, text: str) -> str:
        """Put phonemes in the place of those words of which espeak would speak "gn" as n and j.

        espeak knows the palatal nasal, ``n^``, but keeps it for the end of words and a few others: "agneau"
        comes out as "aniau". A J that is one in half of the words would be no phone to learn from.
        """

        def spoken(match: re.Match[str]) -> str:
            mnemonics = self.phonemes(match[0])
            return f"[[{mnemonics.replace('nj', 'n^')}]]" if "nj" in mnemonics else match[0]

        return re.sub(r"[\w']*gn\w*", spoken, text)

    def _receive(self, samples: Any, n_samples: int, events: Any) -> int:  # noqa: ANN401
        """Take a block of samples and the events that go with it; 0 tells espeak to go on."""
        if samples and n_samples > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        for event in events:
            if event.type == _LIST_END:
                break
            if event.type == _WORD:
                self._word += 1
            elif event.type == _PHONEME:
                self._events.append(Event(event.id.string.decode(), event.sample, self._word))
        return 0
