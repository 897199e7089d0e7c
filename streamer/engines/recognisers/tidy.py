"""From what Whisper says it heard to words worth believing. Pure.

Whisper invents text where nobody speaks, loops, and runs past the end of the sound; it also writes punctuation into
the words. Here those are taken out, and `?`, `!`, `.`, `,` become words of no length at the end of their word.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from streamer.network import contract
from streamer.records import Word

NO_SPEECH: Final = 0.6
"""Whisper's own probability of silence above which a segment is not believed (the library's usual bound)."""
MARKS: Final = "?!.,"

_BRACKETED: Final = re.compile(r"[\[(*♪].*")
_PARTS: Final = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*|[?!.,]+")


@dataclass(frozen=True, slots=True)
class RawWord:
    """A word as Whisper gives it, seconds from the start of the sound."""

    text: str
    start_s: float
    end_s: float
    probability: float
    no_speech: float
    """Of the segment it stands in."""


def tidy(raw: Iterable[RawWord], start: int, end: int, *, final: bool) -> tuple[Word, ...]:
    """Return the words of the sound from stream position `start` to `end`, in order, times inside and never falling."""
    words: list[Word] = []
    last_raw = ""
    for heard in _outside_brackets(raw):
        text = heard.text.strip().lower()
        word_start = start + round(heard.start_s * contract.STREAM_RATE_HZ)
        word_end = min(start + round(heard.end_s * contract.STREAM_RATE_HZ), end)
        # No length: a loop ("no no no" squeezed into one instant), or a guess at what comes after the sound.
        empty = word_end <= word_start
        invented = heard.no_speech > NO_SPEECH or word_start >= end or (empty and (text == last_raw or word_end >= end))
        last_raw = text
        if not invented:
            earliest = words[-1].end if words else start
            word_start = min(max(word_start, earliest), end)
            words += _split(text, word_start, max(word_end, word_start), heard.probability, final=final)
    while not final and words and words[-1].text in ".,":
        words.pop()  # Whisper ends whatever it is given with a full stop; the speaker has not ended yet.
    return tuple(words)


def _outside_brackets(raw: Iterable[RawWord]) -> Iterator[RawWord]:
    """Leave out "[music]", "(laughs)", "*sighs*": descriptions, not words."""
    closing = ""
    for word in raw:
        text = word.text.strip()
        if closing:
            closing = "" if closing in text else closing
        elif _BRACKETED.match(text):
            mate = {"[": "]", "(": ")", "*": "*", "♪": "♪"}[text[0]]
            closing = "" if mate in text[1:] else mate
        else:
            yield word


def _split(text: str, start: int, end: int, confidence: float, *, final: bool) -> list[Word]:
    """Split `text` at hyphens and into word and marks; hyphenated words share the time by their letters."""
    parts: list[str] = _PARTS.findall(text)
    n_letters = sum(len(p) for p in parts if p[0] not in MARKS)
    words: list[Word] = []
    done = 0
    for part in parts:
        if part[0] in MARKS:
            at = words[-1].end if words else start
            words += [Word(mark, at, at, confidence, final) for mark in dict.fromkeys(part)]
        else:
            word_start = start + (end - start) * done // n_letters
            done += len(part)
            word_end = start + (end - start) * done // n_letters
            words.append(Word(part.replace("’", "'"), word_start, word_end, confidence, final))
    return words
