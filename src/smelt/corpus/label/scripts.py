"""What the script of a text says of its language, counted in characters.

Some scripts write one language, or all but: Hangul, kana, Thai, Greek, Georgian. Han with kana is Japanese, without it
Chinese. Latin, Cyrillic, Arabic, Devanagari, Bengali, Hebrew and Ethiopic write several, so here they say nothing.
"""

from __future__ import annotations

import re
from functools import cache

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
KANA = "\u3041-\u3096\u30a1-\u30fa"
"""Without the middle dot, which Chinese titles have too."""
SCRIPTS = {
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3",
    "th": "\u0e01-\u0e4e",
    "lo": "\u0e81-\u0ece",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "hy": "\u0531-\u0587",
    "ka": "\u10a0-\u10ff",
    "km": "\u1780-\u17dd",
    "my": "\u1000-\u109f",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "gu": "\u0a80-\u0aff",
    "pa": "\u0a00-\u0a7f",
    "or": "\u0b00-\u0b7f",
    "si": "\u0d80-\u0dff",
}
"""Characters by the language that they write (Unicode 16 blocks); minorities that share a script are not told apart."""
MOST = 0.5
"""The share of its letters from which on a text is of a script: a page in Thai holds English names and links."""
KANA_FROM = 0.05
"""The share of Han and kana that is kana, from which on they are Japanese: in running text it is half (taste)."""
SIMPLIFIED, TRADITIONAL = "Hans", "Hant"
READ_CHARS = 500
"""How much of a text says which Chinese script it is in."""

_HAN, _KANA, _LETTERS = (re.compile(found) for found in (f"[{HAN}]+", f"[{KANA}]+", r"[^\W\d_]+"))
_OTHERS = {language: re.compile(f"[{characters}]+") for language, characters in SCRIPTS.items()}
_ANY = re.compile(f"[{HAN}{KANA}{''.join(SCRIPTS.values())}]")


def language_of_script(text: str) -> tuple[str, float] | None:
    """The language that most letters of a text say by their script, and the share of those; None where they do not.

    >>> language_of_script("서울 is in Korea"), language_of_script("ソウルは韓国の首都"), language_of_script("Seoul")
    (None, ('ja', 1.0), None)
    """
    if not _ANY.search(text):
        return None
    letters = _count(_LETTERS, text)
    han, kana = _count(_HAN, text), _count(_KANA, text)
    shares = {"ja" if kana >= KANA_FROM * (han + kana) else "zh": han + kana}
    shares |= {language: _count(pattern, text) for language, pattern in _OTHERS.items()}
    best = max(shares, key=lambda language: shares[language])
    share = min(shares[best] / max(letters, 1), 1.0)  # vowel signs are no letters
    return (best, share) if shares[best] and share >= MOST else None


def chinese_script(text: str) -> str | None:
    """Hans or Hant, whichever has more characters of its own in a Chinese text; None where neither has any.

    >>> chinese_script("台湾的法律"), chinese_script("臺灣的法律"), chinese_script("人之初")
    ('Hans', 'Hant', None)
    """
    simplified, traditional = _own_characters()
    beginning = text[:READ_CHARS]
    n_simplified = sum(character in simplified for character in beginning)
    n_traditional = sum(character in traditional for character in beginning)
    if n_simplified == n_traditional:
        return None
    return SIMPLIFIED if n_simplified > n_traditional else TRADITIONAL


@cache
def _own_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Those of the mainland's standard (GB 2312) that Taiwan's (Big5) lacks, and the other way round."""
    han = [chr(code) for code in range(0x4E00, 0xA000)]
    mainland, taiwan = ({character for character in han if _is_in(character, name)} for name in ("gb2312", "big5"))
    return frozenset(mainland - taiwan), frozenset(taiwan - mainland)


def _is_in(character: str, encoding: str) -> bool:
    return bool(character.encode(encoding, errors="ignore"))


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(map(len, pattern.findall(text)))
