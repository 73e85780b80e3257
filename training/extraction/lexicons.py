"""The lexicons learned: logistic regression by AdaGrad (Duchi et al. 2011), a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.lexicon import BITS, PHRASE, heading_place, phrase_place, tag_place, token_place
from smelt.corpus.extract.tags import TAG
from training.extraction.pages import ReadPage

EPOCHS, MARKUP_RATE, TEXT_RATE = 4, 0.08, 0.15
MARKUP_DECAY, TEXT_DECAY = 3e-4, 1e-4
MOST = 4_096
HEADINGS = tuple(TAG[f"h{level}"] for level in range(1, 7))


def learn_lexicons(pages: Sequence[ReadPage], *, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weights of markup and of text, in the precision that they are kept in."""
    chance = np.random.default_rng(seed)
    markup, text = np.zeros((2, 1 << BITS)), np.zeros((2, 1 << BITS))
    for epoch in range(EPOCHS):
        for number in chance.permutation(len(pages)):
            page = pages[number]
            learn_markup(
                page.elements,
                page.tokens,
                page.blocks,
                page.y,
                page.weights,
                markup,
                MARKUP_RATE / (1 + epoch),
                MARKUP_DECAY,
            )
            learn_text(
                page.elements, page.blocks, page.words, page.y, page.weights, text, TEXT_RATE / (1 + epoch), TEXT_DECAY
            )
    return markup[0].astype(np.float16).astype(np.float32), text[0].astype(np.float16).astype(np.float32)


@numba.njit(cache=True)
def learn_markup(
    elements: Any, tokens: Any, blocks: Any, y: Any, weights: Any, lexicon: Any, rate: float, decay: float
) -> None:
    """One step for each block, on the tokens of its element and all around it."""
    places = np.empty(MOST, np.int64)
    for i in range(len(y)):
        if weights[i] <= 0:
            continue
        n, e = 0, blocks[i].element
        while e >= 0:
            for k in range(elements[e].first_token, elements[e + 1].first_token):
                if n < MOST - 1:
                    places[n] = token_place(tokens[k])
                    n += 1
            if n < MOST - 1:
                places[n] = tag_place(elements[e].tag)
                n += 1
            e = elements[e].parent
        step(places[:n], y[i], weights[i], 1.0, lexicon, rate, decay)


@numba.njit(cache=True)
def learn_text(
    elements: Any, blocks: Any, words: Any, y: Any, weights: Any, lexicon: Any, rate: float, decay: float
) -> None:
    """One step for each block on its words, and one on those of the heading above."""
    heading = -1
    for i in range(len(y)):
        block = blocks[i]
        if elements[block.element].tag in HEADINGS:
            heading = i
        if weights[i] <= 0 or block.words == 0:
            continue
        places = np.empty(block.words + 1, np.int64)
        for k in range(block.words):
            places[k] = token_place(words[block.first_word + k])
        n = block.words
        if n <= PHRASE:
            places[n] = phrase_place(block)
            n += 1
        step(places[:n], y[i], weights[i], 1 / np.sqrt(n), lexicon, rate, decay)
        if heading >= 0:
            above = blocks[heading]
            n = min(above.words, 2 * PHRASE)
            if n:
                places = np.empty(n, np.int64)
                for k in range(n):
                    places[k] = heading_place(words[above.first_word + k])
                step(places, y[i], weights[i], 1 / np.sqrt(n), lexicon, rate, decay)


@numba.njit(cache=True)
def step(places: Any, y: float, weight: float, scale: float, lexicon: Any, rate: float, decay: float) -> None:
    """A step of AdaGrad on `scale` times the sum of weights; `lexicon` holds weights and squared gradients."""
    score = 0.0
    for place in places:
        score += lexicon[0, place]
    p = 1 / (1 + np.exp(-max(score * scale, -30.0)))
    slope = (p - y) * weight * scale
    for place in places:
        gradient = slope + decay * lexicon[0, place] * weight
        lexicon[1, place] += gradient * gradient
        lexicon[0, place] -= rate * gradient / np.sqrt(lexicon[1, place] + 1e-6)
