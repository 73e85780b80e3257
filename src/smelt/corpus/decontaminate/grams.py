"""The compiled part of decontamination: texts to tokens, and the n-grams of documents looked up in an index.

A token is a run of letters in its normal form (see duplicates/normalise.py: case, accents and punctuation do not
count), one Han or kana character, or one digit. Digits are the same in every script: ٣, ３, ③ and 三 are 3.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.characters import IDEOGRAPH, LAST_USED, N_CODES, character_classes, normal_forms
from smelt.corpus.measures.kernels import BYTES, CLASSES, OFFSETS, SEED, compiled, decode, inner, mix

SHORTEST, LONGEST = 5, 8
"""Tokens in an n-gram: as many as tell about five words' worth, so 5 of English and 8 of Chinese (taste)."""
WORD, IDEOGRAM, FIGURE = 100, 60, 25
"""How much a token tells, in hundredths of a word: a Chinese word has about 1.6 characters, and a digit is one of ten
(taste)."""
CHINESE_DIGITS = "〇一二三四五六七八九"
BLANK = ord(" ")
NO_DIGIT = 255

CODES = types.Array(types.int32, 1, "C", readonly=True)
KEYS = types.Array(types.uint64, 1, "C", readonly=True)
TABLES = (BYTES, CODES, BYTES, CLASSES)


class Tokens(NamedTuple):
    """The tokens of a batch of texts, end to end."""

    hash: NDArray[np.uint64]
    weight: NDArray[np.uint8]
    """WORD, IDEOGRAM or FIGURE."""
    start: NDArray[np.int64]
    """The byte of its text at which a token starts, ..."""
    end: NDArray[np.int64]
    """... and the byte after its last."""
    first: NDArray[np.int64]
    """The first token of each text, and behind them the number of all: (n + 1,)."""


@cache
def digits() -> NDArray[np.uint8]:
    """What each code point is as a digit, or NO_DIGIT: (N_CODES,)."""
    table = np.full(N_CODES, NO_DIGIT, np.uint8)
    for code in range(LAST_USED + 1):
        value = unicodedata.digit(chr(code), NO_DIGIT)
        table[code] = value
    for value, character in enumerate(CHINESE_DIGITS):
        table[ord(character)] = value
    table[ord("零")] = 0
    table.flags.writeable = False
    return table


def tokenise(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Tokens:
    """The tokens of every text."""
    forms = normal_forms()
    room = int(offsets[-1] - offsets[0]) + 1
    hashes, weights, places = np.empty(room, np.uint64), np.empty(room, np.uint8), np.empty((2, room), np.int64)
    first = np.zeros(len(offsets), np.int64)
    tables = forms.utf8, forms.start, digits(), character_classes()
    tokenise_batch(data, offsets, *tables, hashes, weights, places, first)
    n = int(first[-1])
    return Tokens(hashes[:n], weights[:n], places[0, :n], places[1, :n], first)


@inner
def tokenise_text(
    text: NDArray[np.uint8],
    utf8: NDArray[np.uint8],
    form_start: NDArray[np.int32],
    digit: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    hashes: NDArray[np.uint64],
    weights: NDArray[np.uint8],
    places: NDArray[np.int64],
    n: int,
) -> int:
    """Writes a text's tokens from number `n` on, and gives the number behind its last."""
    at, inside = 0, False
    while at < len(text):
        code, after = decode(text, at)
        value = digit[code]
        if value != NO_DIGIT:
            hashes[n], weights[n] = mix(SEED, np.uint64(value + 1)), FIGURE
            places[0, n], places[1, n] = at, after
            n, inside = n + 1, False
        else:
            for part in range(form_start[code], form_start[code + 1]):
                byte = utf8[part]
                if byte == BLANK:
                    inside = False
                else:
                    if not inside:
                        hashes[n], places[0, n] = SEED, at
                        weights[n] = IDEOGRAM if classes[code] & IDEOGRAPH else WORD
                        n, inside = n + 1, True
                    hashes[n - 1], places[1, n - 1] = mix(hashes[n - 1], np.uint64(byte)), after
        at = after
    return n


@compiled(
    types.void(BYTES, OFFSETS, *TABLES, types.uint64[::1], types.uint8[::1], types.int64[:, ::1], types.int64[::1])
)
def tokenise_batch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    utf8: NDArray[np.uint8],
    form_start: NDArray[np.int32],
    digit: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    hashes: NDArray[np.uint64],
    weights: NDArray[np.uint8],
    places: NDArray[np.int64],
    first: NDArray[np.int64],
) -> None:
    """Fills the arrays for all texts; `first[d + 1]` is the number behind the d-th text's last token."""
    for d in range(len(offsets) - 1):
        text = data[offsets[d] : offsets[d + 1]]
        first[d + 1] = tokenise_text(text, utf8, form_start, digit, classes, hashes, weights, places, first[d])


@compiled(types.void(KEYS, types.int64, types.uint64[::1]))
def gram_hashes(tokens: NDArray[np.uint64], n: int, grams: NDArray[np.uint64]) -> None:
    """The hashes of all n-grams of one text: (len(tokens) - n + 1,). Of different n they differ."""
    for i in range(len(tokens) - n + 1):
        state = SEED
        for j in range(i, i + n):
            state = mix(state, tokens[j])
        grams[i] = state


@compiled(types.int64(KEYS, OFFSETS, KEYS, types.int64, BYTES, types.int64[:, ::1]))
def find_grams(
    tokens: NDArray[np.uint64],
    first: NDArray[np.int64],
    keys: NDArray[np.uint64],
    shift: int,
    bits: NDArray[np.uint8],
    found: NDArray[np.int64],
) -> int:
    """Looks up all n-grams of all texts in sorted `keys`: rows (text, token, n, place in keys); gives how many.

    `bits` holds a one for the top bits of every key, so that nearly all n-grams are told to be none at once. Rows
    beyond the room in `found` are counted and not written.
    """
    n_found = 0
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            state = SEED
            for j in range(i, min(i + LONGEST, first[d + 1])):
                state = mix(state, tokens[j])
                n = j - i + 1
                if n >= SHORTEST:
                    slot = state >> np.uint64(shift)
                    if bits[slot >> np.uint64(3)] >> np.uint8(slot & np.uint64(7)) & 1:
                        place = np.searchsorted(keys, state)
                        if place < len(keys) and keys[place] == state:
                            if n_found < len(found):
                                found[n_found, 0], found[n_found, 1] = d, i
                                found[n_found, 2], found[n_found, 3] = n, place
                            n_found += 1
    return n_found
