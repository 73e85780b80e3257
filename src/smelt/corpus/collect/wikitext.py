"""Wikitext to text: the prose of an article, its headings and lists as Markdown.

Templates, tables, references, files, categories and links to other languages are left out; the words of links stay.
The parsing is wikitextparser's, 1.4 MB/s where mwparserfromhell has 0.9; both are quadratic on pages made for it,
so that this runs apart (apart.py). Of words that are told for several Chinese scripts,
`-{zh-hans:计算机;zh-hant:電腦}-`, the simplified are taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

import wikitextparser

HIDDEN = ("file", "image", "category", "media", "文件", "檔案", "档案", "图像", "圖像", "分类", "分類")
"""Links into these name spaces show no words; a dump's header may name more."""
VARIANTS = ("zh-cn", "zh-hans", "zh-my", "zh-sg", "zh")
"""Whose words are taken, the first that is there."""

_DROPPED = "ref|gallery|timeline|imagemap|score|graph|mapframe|maplink|templatestyles|indicator|references"
_TAGS = re.compile(rf"<({_DROPPED})\b[^<>]*?/>|<({_DROPPED})\b[^<>]*>.*?</\2\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BRACKETS = re.compile(r"\[\[|\]\]")
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}|simple)(?:-[a-z]+)*")
_VARIANT = re.compile(r"-\{([^{}]*)\}-")
_SWITCH = re.compile(r"__[A-Z]{3,}__")
_EMPTY_PARENTHESES = re.compile(r"[ \u3000]?[(（][\s,;:，；：、]*[)）]")
_HEADING = re.compile(r"(={1,6})\s*(.+?)\s*\1\s*")
_ITEM = re.compile(r"([*#:;]+)\s*(.*)")
_MARKS = {"*": "- ", "#": "1. "}
_BARE = "-1. "
"""What is left of a line that said nothing but a template."""
_TEXT = 7


def article_text(content: bytes) -> bytes:
    """The text of the wikitext in a JSON object `{"text": ..., "hidden": [...]}`: what runs apart."""
    request = json.loads(content)
    return plain_text(request["text"], hidden=request["hidden"]).encode(errors="replace")


def plain_text(wikitext: str, *, hidden: Iterable[str] = ()) -> str:
    """The text of an article; links into the name spaces `hidden` and HIDDEN are left out.

    >>> plain_text("== Iron ==\\n'''Iron''' is a [[metal|heavy metal]].<ref>x</ref>\\n* [[ore]]\\n[[Category:Metals]]")
    '## Iron\\n\\nIron is a heavy metal.\\n\\n- ore'
    """
    names = {*HIDDEN, *(name.lower() for name in hidden)}
    visible = _without_links(_TAGS.sub("", wikitext), names)
    text = wikitextparser.parse(visible).plain_text(replace_tables=_nothing)
    for _ in range(3):  # one inside another; deeper ones are none
        text = _VARIANT.sub(_variant, text)
    text = _EMPTY_PARENTHESES.sub("", _SWITCH.sub("", text))
    return _joined(_without_empty_sections([_as_markdown(line) for line in text.split("\n")]))


def _nothing(_: wikitextparser.Table) -> str:
    return ""


def _without_links(wikitext: str, hidden: set[str]) -> str:
    """The wikitext without links that show nothing, whatever their captions hold."""
    kept: list[str] = []
    place, start, open_links, depth = 0, 0, 0, 0
    for mark in _BRACKETS.finditer(wikitext):
        if mark[0] == "[[":
            open_links += 1
            if not depth and _shows_nothing(wikitext, mark.end(), hidden):
                depth, start = open_links, mark.start()
        elif open_links:
            if depth == open_links:
                kept.append(wikitext[place:start])
                place, depth = mark.end(), 0
            open_links -= 1
    return "".join([*kept, wikitext[place:]])


def _shows_nothing(wikitext: str, place: int, hidden: set[str]) -> bool:
    space, colon, _ = wikitext[place : place + 40].partition(":")
    space = space.strip()
    return bool(colon) and (space.lower() in hidden or bool(_LANGUAGE.fullmatch(space)))


def _variant(match: re.Match[str]) -> str:
    flags, bar, rule = match[1].rpartition("|")
    if bar and not set(flags.strip()) & set("AS"):  # other flags set rules, and show nothing
        return rule if flags.strip() == "R" else ""
    told = dict(part.split(":", 1) for part in rule.split(";") if ":" in part)
    words = {name.strip().lower().rpartition("=>")[2]: word.strip() for name, word in told.items()}
    if not any(name.startswith("zh") for name in words):
        return rule
    return next((words[name] for name in VARIANTS if name in words), next(iter(words.values())))


def _as_markdown(line: str) -> str:
    line = " ".join(line.split())
    if heading := _HEADING.fullmatch(line):
        return f"{'#' * len(heading[1])} {heading[2]}"
    if item := _ITEM.fullmatch(line):
        return f"{'  ' * (len(item[1]) - 1)}{_MARKS[item[1][-1]]}{item[2]}" if item[1][-1] in _MARKS else item[2]
    return line


def _without_empty_sections(lines: list[str]) -> list[str]:
    """The lines that say something, and of the headings those that something stands under."""
    kept: list[str] = []
    below = 0  # the level of the heading that follows, TEXT where text does
    for line in reversed(lines):
        if not line.strip(_BARE):
            continue
        level = len(line) - len(line.lstrip("#"))
        if level and below <= level:
            continue
        below = level or _TEXT
        kept.append(line)
    return kept[::-1]


def _joined(lines: list[str]) -> str:
    """Lines as paragraphs: a blank line between blocks, none between the items of a list."""
    return "\n".join(_spaced(lines)).strip()


def _spaced(lines: list[str]) -> Iterator[str]:
    before = ""
    for line in lines:
        is_item = line.lstrip().startswith(("- ", "1. "))
        if before and not (is_item and before.lstrip().startswith(("- ", "1. "))):
            yield ""
        yield line
        before = line
