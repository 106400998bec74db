r"""Text from files, made harmless where it is shown: on a terminal, on a page, in a figure.

Labels, names of speakers and files, and layers are whatever somebody wrote. On a terminal, control characters move the
cursor, recolour what follows or write into the window's title; marks of the writing direction turn a line around, so
that it reads as something else; half of a surrogate pair, as Python makes of file names that are no UTF-8, can not be
written at all; and in an SVG file most of them are errors. All of these are shown as JSON escapes, ``\u001b``, which
read the same within JSON. IPA, combining marks, and the joiners of other scripts are left alone.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.text import Text

# control characters but for tab and line feed; marks and overrides of direction; line and paragraph separators;
# surrogates; what is no character; invisible tags
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e007f]"
)


def printable(text: str, *, lines: bool = True) -> str:
    r"""Return a text with everything in it visible that would do something else than be seen.

    Parameters
    ----------
    text
        Any.
    lines
        Whether a line feed starts a line; False: it is shown, ``\u000a``, for in a sentence it is somebody's name.
    """
    found = _HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)
    return found if lines else found.replace("\n", "\\u000a")


class Terminal(Console):
    """A console on which only its own control codes have an effect; markup in strings still has, unless escaped."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - rich's own
        """Make text of a string: here, so that tables are as wide as what they show."""
        return super().render_str(printable(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render anything; texts that were made elsewhere are cleaned here."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)
