"""A page as the parser leaves it: elements, pieces of text, and blocks, as arrays of records in document order.

    <ul><li>Heat the <b>ore</b><li>Pour</ul>

    elements   0 the page   1 ul   2 li   3 b   4 li           each with its parent: an approximate tree
    pieces     "Heat the " in 2, "ore" in 3, "Pour" in 4       spans of the page's bytes, and the breaks between them
    blocks     pieces 0 and 1 in element 2, piece 2 in 4       what is shown as a paragraph: runs of pieces that no
                                                               element which breaks lines interrupts

Bounds: an element, and a break, take a `<` of their own, and a run of text lies between two of them; so a page with k
of them has at most k + 1 elements (the page itself is one), 2 k + 1 pieces and as many blocks. A token of a class or an
id takes two letters and what ends it, or is the only one of its element; a word takes a byte, and something between it
and the next unless that is a character of three bytes. `Room` allocates that much and no more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

MAX_DEPTH = 256
"""Elements inside one another: deeper ones are taken for children of the last. Browsers stop at 512; of 4,917 real
pages none goes beyond 200."""
MAX_BYTES = 64 * 2**20
MAX_MARKUP = 2_000_000
"""Tags and comments in one page. With `MAX_BYTES` it bounds what a page takes: about 1 GiB, and seconds."""
MAX_BLOCKS = 100_000
"""Blocks in one page: 80 MB of features. The largest real page at hand has 10,000."""

ELEMENT = np.dtype(
    [
        ("tag", np.int32),
        ("parent", np.int32),
        ("depth", np.int32),
        ("style", np.int32),  # STRONG, EMPHASIS and so on, inherited
        ("link", np.int32),  # the innermost link around it, itself included; 0 where there is none
        ("first_token", np.int32),
        ("class_at", np.int32),
        ("class_end", np.int32),
        ("href_at", np.int32),
        ("href_end", np.int32),
    ]
)
PIECE = np.dtype([("start", np.int32), ("end", np.int32), ("element", np.int32)])
"""A break has no bytes: it starts and ends at 0."""
BLOCK = np.dtype(
    [
        ("element", np.int32),
        ("first_piece", np.int32),
        ("first_word", np.int32),
        ("words", np.int32),
        ("chars", np.int32),  # other than white space
        ("link_words", np.int32),
        ("link_chars", np.int32),
        ("strong_chars", np.int32),
        ("commas", np.int32),
        ("sentence_ends", np.int32),
        ("digits", np.int32),
        ("capitals", np.int32),  # words that begin with one
        ("beyond_ascii", np.int32),  # characters
        ("own_words", np.int32),  # characters that are words by themselves
        ("links", np.int32),
        ("breaks", np.int32),
        ("first", np.int32),  # code points, of the first and of the last character
        ("last", np.int32),
        ("hash", np.uint64),  # of its words
    ]
)
STATE = np.dtype(
    [
        ("elements", np.int64),
        ("tokens", np.int64),
        ("pieces", np.int64),
        ("blocks", np.int64),
        ("words", np.int64),
        ("depth", np.int64),  # elements that are open
        ("links", np.int64),  # of them, links
        ("skipped_from", np.int64),  # the depth from which on nothing is shown; 0: all is
        ("is_open", np.int64),  # whether text goes on in the last block
    ]
)
ELEMENTS, PIECES, RECORDS, STATES = (types.Array(from_dtype(dtype), 1, "C") for dtype in (ELEMENT, PIECE, BLOCK, STATE))
"""Numba's types of them; `RECORDS` are blocks."""


class Page(NamedTuple):
    """What the parser reads, and where it writes."""

    data: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    elements: Any
    tokens: NDArray[np.uint32]
    """Hashes of the words in classes, ids and their like."""
    pieces: Any
    blocks: Any
    words: NDArray[np.uint32]
    """Hashes of the words of all blocks, in order."""
    stack: NDArray[np.int32]
    """The elements that are open, ..."""
    open_tags: NDArray[np.int32]
    """... and the tags that they still count as."""
    state: Any


class Room:
    """Arrays that hold any page up to a size; kept from page to page, since fresh memory costs more than parsing."""

    def __init__(self) -> None:
        self.n_bytes = self.n_markup = -1
        self.state = np.zeros(1, STATE)
        self.reserve(1 << 20, 1 << 14)

    def reserve(self, n_bytes: int, n_markup: int) -> None:
        """Makes room for a page of so many bytes, with so many `<`."""
        if n_markup > self.n_markup:
            self.n_markup = n_markup + n_markup // 4
            self.elements = np.empty(self.n_markup + 2, ELEMENT)
            self.pieces = np.empty(2 * self.n_markup + 3, PIECE)
            self.blocks = np.empty(2 * self.n_markup + 3, BLOCK)
        if n_bytes > self.n_bytes or len(self.tokens) < self.n_bytes // 3 + self.n_markup + 2:
            self.n_bytes = max(n_bytes + n_bytes // 4, self.n_bytes)
            self.tokens = np.empty(self.n_bytes // 3 + self.n_markup + 2, np.uint32)
            self.words = np.empty(self.n_bytes // 2 + 2, np.uint32)
