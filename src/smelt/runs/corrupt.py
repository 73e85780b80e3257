"""Windows of text made into questions: what a model is given, and what it is to say. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

IGNORED = -100
"""In the place of a target: nothing is asked there (torch's convention)."""
MASKED, SWAPPED = 0.8, 0.1
"""Of the hidden tokens, how many are replaced by the mask, and by any token; the others stand as they are (Devlin et
al. 2019, section 3.1)."""


class Asked(NamedTuple):
    """Of B rows."""

    tokens: Int64s
    """(B, T) given."""
    targets: Int64s
    """(B, T) what is to be said at each; `IGNORED` where nothing is."""
    source: Int64s | None = None
    """(B, S) read by an encoder before."""
    padding: Bools | None = None
    """(B, S), true where there is a token of what is read."""
    prefix: Int64s | None = None
    """(B,) tokens that all may see."""
    documents: Int64s | None = None
    """(B, T) numbers of the documents they are of."""
    values: npt.NDArray[np.float32] | None = None
    """(B,) what is to be said of the whole, where that is a number."""


def ask_causal(ids: Int64s, *, end: int | None = None) -> Asked:
    """The next token of each: (B, T + 1) -> T. With the id that ends a document, each sees its own document."""
    tokens, targets = ids[:, :-1], ids[:, 1:]
    if end is None:
        return Asked(tokens, targets)
    ended = (tokens == end).cumsum(axis=1)
    return Asked(tokens, targets, documents=ended - (tokens == end))


def ask_prefix(ids: Int64s, rng: np.random.Generator) -> Asked:
    """The next token of each from some place on, what comes before it read whole: (B, T + 1) -> T."""
    tokens, targets = ids[:, :-1], ids[:, 1:].copy()
    prefix = rng.integers(1, tokens.shape[1], size=len(ids))
    targets[np.arange(tokens.shape[1]) < prefix[:, None] - 1] = IGNORED
    return Asked(tokens, targets, prefix=prefix)


def ask_masked(ids: Int64s, rng: np.random.Generator, *, hidden: float, vocab: int) -> Asked:
    """What some tokens were: the same number in each row, at least one; the mask's id is `vocab`."""
    n = max(1, round(hidden * ids.shape[1]))
    chosen = rng.random(ids.shape).argsort(axis=1)[:, :n]
    rows = np.arange(len(ids))[:, None]
    targets = np.full_like(ids, IGNORED)
    targets[rows, chosen] = ids[rows, chosen]
    fate = rng.random(chosen.shape)
    swapped = np.where(fate < MASKED + SWAPPED, rng.integers(vocab, size=chosen.shape), ids[rows, chosen])
    tokens = ids.copy()
    tokens[rows, chosen] = np.where(fate < MASKED, vocab, swapped)
    return Asked(tokens, targets)


def ask_spans(ids: Int64s, rng: np.random.Generator, *, hidden: float, span: float, vocab: int) -> Asked:
    """The stretches that were cut out of each row, each behind its sign; all rows lose as many tokens in as many.

        source   a b <0> e f g <1>      target   <0> c d <1> h i <end>      given   <start> <0> c d <1> h i

    Ids: `vocab` starts, the signs follow, one more ends (Raffel et al. 2020, figure 2).
    """
    length, n_hidden = ids.shape[1], _n_hidden(ids.shape[1], hidden)
    n = n_spans(length, hidden=hidden, span=span)
    signs = vocab + 1 + np.arange(n + 1)
    sources, targets = zip(*(_cut(row, _stretches(rng, length, n_hidden, n), signs) for row in ids), strict=True)
    target = np.stack(targets)
    start = np.full((len(ids), 1), vocab)
    return Asked(np.concatenate((start, target[:, :-1]), axis=1), target, source=np.stack(sources))


def n_spans(length: int, *, hidden: float, span: float) -> int:
    """Stretches that a row of some length loses."""
    n_hidden = _n_hidden(length, hidden)
    return max(1, min(round(n_hidden / span), length - n_hidden, n_hidden))


def _n_hidden(length: int, hidden: float) -> int:
    return min(max(1, round(length * hidden)), length - 1)


def _stretches(rng: np.random.Generator, length: int, n_hidden: int, n: int) -> list[int]:
    """Lengths of what is kept and what is cut, by turns, the kept first."""
    kept, cut = _parts(rng, length - n_hidden, n), _parts(rng, n_hidden, n)
    return [part for pair in zip(kept, cut, strict=True) for part in pair]


def _parts(rng: np.random.Generator, total: int, n: int) -> list[int]:
    """`total` in `n` parts of at least one, all ways alike."""
    cuts = np.sort(rng.choice(total - 1, size=n - 1, replace=False)) + 1
    return np.diff(np.concatenate(([0], cuts, [total]))).tolist()


def _cut(row: Int64s, stretches: list[int], signs: Int64s) -> tuple[Int64s, Int64s]:
    pieces = np.split(row, np.cumsum(stretches)[:-1])
    source = [piece for kept, sign in zip(pieces[::2], signs, strict=False) for piece in (kept, [sign])]
    target = [piece for sign, cut in zip(signs, pieces[1::2], strict=False) for piece in ([sign], cut)]
    return np.concatenate(source), np.concatenate([*target, signs[-1:]])
