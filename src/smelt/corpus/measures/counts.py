"""The compiled pass that counts, in every document of a batch, all that a rule may ask for.

A document is cut into words, and all else is read off its words: a line is the words up to the next newline, a
paragraph the words up to the next blank line, an n-gram n words in a row (ngrams.py). What the counts mean is said in
measures.py.

    bytes -> split_words -> words: where, which characters, a 64-bit hash, how many newlines before
               |-> count_sign     symbols, damages and phrases, where one begins (symbols.py)
                              |-> count_words, count_lines
                              |-> count_duplicates   of lines and of paragraphs: equal where their words are
                              '-> count_grams        2-grams to 10-grams

Words, lines and paragraphs are compared by their hashes: two different ones pass for equal once in 2^64 comparisons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.characters import (
    BULLET,
    CLOSERS,
    FUNCTION,
    HIRAGANA,
    IDEOGRAPH,
    LETTER,
    MARK,
    PUNCTUATION,
    SCRIPT_SHIFT,
    SCRIPTS,
    SENTENCE_ENDS,
    SIGN,
    SPACE,
    TERMINAL,
    UNSPACED,
)
from smelt.corpus.measures.kernels import (
    BYTES,
    CLASSES,
    OFFSETS,
    SEED,
    Table,
    allocating,
    clear,
    compiled,
    decode,
    find_or_add,
    inner,
    last_character,
    longest_text,
    mix,
    new_table,
)
from smelt.corpus.measures.ngrams import MAX_GRAM, count_grams, room_for_grams
from smelt.corpus.measures.symbols import DOT, ELLIPSIS, count_sign

COUNTS = np.dtype(
    [
        ("words", np.int64),
        ("characters", np.int64),  # here and below: code points other than white space
        ("alpha_words", np.int64),
        ("ideographs", np.int64),
        ("stop_words", np.int64),
        ("punctuation", np.int64),
        ("function_characters", np.int64),
        ("hiragana", np.int64),
        ("unspaced", np.int64),
        ("scripts", np.int64, (len(SCRIPTS),)),  # letters of each
        ("garbled", np.int64),
        ("pinyin", np.int64),
        ("sentences", np.int64),
        ("lorem_ipsums", np.int64),
        ("replacements", np.int64),
        ("hashes", np.int64),
        ("ellipses", np.int64),
        ("curly_brackets", np.int64),
        ("newlines", np.int64),
        ("lines", np.int64),
        ("bullet_lines", np.int64),
        ("ellipsis_lines", np.int64),
        ("terminal_lines", np.int64),
        ("short_lines", np.int64),
        ("dup_lines", np.int64),
        ("dup_line_chars", np.int64),
        ("paragraphs", np.int64),
        ("dup_paragraphs", np.int64),
        ("dup_paragraph_chars", np.int64),
        ("gram_chars", np.int64, (MAX_GRAM + 1,)),  # by n; see ngrams.py
    ]
)
"""What is counted in a document."""
STOP_WORDS = tuple(int.from_bytes(word, "big") for word in b"the be to of and that have with".split())
"""Gopher's eight (Rae et al. 2021, section A.1.1), each as the number that its bytes spell."""
SHORT_LINE = 30  # characters, spaces included; FineWeb's (Penedo et al. 2024, section 3.6)

NEWLINE = ord("\n")
ENDS = tuple(ord(character) for character in SENTENCE_ENDS)
CLOSING = tuple(ord(character) for character in CLOSERS)
LATIN = SCRIPTS.index("LATIN")
LONE = IDEOGRAPH | UNSPACED
OUTSIDE, RUN, UNIT = 0, 1, 2
"""Where the scan stands: not in a word; in a run of characters; in a letter of UNSPACED, which only marks join."""
NEW_LINE, NEW_PARAGRAPH = 1, 2  # the newlines before a word that make it the first of one


class Words(NamedTuple):
    """The words of one document, in arrays long enough for the longest of the batch."""

    start: NDArray[np.int32]
    """The byte at which word j starts, ..."""
    end: NDArray[np.int32]
    """... and the byte after its last."""
    kinds: NDArray[np.uint16]
    """The classes of its characters, or-ed."""
    newlines: NDArray[np.int32]
    """Newlines between it and the word before."""
    chars_before: NDArray[np.int32]
    """Characters in all words before it."""
    hash: NDArray[np.uint64]


@allocating
def room_for_words(n: int) -> Words:
    """Arrays for n words."""
    places = np.empty((4, n), np.int32)
    return Words(places[0], places[1], np.empty(n, np.uint16), places[2], places[3], np.empty(n, np.uint64))


@inner
def split_words(text: NDArray[np.uint8], classes: NDArray[np.uint16], words: Words, counts: Any) -> int:
    """Fills `words`, and gives their number. A word is a run of characters without space, or one ideograph, or one
    letter of the scripts without spaces and its marks.

    Counts on the way what is told of characters one by one.
    """
    n = at = chars = newlines = kinds = punctuation = functions = hiragana = unspaced = latin = garbled_to = 0
    word_hash = SEED
    where = OUTSIDE
    scripts = counts.scripts
    while at < len(text):
        code, after = decode(text, at)
        kind = classes[code]
        if kind & SIGN:
            garbled_to = count_sign(text, at, code, classes, garbled_to, counts)
        if kind & SPACE:
            newlines += code == NEWLINE
            where = OUTSIDE
        else:
            if kind & LONE or where == OUTSIDE or (where == UNIT and not kind & MARK):
                words.start[n], words.newlines[n], words.chars_before[n] = at, newlines, chars
                n, newlines, kinds, word_hash = n + 1, 0, 0, SEED
                where = OUTSIDE if kind & IDEOGRAPH else UNIT if kind & UNSPACED else RUN
            chars += 1
            punctuation += kind & PUNCTUATION != 0
            functions += kind & FUNCTION != 0
            hiragana += kind & HIRAGANA != 0
            unspaced += kind & UNSPACED != 0
            script = kind >> SCRIPT_SHIFT
            if script == LATIN:
                latin += 1
            else:
                scripts[script] += 1
            kinds |= kind
            word_hash = mix(word_hash, np.uint64(code))
            words.end[n - 1], words.kinds[n - 1], words.hash[n - 1] = after, kinds, word_hash
        at = after
    words.chars_before[n] = chars
    scripts[LATIN] = latin
    counts.punctuation, counts.function_characters = punctuation, functions
    counts.hiragana, counts.unspaced = hiragana, unspaced
    return n


@inner
def count_words(text: NDArray[np.uint8], words: Words, n_words: int, counts: Any) -> None:
    """Words, their characters, those with a letter, ideographs, ends of sentences, and how many stop words occur."""
    alpha_words = ideographs = found = stop_words = sentences = 0
    for j in range(n_words):
        kinds = words.kinds[j]
        alpha_words += kinds & LETTER != 0
        if kinds & IDEOGRAPH:
            ideographs += 1
            continue
        found |= stop_word(text, words.start[j], words.end[j])
        if kinds & PUNCTUATION:
            sentences += ends_sentence(text, words.start[j], words.end[j])
    for bit in range(len(STOP_WORDS)):
        stop_words += found >> bit & 1
    counts.words, counts.characters = n_words, words.chars_before[n_words]
    counts.alpha_words, counts.ideographs, counts.stop_words = alpha_words, ideographs, stop_words
    counts.sentences = sentences


@inner
def stop_word(text: NDArray[np.uint8], start: int, end: int) -> int:
    """The bit of the stop word that these bytes spell, in small letters or capitals, or 0."""
    if end - start > 4:
        return 0
    spelled = 0
    for at in range(start, end):
        spelled = spelled << 8 | (text[at] | 0x20)  # makes a capital small, and turns nothing else into a letter
    for bit in range(len(STOP_WORDS)):
        if STOP_WORDS[bit] == spelled:
            return 1 << bit
    return 0


@inner
def ends_sentence(text: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether a word ends a sentence, quotation marks and brackets behind it aside."""
    while end > start:
        code = last_character(text, end)
        if code in ENDS:
            return True
        if code not in CLOSING:
            return False
        end -= 1
        while text[end] & 0xC0 == 0x80:
            end -= 1
    return False


@inner
def count_lines(text: NDArray[np.uint8], classes: NDArray[np.uint16], words: Words, n_words: int, counts: Any) -> None:
    """Newlines between words, and the lines that start with a bullet, end in an ellipsis or a sentence, are short."""
    newlines = bullets = ellipses = terminals = shorts = length = 0
    for j in range(n_words):
        if j == 0 or words.newlines[j] >= NEW_LINE:
            newlines += words.newlines[j] if j > 0 else 0
            bullets += classes[decode(text, words.start[j])[0]] & BULLET != 0
            length = 0
        else:
            length += words.start[j] > words.end[j - 1]  # the space before it, if there is one
        length += words.chars_before[j + 1] - words.chars_before[j]
        if j + 1 == n_words or words.newlines[j + 1] >= NEW_LINE:
            last = last_character(text, words.end[j])
            ellipses += last == ELLIPSIS or ends_in_dots(text, words.end[j])
            terminals += classes[last] & TERMINAL != 0
            shorts += length <= SHORT_LINE
    counts.newlines, counts.bullet_lines, counts.ellipsis_lines = newlines, bullets, ellipses
    counts.terminal_lines, counts.short_lines = terminals, shorts


@inner
def ends_in_dots(text: NDArray[np.uint8], end: int) -> bool:
    """Whether the three bytes before `end` are dots."""
    return end >= 3 and text[end - 1] == DOT and text[end - 2] == DOT and text[end - 3] == DOT


@inner
def count_repetition(words: Words, n_words: int, table: Table, counts: Any) -> None:
    """Lines and paragraphs, and those that repeat an earlier one."""
    counts.lines, counts.dup_lines, counts.dup_line_chars = count_duplicates(words, n_words, NEW_LINE, table)
    paragraphs = count_duplicates(words, n_words, NEW_PARAGRAPH, table)
    counts.paragraphs, counts.dup_paragraphs, counts.dup_paragraph_chars = paragraphs


@inner
def count_duplicates(words: Words, n_words: int, newlines: int, table: Table) -> tuple[int, int, int]:
    """Of the runs of words that so many newlines part: how many, how many equal an earlier one, their characters."""
    n = duplicates = chars = first = 0
    mask = clear(table, n_words)
    run_hash = SEED
    for j in range(n_words):
        run_hash = mix(run_hash, words.hash[j])
        if j + 1 == n_words or words.newlines[j + 1] >= newlines:
            if find_or_add(table, mask, run_hash, n) != n:
                duplicates += 1
                chars += words.chars_before[j + 1] - words.chars_before[first]
            n, first, run_hash = n + 1, j + 1, SEED
    return n, duplicates, chars


@compiled(types.void(BYTES, OFFSETS, CLASSES, numba.from_dtype(COUNTS)[::1], types.boolean))
def count_batch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    classes: NDArray[np.uint16],
    counts: NDArray[np.void],
    as_datatrove: bool,
) -> None:
    """Fills `counts` (n,) of COUNTS for the n documents `data[offsets[d]:offsets[d + 1]]`."""
    # At most every second byte starts a word. Memory is taken from the machine only as it is written to.
    most_words = longest_text(offsets) // 2 + 2
    words = room_for_words(most_words)
    grams = room_for_grams(most_words)
    table = new_table(most_words)
    for d in range(len(counts)):
        text = data[offsets[d] : offsets[d + 1]]
        n_words = split_words(text, classes, words, counts[d])
        count_words(text, words, n_words, counts[d])
        count_lines(text, classes, words, n_words, counts[d])
        count_repetition(words, n_words, table, counts[d])
        count_grams(words.hash[:n_words], words.chars_before, grams, table, counts[d].gram_chars, as_datatrove)
