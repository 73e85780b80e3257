"""What the parser knows of HTML: element names, what kind each is, character references, as tables compiled code reads.

A name stands for its place in `TAGS`; 0 is an element that is not listed. Which elements hold nothing, which hold raw
text and which may be left open is the HTML standard's (WHATWG, sections 13.1.2 and 13.2.6); which break lines follows
its default style sheet (section 15.3), with `option` and `button`-like containers treated by what they look
like on a page.
"""

from __future__ import annotations

import html.entities

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import inner

BLOCKS = [
    "html",
    "head",
    "body",
    "div",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "tbody",
    "thead",
    "tfoot",
    "tr",
    "td",
    "th",
    "caption",
    "nav",
    "header",
    "footer",
    "aside",
    "article",
    "main",
    "section",
    "form",
    "fieldset",
    "legend",
    "figure",
    "figcaption",
    "blockquote",
    "pre",
    "address",
    "center",
    "details",
    "summary",
    "dialog",
    "hgroup",
    "menu",
    "hr",
    "option",
    "video",
    "audio",
    "title",
]
VOIDS = ["br", "img", "input", "link", "meta", "area", "base", "col", "embed", "param", "source", "track", "wbr"]
RAWS = ["script", "style", "textarea", "iframe", "noembed", "noframes", "xmp"]
SKIPPED = ["noscript", "svg", "template", "select", "canvas", "math", "object"]
"""What they hold is not shown, or is no text."""
INLINES = [
    "span",
    "a",
    "b",
    "i",
    "em",
    "strong",
    "u",
    "small",
    "sub",
    "sup",
    "font",
    "time",
    "button",
    "label",
    "code",
    "kbd",
    "samp",
    "tt",
    "abbr",
    "cite",
    "q",
    "s",
    "del",
    "ins",
    "mark",
    "var",
]
TAGS = ("", *BLOCKS, *VOIDS, *RAWS, *SKIPPED, *INLINES)
TAG = {name: number for number, name in enumerate(TAGS)}

BLOCK, VOID, RAW, SKIP = 1, 2, 4, 8
"""Bits of an element's kind."""
TAG_KINDS = np.zeros(len(TAGS), np.uint8)
for _names, _bit in ((BLOCKS, BLOCK), (VOIDS, VOID), (("hr",), VOID), (RAWS, RAW), (("title",), RAW), (SKIPPED, SKIP)):
    TAG_KINDS[[TAG[name] for name in _names]] |= _bit

STRONG, EMPHASIS, CODE, PRE, HIDDEN = 1, 2, 4, 8, 16
"""Bits of how text in an element looks; inherited."""
TAG_STYLES = np.zeros(len(TAGS), np.uint8)
for _names, _bit in (("b strong", STRONG), ("i em", EMPHASIS), ("code kbd samp tt", CODE), ("pre", PRE)):
    TAG_STYLES[[TAG[name] for name in _names.split()]] |= _bit

FNV_BASIS, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
LOWER = np.arange(256, dtype=np.uint8)
LOWER[ord("A") : ord("Z") + 1] += 32
IS_SPACE = np.zeros(256, np.bool_)
IS_SPACE[list(b" \t\n\f\r")] = True


def name_hash(name: str) -> int:
    """FNV-1a of the bytes of a name."""
    state = int(FNV_BASIS)
    for byte in name.encode():
        state = (state ^ byte) * int(FNV_PRIME) % 2**64
    return state


def _table(numbers: dict[str, int], n_slots: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    keys, values = np.zeros(n_slots, np.uint64), np.zeros(n_slots, np.int32)
    for name, number in numbers.items():
        slot = name_hash(name) % n_slots
        while keys[slot]:
            slot = (slot + 1) % n_slots
        keys[slot], values[slot] = name_hash(name), number
    return keys, values


CLASS, ID, ROLE, ITEMPROP, STYLE, HIDDEN_ATTRIBUTE, ARIA_HIDDEN, TESTID, ARIA_LABEL, HREF = range(1, 11)
ATTRIBUTES = dict(
    zip(
        ["class", "id", "role", "itemprop", "style", "hidden", "aria-hidden", "data-testid", "aria-label", "href"],
        range(1, 11),
        strict=True,
    )
)
TAG_KEYS, TAG_NUMBERS = _table({name: number for name, number in TAG.items() if name}, 512)
ATTRIBUTE_KEYS, ATTRIBUTE_NUMBERS = _table(ATTRIBUTES, 64)
ENTITY_KEYS, ENTITY_CODES = _table(
    {name: ord(text) for name, text in html.entities.html5.items() if len(text) == 1}, 8192
)
"""Of the named references, those for one character: the hundred for two stay as they are written."""
LONGEST_ENTITY = 32
WINDOWS_1252 = np.array([ord(bytes([c]).decode("cp1252", "replace")) for c in range(0x80, 0xA0)], np.int32)
"""What references to control characters stand for (WHATWG, 13.2.5.80)."""
REPLACEMENT = 0xFFFD


@inner
def find_name(keys: NDArray[np.uint64], values: NDArray[np.int32], key: np.uint64) -> int:
    """The number kept for a name's hash, 0 where there is none."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + np.uint64(1)) & mask
    return 0


@inner
def is_letter(byte: int) -> bool:
    """Whether a byte is an ASCII letter."""
    return 97 <= (byte | 32) <= 122


@inner
def is_digit(byte: int) -> bool:
    """Whether a byte is an ASCII digit."""
    return 48 <= byte <= 57
