"""How fast documents are scored: by a classifier, and by an n-gram model of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figures import Figure
from benchmarks.samples import chinese, english, megabytes_per_second, size

TEXT_BYTES = 8_000_000
"""Every other text is trained on, the rest scored."""


def measure_scoring() -> Iterator[Figure]:
    """Megabytes a CPU-second of one core; the n-gram model also in bits a byte of texts that it was not trained on."""
    from smelt.corpus.label.linear import fit
    from smelt.corpus.label.ngrams import NgramScorer, count_ngrams

    for language, texts in (("English", english(TEXT_BYTES)), ("Chinese", chinese(TEXT_BYTES))):
        known, unseen = pl.Series(texts[::2]), pl.Series(texts[1::2])
        n_bytes = size(unseen.to_list())
        model = fit(known, np.arange(len(known)) % 2 == 0).model
        rate = megabytes_per_second(lambda: model.probabilities(unseen), n_bytes)  # noqa: B023
        yield Figure(f"classifier scores, {language}", rate, "MB/s", "")
        scorer = NgramScorer(6, count_ngrams(known, 6), Path())
        rate = megabytes_per_second(lambda: scorer.bits_per_byte(unseen), n_bytes)  # noqa: B023
        yield Figure(f"n-gram perplexity, {language}", rate, "MB/s", "")
        sizes = unseen.str.len_bytes().to_numpy()
        bits = float(np.nansum(scorer.bits_per_byte(unseen) * sizes) / sizes.sum())
        yield Figure(f"n-gram perplexity, {language}, unseen half", bits, "bits/B", "")
