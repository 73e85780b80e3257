"""Damaged text made whole: mojibake, invisible characters, line ends, and readings left behind Chinese characters.

What is done, in this order; each is counted, and a text that needs none comes back byte for byte:

    mojibake      UTF-8 that was read as another encoding, by ftfy (Speer 2019), in lines that look like it only; and
                  GBK that was read as Latin-1, where all of it becomes common Chinese characters
    entities      `&amp;nbsp;`, `&rsquo;`: those of text; never `&lt;`, which texts on markup mean as it stands
    line ends     CR, CR LF, NEL and the Unicode separators become LF
    controls      all but tab and line feed go
    invisible     zero-width and bidi characters go, except where a script needs them: ZWNJ in Persian, ZWJ in Indic
                  and emoji, ZWSP in Khmer, marks of direction in texts with right-to-left letters (never overrides,
                  which show another text than there is: Boucher and Anderson 2021)
    composition   NFC: one form for what looks the same. Never NFKC, which changes what is said: x² becomes x2, ①
                  becomes 1, and half of Chinese punctuation turns into ASCII
    readings      構(gòu)建 becomes 构建: copies of simplified text in which single characters were made traditional
                  with their reading behind them, against copying

A reading is taken out only where the damage is certain: the character is traditional and what stands in brackets is a
reading of it, several times in a text whose other characters are simplified. 乾（qián） in a text on the Book of
Changes stays.
"""

from __future__ import annotations

import html as entities
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import polars as pl
from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad
from pydantic import Field

from smelt.corpus.document import Drop, Op, drop_each, is_kept
from smelt.corpus.measures.measure import MEASURES

MAX_DAMAGED = 0.01
"""Share of characters that are lost: one in a hundred is a word in every paragraph (taste)."""
READINGS = 2
"""Readings behind traditional characters that a text must have before any is taken out (taste)."""
SIMPLIFIED = 0.9
"""Of all other characters that differ between the scripts, the share that must be simplified (taste)."""

LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")
INVISIBLE = re.compile(
    "[\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
JOINED = "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefc"
"""Scripts whose letters change with their neighbours: Arabic, Syriac, Indic, Tibetan, Burmese, Khmer, Mongolian."""
EMOJI = "\u00a9\u00ae\u203c-\u205f\u2070-\u3299\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f"
SCRIPTS = {
    "\u200b": re.compile("[\u0e00-\u109f\u1780-\u17ff\u1980-\u19df]"),
    "\u200c": re.compile(f"[{JOINED}]"),
    "\u200d": re.compile(f"[{JOINED}{EMOJI}]"),
}
"""What a zero-width space, non-joiner or joiner must stand beside to be kept."""
MAY_NEED = re.compile(f"[{JOINED}{EMOJI}\u0590-\u109f\u1780-\u17ff\u1980-\u19df\ufb1d-\ufdff]")
"""What a text must have for any invisible character to be needed in it; a quick test."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]*$")
"""The flags of Scotland and Wales are written in tag characters, which hide text elsewhere."""

MAY_BE_MOJIBAKE = re.compile("[\x80-\u024f\u0370-\u04ff\u2500-\u259f][^\x00-\x7f]|[^\x00-\x7f][\x80-\u024f]|[ÃÂ] |â€")
"""What all mojibake has; a quick test, since almost no text is any."""
LATIN = re.compile("[\xa1-\xfe]{4,}")
"""GBK read as Latin-1: two characters and more, each of two bytes."""
FIXES = TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False)
ENTITY = re.compile(
    r"&(?:amp;)+(?:#\d{2,5}|#x[0-9a-f]{2,4}|[a-z]{2,8});"
    r"|&(?:nbsp|quot|[lr][sd]quo|[mn]dash|hellip|middot|bull|[aeiou](?:acute|grave|circ|uml)|#39|#8(?:2\d\d));",
    re.IGNORECASE,
)
LOST = re.compile("\ufffd|[锟斤拷]{3,}|(?:烫烫)+|(?:屯屯)+")
"""What stands for characters that are gone: the mark itself, two of it read as GBK, and uninitialised memory in GBK."""
READING = re.compile(r"([\u3400-\u9fff])[(（]([a-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹ]{1,6})[)）]")


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text made whole."""

    text: str
    edits: int
    """Places that were changed; a line of mojibake is one."""

    def then(self, text: str, edits: int) -> Repaired:
        """After more edits."""
        return Repaired(text, self.edits + edits)


class Repair(Op):
    """Repairs damaged text, the number of edits in `repaired`; drops what is beyond repair as `repair.damaged`."""

    op: ClassVar[str] = "repair"
    version: ClassVar[int] = 2
    max_damaged: float = Field(MAX_DAMAGED, ge=0, le=1)
    """Share of characters that are lost for good, above which a document is dropped."""

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with its texts repaired, counted or dropped; pages in HTML are left until they are text."""
        is_text = is_kept() & (pl.col("format") != "html")
        texts = batch.select(pl.when(is_text).then("text")).to_series()
        repaired = [None if text is None else repair(text) for text in texts]
        new = pl.Series("text", [None if one is None else one.text for one in repaired], pl.String)
        edits = pl.Series("repaired", [None if one is None else one.edits for one in repaired], pl.Int64)
        batch = drop_each(batch, [None if one is None else self._drop(one.text) for one in repaired])
        text = pl.when(is_kept()).then(pl.coalesce(pl.lit(new), "text")).otherwise("text")
        return batch.drop(MEASURES, strict=False).with_columns(text=text, repaired=edits)

    def _drop(self, text: str) -> Drop | None:
        damaged = damaged_share(text)
        if damaged <= self.max_damaged:
            return None
        return Drop("repair.damaged", damaged, self.max_damaged, "characters are lost")


def repair(text: str) -> Repaired:
    """A text made whole, and how many places were changed.

    >>> repair("The Mona Lisa doesnâ€™t have eyebrows.\\r\\n")
    Repaired(text='The Mona Lisa doesn’t have eyebrows.\\n', edits=2)
    >>> repair("在構(gòu)建大模型时，數(shù)据的质量很重要").text
    '在构建大模型时，数据的质量很重要'
    """
    done = Repaired(text, 0)
    if not text.isascii():
        done = _without_surrogates(done)
        done = _without_mojibake(done)
    for step in (_entities, _line_ends):
        done = step(done)
    done = done.then(*CONTROL.subn("", done.text))
    if done.text.isascii():
        return done
    return _without_readings(_composed(_without_invisible(done)))


def damaged_share(text: str) -> float:
    """The share of a text's characters that are lost for good."""
    if text.isascii() or not text:
        return 0.0
    return sum(len(lost[0]) for lost in LOST.finditer(text)) / len(text)


def reading_share(text: str) -> float:
    """Characters with their reading in brackets, right or wrong, over all Chinese characters.

    >>> reading_share("在構(gòu)建")
    0.3333333333333333
    """
    characters = len(re.findall(r"[\u3400-\u9fff]", text))
    return len(READING.findall(text)) / characters if characters else 0.0


def _without_surrogates(done: Repaired) -> Repaired:
    """Pairs joined, and halves marked as lost: neither can be written as UTF-8."""
    halves = len(re.findall("[\ud800-\udfff]", done.text))
    if not halves:
        return done
    return done.then(done.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), halves)


def _without_mojibake(done: Repaired) -> Repaired:
    if not MAY_BE_MOJIBAKE.search(done.text) or not (is_bad(done.text) or LATIN.search(done.text)):
        return done
    lines = done.text.split("\n")
    fixed = [_line_without_mojibake(line) for line in lines]
    edits = sum(old != new for old, new in zip(lines, fixed, strict=True))
    return done.then("\n".join(fixed), edits) if edits else done


def _line_without_mojibake(line: str) -> str:
    fixed = LATIN.sub(_chinese, line)
    return fix_encoding(fixed, FIXES) if is_bad(fixed) else fixed


def _chinese(match: re.Match[str]) -> str:
    """What Latin-1 was as GBK, if that is nothing but common characters: rows 16 to 55 of GB 2312, and punctuation."""
    raw = match[0].encode("latin-1")
    leads, is_varied = raw[::2], len(set(raw)) > 2  # ×××× stands for digits that were left out
    is_common = all(0xB0 <= lead <= 0xD7 or lead in (0xA1, 0xA3) for lead in leads) and max(leads) >= 0xB0
    with suppress(UnicodeDecodeError):  # what is valid UTF-8 is UTF-8, and ftfy's
        raw.decode()
        return match[0]
    try:
        return raw.decode("gb2312") if is_common and is_varied and len(raw) % 2 == 0 else match[0]
    except UnicodeDecodeError:
        return match[0]


def _entities(done: Repaired) -> Repaired:
    if "&" not in done.text or "<" in done.text:  # a text that shows markup may mean its entities
        return done

    def decode(match: re.Match[str]) -> str:
        text = match[0]
        for _ in range(4):
            text = entities.unescape(text)
        return match[0] if text in "<>" else text

    new, edits = ENTITY.subn(decode, done.text)
    return done.then(new, edits)


def _line_ends(done: Repaired) -> Repaired:
    return done.then(*LINE_END.subn("\n", done.text))


def _without_invisible(done: Repaired) -> Repaired:
    if not INVISIBLE.search(done.text):
        return done
    if not MAY_NEED.search(done.text):
        return done.then(*INVISIBLE.subn("", done.text))
    is_right_to_left = RIGHT_TO_LEFT.search(done.text) is not None
    kept = 0

    def decide(match: re.Match[str]) -> str:
        nonlocal kept
        keep = _is_needed(match, is_right_to_left=is_right_to_left)
        kept += keep
        return match[0] if keep else ""

    new, found = INVISIBLE.subn(decide, done.text)
    return done.then(new, found - kept)


def _is_needed(match: re.Match[str], *, is_right_to_left: bool) -> bool:
    character, text, place = match[0], match.string, match.start()
    if character in DIRECTIONS:
        return is_right_to_left
    if character in SCRIPTS:
        before, after = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
        return bool(SCRIPTS[character].match(before)) and (
            character == "\u200d" or bool(SCRIPTS[character].match(after))
        )
    return character >= "\U000e0020" and bool(FLAG.search(text, max(place - 8, 0), place))


def _composed(done: Repaired) -> Repaired:
    if unicodedata.is_normalized("NFC", done.text):
        return done
    lines = done.text.split("\n")
    new = [unicodedata.normalize("NFC", line) for line in lines]
    return done.then("\n".join(new), sum(old != line for old, line in zip(lines, new, strict=True)))


def _without_readings(done: Repaired) -> Repaired:
    places = [match for match in READING.finditer(done.text) if _is_damage(match[1], match[2])]
    if len(places) < READINGS or not _is_simplified(READING.sub("", done.text)):
        return done
    parts: list[str] = []
    start = 0
    for match in places:
        parts += [done.text[start : match.start()], simplified(match[1])]
        start = match.end()
    return done.then("".join((*parts, done.text[start:])), len(places))


def _is_damage(character: str, reading: str) -> bool:
    return simplified(character) != character and reading in readings(character)


def _is_simplified(text: str) -> bool:
    """Whether the characters that differ between the scripts are simplified in a text, nearly all."""
    to_simplified, to_traditional = _characters("t2s"), _characters("s2t")
    n_traditional = sum(character in to_simplified for character in text)
    n_simplified = sum(character in to_traditional for character in text)
    return n_simplified >= SIMPLIFIED * (n_simplified + n_traditional)


def simplified(character: str) -> str:
    """A character in simplified Chinese."""
    return _characters("t2s").get(character, character)


@cache
def readings(character: str) -> frozenset[str]:
    """The readings of a Chinese character in pinyin, with their tones."""
    from pypinyin import Style, pinyin  # reads its tables, which few texts need

    return frozenset(pinyin(character, style=Style.TONE, heteronym=True)[0])


@cache
def _characters(direction: str) -> dict[str, str]:
    """What characters become in the other script, those alone that change (OpenCC's tables)."""
    from opencc import OpenCC

    everything = [chr(code) for code in range(0x4E00, 0xA000)]
    convert = OpenCC(direction).convert
    pairs = ((character, convert(character)) for character in everything)
    return {character: other for character, other in pairs if other != character and len(other) == 1}
