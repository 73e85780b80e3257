"""Evaluation items planted in real documents, in the eight ways they leak; which are then looked for."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

from smelt.corpus.decontaminate.index import ANSWER_WEIGHT
from smelt.corpus.decontaminate.items import Item

PUNCTUATION = re.compile(r"[^\w\s]")
CHINESE = str.maketrans("0123456789", "〇一二三四五六七八九")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
INTERRUPTION = "(continued below)"
SHORTEST = 20
"""Words of an item that is planted: cut short or split, a shorter one leaves phrases that anybody may write."""


@dataclass(frozen=True, slots=True)
class Leak:
    """An item in a document."""

    item: str
    kind: str
    text: str


def asked(item: Item) -> str:
    """The question, behind what it is about."""
    return "\n".join(part for part in (item.context, item.question) if part)


def verbatim(item: Item, chance: random.Random) -> str:
    """Question and answer as they are."""
    return f"{asked(item)}\n{item.answer or ''}"


def case(item: Item, chance: random.Random) -> str:
    """In capitals, or all small."""
    text = asked(item)
    return text.upper() if chance.random() < 0.5 else text.lower()


def punctuation(item: Item, chance: random.Random) -> str:
    """Without punctuation, and with other spaces."""
    return re.sub(r"\s+", "  ", PUNCTUATION.sub("", asked(item)))


def truncated(item: Item, chance: random.Random) -> str:
    """The first six tenths."""
    text = asked(item)
    return text[: len(text) * 6 // 10]


def split(item: Item, chance: random.Random) -> str:
    """A line for each stretch, and something else between some of them."""
    words = re.findall(r"\s*[぀-鿿]|\s*[^\s぀-鿿]+", asked(item))
    step = -(-len(words) // 3)
    lines = ["".join(words[at : at + step]) for at in range(0, len(words), step)]
    return f"\n{INTERRUPTION}\n".join(lines)


def question_only(item: Item, chance: random.Random) -> str:
    """The question."""
    return asked(item)


def answer_only(item: Item, chance: random.Random) -> str:
    """The answer."""
    return str(item.answer)


def digits(item: Item, chance: random.Random) -> str:
    """With the digits of another script."""
    return asked(item).translate(chance.choice((CHINESE, FULL_WIDTH)))


KINDS: dict[str, Callable[[Item, random.Random], str]] = {
    "verbatim": verbatim,
    "case": case,
    "punctuation": punctuation,
    "truncated": truncated,
    "split over lines": split,
    "question only": question_only,
    "answer only": answer_only,
    "translated digits": digits,
}


def weigh(text: str | None) -> float:
    """About how many words: a run of letters is one, a Han or kana character 0.6, a digit a quarter."""
    words = re.findall(r"[぀-ヿ㐀-鿿]|\d|[^\W\d_぀-ヿ㐀-鿿]+", text or "")
    return sum(0.6 if "぀" <= word[0] <= "鿿" else 0.25 if word[0].isdigit() else 1 for word in words)


def plant(items: Sequence[Item], texts: Sequence[str], n: int, *, seed: int) -> tuple[list[str], dict[int, Leak]]:
    """The texts with `n` items planted, in as many of them, and the leaks by the number of their text."""
    chance = random.Random(seed)
    shuffled = chance.sample(list(items), len(items))
    places = chance.sample(range(len(texts)), n)
    leaks: dict[int, Leak] = {}
    planted = list(texts)
    for place, kind in zip(places, cycle(KINDS), strict=False):
        item = shuffled.pop(next(at for at, item in enumerate(shuffled) if _fits(item, kind)))
        leaks[place] = Leak(item.id, kind, KINDS[kind](item, chance))
        at = chance.randrange(len(texts[place]) + 1)
        planted[place] = f"{texts[place][:at]}\n{leaks[place].text}\n{texts[place][at:]}"
    return planted, leaks


def _fits(item: Item, kind: str) -> bool:
    if kind == "answer only":
        return weigh(item.answer) >= ANSWER_WEIGHT / 100
    long_enough = weigh(asked(item)) >= SHORTEST
    return long_enough and (kind != "translated digits" or bool(re.search(r"[0-9]", asked(item))))
