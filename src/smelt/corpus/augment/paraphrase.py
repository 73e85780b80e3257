"""Sentences said otherwise by templates: a pattern, and what it becomes. Data, not code: tables/templates.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Annotated, ClassVar

from pydantic import Field

from smelt.corpus.augment.augmentation import Augmentation, pick

NUMERALS = str.maketrans("0123456789", "〇一二三四五六七八九")
TEMPLATES = resources.files("smelt.corpus.augment") / "tables" / "templates.toml"


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern and the ways to say it otherwise."""

    name: str
    pattern: re.Pattern[str]
    say: tuple[str, ...]
    """With `{1}` for a group, `{1:upper}` and `{1:lower}` for one whose first letter changes."""


class Part(str):
    """A group of a match, which knows the formats `upper` and `lower` of its first letter, and in Chinese numerals
    `digits` (二〇一九) and `number` (up to 99: 二十五)."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec == "digits":
            return self.translate(NUMERALS)
        if spec == "number":
            return _counted(int(self))
        first = {"upper": self[:1].upper(), "lower": self[:1].lower()}.get(spec, self[:1])
        return first + self[1:]


class Paraphrase(Augmentation):
    """Says dates, numbers, clauses and some passives otherwise."""

    op: ClassVar[str] = "paraphrase"
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of places that fit a template, and are changed (taste)."""

    def change_one(self, text: str, rng: Random) -> str:
        """The text after all templates, in the order of the table."""
        for template in templates():
            text = template.pattern.sub(lambda match, say=template.say: self._said(match, say, rng), text)
        return text

    def _said(self, match: re.Match[str], say: tuple[str, ...], rng: Random) -> str:
        if rng.random() >= self.rate:
            return match[0]
        return pick(rng, say).format(match[0], *(Part(group or "") for group in match.groups()))


def _counted(number: int) -> str:
    tens, ones = divmod(number, 10)
    said = f"{tens if tens > 1 else ''}{'十' if tens else ''}{ones or ''}"
    return said.translate(NUMERALS)


@cache
def templates() -> tuple[Template, ...]:
    """The templates that come with smelt."""
    table = tomllib.loads(TEMPLATES.read_text("utf-8"))["template"]
    return tuple(Template(row["name"], re.compile(row["pattern"], re.MULTILINE), tuple(row["say"])) for row in table)
