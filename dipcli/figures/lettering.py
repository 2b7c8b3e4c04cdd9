"""Text in figures: its width, and a user's text without formulas."""

from __future__ import annotations

from functools import cache

from matplotlib.font_manager import findfont, get_font

POINT = 1 / 72  # inch
TO = "\u2013"  # the dash of ranges and pairs
FONT = "DejaVu Sans"  # ships with matplotlib, so that all machines draw the same
LONGEST = 300  # characters of a name that are considered
LINES = 3
BREAKS = "/-_ .,:"


def literal(text: str) -> str:
    """Escape a user's text, so that a dollar sign begins no formula."""
    return plain(text).replace("$", r"\$")


def plain(text: str) -> str:
    """Text on one line, with escapes for characters that the font lacks."""
    return "".join(c if in_font(c) else ascii(c)[1:-1] for c in text)


@cache
def in_font(character: str) -> bool:
    """Whether the font can draw this character."""
    return character.isprintable() and bool(get_font(findfont(FONT)).get_char_index(ord(character)))


@cache
def advance(character: str) -> float:
    """The width of a character at size 1."""
    font = get_font(findfont(FONT))
    font.set_size(100, 72)
    return float(font.load_char(ord(character)).linearHoriAdvance) / 2**16 / 100


def width(text: str, size: float = 8) -> float:
    """The width of text in points."""
    return size * sum(map(advance, plain(text)))


def shortened(text: str, room: float, size: float = 8) -> str:
    """Shorten text to a width (points) by leaving out its middle."""
    text = plain(text)
    if len(text) <= LONGEST and width(text, size) <= room:
        return text
    kept = min(len(text), LONGEST)
    head, tail = text[: kept // 2], text[-(kept - kept // 2) :]
    while len(head) + len(tail) > 2 and width(head + "…" + tail, size) > room:
        head, tail = (head[:-1], tail) if len(head) > len(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def wrapped(text: str, room: float, size: float = 8) -> list[str]:
    """Break text into lines of a width (points), after a separator where there is one."""
    lines, line = [], ""
    # breaks waste a part of each line, so the text is shortened to 80 % of the room
    for c in shortened(text, 0.8 * LINES * room, size):
        if width(line + c, size) > room:
            cut = max(map(line.rfind, BREAKS)) + 1
            cut = cut if 3 * cut > len(line) else len(line)
            lines.append(line[:cut])
            line = line[cut:]
        line += c
    return [*lines, line]
