"""What a character is, as tables over all of Unicode that compiled code can index.

`character_classes` says of each code point whether it is white space, a letter, a word of its own, a bullet, the end of
a line of prose, punctuation, or a function word, and which script it belongs to. `normal_forms` says what each becomes
when texts are compared for being the same: compatibility forms unified, case folded, accents, punctuation and symbols
gone.

Both come from Python's own Unicode tables, so they follow the Python version: a letter that Unicode adds next year is
a symbol until then.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SPACE, LETTER, IDEOGRAPH, BULLET, TERMINAL, PUNCTUATION, FUNCTION = 1, 2, 4, 8, 16, 32, 64
"""Bits of a character's class: as `str.isspace`, as `str.isalpha`, in IDEOGRAPHS, in BULLETS, in TERMINALS, of
Unicode's categories P and S, in FUNCTION_CHARACTERS."""
UNSPACED, MARK, HIRAGANA, SIGN = 128, 256, 512, 1024
"""More of them: a letter in UNSPACED_BLOCKS, of Unicode's category M, hiragana, in SIGNS."""
SCRIPT_SHIFT = 12
"""The four bits from here on are the number of a letter's script in SCRIPTS; 0 for what is no letter."""

IDEOGRAPHS = (
    (0x3005, 0x3007),  # 々〆〇
    (0x3041, 0x30FF),  # hiragana and katakana
    (0x31F0, 0x31FF),  # small katakana
    (0x3400, 0x4DBF),  # Han: extension A,
    (0x4E00, 0x9FFF),  # the common ones,
    (0xF900, 0xFAFF),  # compatibility forms,
    (0xFF66, 0xFF9F),  # (half-width katakana)
    (0x20000, 0x33479),  # extensions B to J
)
"""First and last code points of Han and kana: written without spaces, each is counted as a word."""
UNSPACED_BLOCKS = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
)
"""Letters written without spaces: each is counted as a word, together with the marks upon it."""
SCRIPTS = (
    *("", "LATIN", "CJK", "HANGUL", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL"),
    *("THAI", "ARMENIAN", "GEORGIAN", "ETHIOPIC", "OTHER"),
)
"""Scripts told apart, by a word in the names that Unicode gives to their letters; Han and kana are one, CJK."""
BULLETS = "-*•‣▶◀◦■□▪▫–●·"  # those of datatrove, dolma and RedPajama together, and two more of Chinese pages
TERMINALS = ".!?\"'”’»…。！？」』"  # C4's: period, exclamation mark, question mark, end quotation mark; and their like
SENTENCE_ENDS = ".!?…。！？"
CLOSERS = "\"'”’»」』)）]"
"""What may stand behind the end of a sentence."""
FUNCTION_CHARACTERS = "的了是在和有不这我们之其以而为与于也者所就都要"
"""Characters that write the function words of modern and classical Chinese: half a text without them is a list."""
TONED = "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ"
"""Letters of pinyin that carry a tone."""
SIGNS = "#{.…\ufffd(（mMÂÃâï锟烫屯锛銆"
"""What symbols.py looks at closely: how a symbol, a damage or a phrase that is counted begins, or (m) ends."""
N_CODES = 0x110000
LAST_USED = 0x33FFF  # beyond are only marks, format characters and private use: no class, no normal form


class NormalForms(NamedTuple):
    """What each code point becomes: `utf8[start[c]:start[c + 1]]` for code point c."""

    utf8: NDArray[np.uint8]
    start: NDArray[np.int32]
    growth: int
    """No text grows by more than this factor, in bytes."""


@cache
def character_classes() -> NDArray[np.uint16]:
    """The class of every code point, read-only: (N_CODES,) bits of SPACE, LETTER and so on, and the script."""
    classes = np.zeros(N_CODES, np.uint16)
    for code in range(LAST_USED + 1):
        classes[code] = _unicode_class(chr(code))
    for first, last in IDEOGRAPHS:
        classes[first : last + 1] |= IDEOGRAPH
    for first, last in UNSPACED_BLOCKS:
        classes[first : last + 1] |= UNSPACED * (classes[first : last + 1] & LETTER != 0).astype(np.uint16)
    for characters, kind in ((BULLETS, BULLET), (TERMINALS, TERMINAL), (FUNCTION_CHARACTERS, FUNCTION), (SIGNS, SIGN)):
        classes[[ord(character) for character in characters]] |= kind
    classes.flags.writeable = False
    return classes


def script_of(letter: str) -> int:
    """The number of a letter's script in SCRIPTS.

    >>> [SCRIPTS[script_of(letter)] for letter in "aж中の1"]
    ['LATIN', 'CYRILLIC', 'CJK', 'CJK', '']
    """
    if not letter.isalpha():
        return 0
    code = ord(letter)
    if any(first <= code <= last for first, last in IDEOGRAPHS):
        return SCRIPTS.index("CJK")
    words = unicodedata.name(letter, "").replace("-", " ").split()
    return next((SCRIPTS.index(word) for word in words if word in SCRIPTS), SCRIPTS.index("OTHER"))


def _unicode_class(character: str) -> int:
    category = unicodedata.category(character)
    kind = SPACE * character.isspace() | LETTER * character.isalpha() | MARK * (category[0] == "M")
    kind |= PUNCTUATION * (category[0] in "PS") | HIRAGANA * ("\u3041" <= character <= "\u309f")
    return kind | script_of(character) << SCRIPT_SHIFT


@cache
def normal_forms() -> NormalForms:
    """The normal form of every code point, with spaces around those that are words of their own."""
    return _forms(normal_form)


@cache
def word_forms() -> NormalForms:
    """The form of every code point in which words of lists are looked for."""
    return _forms(word_form)


def _forms(form_of: Callable[[str], str]) -> NormalForms:
    forms = [form_of(chr(code)).encode() for code in range(LAST_USED + 1)]
    start = np.zeros(N_CODES + 1, np.int32)
    start[1 : len(forms) + 1] = np.cumsum([len(form) for form in forms])
    start[len(forms) + 1 :] = start[len(forms)]
    growth = max(-(-len(form) // len(chr(code).encode(errors="surrogatepass"))) for code, form in enumerate(forms))
    utf8 = np.frombuffer(b"".join(forms), np.uint8)
    start.flags.writeable = False
    return NormalForms(utf8, start, growth)


def normal_form(character: str) -> str:
    """NFKD and case folding, then no marks, punctuation, symbols or control characters; white space as a space.

    >>> [normal_form(character) for character in "É½ß,中"]
    ['e', '12', 'ss', '', ' 中 ']
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(_kept(part) for part in folded)


def word_form(character: str) -> str:
    """NFKC and case folding, no format characters such as zero-width spaces, and a space for all that writes no word;
    spaces around characters that are words of their own, and before letters that are.

    >>> [word_form(character) for character in "ＡÉ\u200b,中"]
    ['a', 'é', '', ' ', ' 中 ']
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    return "".join(_in_word(part) for part in folded)


def _in_word(character: str) -> str:
    category, kind = unicodedata.category(character), int(character_classes()[ord(character)])
    if category == "Cf":
        return ""
    if category[0] not in "LMN" and character != "&":  # s&m is a word, and "it's me" does not hold it
        return " "
    return f" {character} " if kind & IDEOGRAPH else f" {character}" if kind & UNSPACED else character


def _kept(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character)[0] in "MPSC":
        return ""
    return f" {character} " if character_classes()[ord(character)] & IDEOGRAPH else character
