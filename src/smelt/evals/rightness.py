"""How right answers are, by kind: pure functions of what was wanted and what was said."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from smelt.errors import InputError
from smelt.tokens.examples import Answer

Scored = Mapping[str, float]


def text_scores(wanted: Sequence[str], said: Sequence[str]) -> Scored:
    """BLEU (Papineni et al. 2002) and chrF2 (Popović 2015), 0 to 100, as sacrebleu counts them: its own tokens, cased.

    >>> round(text_scores(["a man in a hat ."], ["a man in a hat ."])["bleu"])
    100
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ModuleNotFoundError as error:
        do = "install it: pip install 'smelt[translation]'"
        raise InputError(where="score-examples", what="sacrebleu is not installed", do=do) from error
    bleu, chrf = BLEU().corpus_score(said, [wanted]), CHRF().corpus_score(said, [wanted])
    same = float(np.mean([one == other for one, other in zip(wanted, said, strict=True)]))
    return {"bleu": bleu.score, "chrf": chrf.score, "exact": same}


def class_scores(wanted: Sequence[str], said: Sequence[str]) -> Scored:
    """Accuracy, F1 as the mean over classes that are wanted, and what always saying the commonest would have."""
    labels = sorted(set(wanted))
    right, meant = np.array(wanted), np.array(said)
    f1 = [_f1((right == label), (meant == label)) for label in labels]
    commonest = Counter(wanted).most_common(1)[0][1] / len(wanted)
    return {"accuracy": float((right == meant).mean()), "macro_f1": float(np.mean(f1)), "commonest": commonest}


def number_scores(wanted: Sequence[str], said: Sequence[str]) -> Scored:
    """Root mean squared error, and Pearson's correlation (0 where all said are alike)."""
    right, meant = np.array(wanted, float), np.array(said, float)
    rmse = float(np.sqrt(((right - meant) ** 2).mean()))
    varies = right.std() > 0 and meant.std() > 0
    return {"rmse": rmse, "pearson": float(np.corrcoef(right, meant)[0, 1]) if varies else 0.0}


def span_scores(wanted: Sequence[str], said: Sequence[str]) -> Scored:
    """Exact match, and F1 over words, without case, punctuation and articles (Rajpurkar et al. 2016)."""
    pairs = [(_normal(one), _normal(other)) for one, other in zip(wanted, said, strict=True)]
    return {
        "exact": float(np.mean([one == other for one, other in pairs])),
        "f1": float(np.mean([_word_f1(one.split(), other.split()) for one, other in pairs])),
    }


SCORERS: dict[Answer, Callable[[Sequence[str], Sequence[str]], Scored]] = {
    "text": text_scores,
    "class": class_scores,
    "number": number_scores,
    "span": span_scores,
}


def _f1(right: np.ndarray[tuple[int], np.dtype[np.bool_]], meant: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    both = int((right & meant).sum())
    return 2 * both / max(1, int(right.sum()) + int(meant.sum()))


def _normal(text: str) -> str:
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _word_f1(wanted: Sequence[str], said: Sequence[str]) -> float:
    shared = sum((Counter(wanted) & Counter(said)).values())
    return 2 * shared / max(1, len(wanted) + len(said))
