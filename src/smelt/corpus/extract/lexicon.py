"""How much the words in classes, ids and texts speak for main content: hashed linear models, as two tables of weights.

`markup` weighs the tokens of an element (its tag is one), summed over the element and all around it. `text` weighs the
words of a block, and, under another hash, the words of the heading it stands under. Learned by logistic regression
(training/extraction); hashing as in Weinberger et al. 2009.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import GOLDEN, HALF, inner

BITS = 18
MASK = np.uint64(2**BITS - 1)
TAG_SALT, HEADING_SALT, BLOCK_SALT = np.uint64(0x51ED270B), np.uint64(0x2545F491), np.uint64(0x6C8E9CF5)
PHRASE = 8
"""Words up to which a block as a whole has a weight of its own: Add to cart, Read more."""
WEIGHTS = types.Array(types.float32, 1, "C", readonly=True)


@inner
def tag_place(tag: int) -> np.uint64:
    """Where the weight of a tag lies."""
    return ((np.uint64(tag) + TAG_SALT) * GOLDEN >> HALF) & MASK


@inner
def token_place(token: np.uint32) -> np.uint64:
    """Where the weight of a token, or of a word, lies."""
    return np.uint64(token) & MASK


@inner
def heading_place(word: np.uint32) -> np.uint64:
    """Where the weight of a word in the heading above lies."""
    return ((np.uint64(word) ^ HEADING_SALT) * GOLDEN >> HALF) & MASK


@inner
def phrase_place(block: Any) -> np.uint64:
    """Where the weight of a short block as a whole lies."""
    return ((block.hash ^ BLOCK_SALT) * GOLDEN >> HALF) & MASK


@inner
def markup_score(element: Any, following: Any, tokens: NDArray[np.uint32], markup: NDArray[np.float32]) -> np.float32:
    """The weights of an element's tag and tokens; `following` is the next element, where its tokens end."""
    score = markup[tag_place(element.tag)]
    for k in range(element.first_token, following.first_token):
        score += markup[token_place(tokens[k])]
    return score


@inner
def text_score(block: Any, words: NDArray[np.uint32], text: NDArray[np.float32]) -> np.float32:
    """The weights of a block's words, and of it as a phrase."""
    score = np.float32(0)
    for k in range(block.first_word, block.first_word + block.words):
        score += text[token_place(words[k])]
    return score + text[phrase_place(block)] if block.words <= PHRASE else score


@inner
def heading_score(block: Any, words: NDArray[np.uint32], text: NDArray[np.float32]) -> np.float32:
    """The weights of a block's words for what stands under it, were it a heading."""
    score = np.float32(0)
    for k in range(block.first_word, block.first_word + min(block.words, PHRASE * 2)):
        score += text[heading_place(words[k])]
    return score
