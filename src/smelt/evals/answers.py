"""What a model answers: texts that it writes, the class, number or span that its head finds best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from tokenizers import Tokenizer as Bpe

from smelt.models.decoding import beam_search
from smelt.models.stack import Decoder, EncoderDecoder
from smelt.models.tuned import Tuned
from smelt.runs.batch import Batch
from smelt.runs.examples import Shelf
from smelt.runs.loss import Learner
from smelt.runs.task import by_length

GROWTH, MARGIN = 2, 10
"""A text has at most so many times the tokens of its source, and so many more (taste): a model that repeats itself
stops there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How texts are searched for."""

    beams: int = 4
    length_power: float = 1.0


def answer_all(
    learner: Learner, shelf: Shelf, writing: Writing, *, labels: Sequence[str], bpe: Bpe
) -> tuple[list[str], list[str]]:
    """What was wanted of each example and what is said, as text."""
    learner.eval()
    said = [""] * len(shelf)
    for places in by_length(shelf):
        for place, text in zip(places, _answers(learner, shelf, places, writing, labels, bpe), strict=True):
            said[place] = text
    return [_wanted(shelf, place, labels, bpe) for place in range(len(shelf))], said


def read_ids(bpe: Bpe, ids: Sequence[int], *, end: int) -> str:
    """The text of ids, end tokens left out."""
    return bpe.decode([token for token in ids if token != end])


@torch.no_grad()
def _answers(
    learner: Learner, shelf: Shelf, places: list[int], writing: Writing, labels: Sequence[str], bpe: Bpe
) -> list[str]:
    if not isinstance(learner, Tuned):
        return [read_ids(bpe, ids, end=shelf.end) for ids in _written(learner, shelf, places, writing)]
    batch = Batch.of(shelf.ask(places))
    assert batch.padding is not None
    said = learner(batch.tokens, batch.padding)
    if shelf.answer == "class":
        return [labels[int(place)] for place in said.argmax(dim=-1)]
    if shelf.answer == "number":
        return [str(number) for number in said[:, 0].tolist()]
    spans = [_best_span(scores.numpy()) for scores in said]
    return [read_ids(bpe, batch.tokens[i, a:b].tolist(), end=shelf.end).strip() for i, (a, b) in enumerate(spans)]


def _written(learner: Learner, shelf: Shelf, places: list[int], writing: Writing) -> list[list[int]]:
    """The ids that a model writes of sources."""
    sources, end = [shelf.sources[place] for place in places], shelf.end
    longest = max(map(len, sources))
    most = min(GROWTH * longest + MARGIN, learner.config.context - 1)
    if isinstance(learner, EncoderDecoder):
        batch = Batch.of(Shelf(shelf.answer, sources, sources, np.zeros(len(sources)), end).ask(range(len(sources))))
        assert batch.source is not None
        wide = learner.read(batch.source, batch.padding).repeated(writing.beams)
        return beam_search(
            lambda written: learner.write(written, wide, last=True), len(sources), end=end, beams=writing.beams,
            most=most, length_power=writing.length_power,
        )  # fmt: skip
    assert isinstance(learner, Decoder)
    return [_continued(learner, ids, writing, end) for ids in sources]


def _continued(
    model: Decoder, source: np.ndarray[tuple[int], np.dtype[np.int64]], writing: Writing, end: int
) -> list[int]:
    """What a decoder writes behind a source."""
    prompt = torch.from_numpy(source).repeat(writing.beams, 1)
    most = min(GROWTH * len(source) + MARGIN, model.config.context - len(source))

    def scores(written: torch.Tensor) -> torch.Tensor:
        return model(torch.cat((prompt, written[:, 1:]), dim=1))[:, -1]

    return beam_search(scores, 1, end=end, beams=writing.beams, most=max(1, most), length_power=writing.length_power)[0]


def _best_span(scores: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> tuple[int, int]:
    """The stretch whose first and last token score most together, the last not before the first."""
    starts = np.maximum.accumulate(scores[:, 0])
    last = int((starts + scores[:, 1]).argmax())
    return int(scores[: last + 1, 0].argmax()), last + 1


def _wanted(shelf: Shelf, place: int, labels: Sequence[str], bpe: Bpe) -> str:
    target = shelf.targets[place]
    if shelf.answer == "class":
        return labels[int(target[0])]
    if shelf.answer == "number":
        return str(float(shelf.values[place]))
    ids = shelf.sources[place][target[0] : target[1]] if shelf.answer == "span" else target
    return read_ids(bpe, ids.tolist(), end=shelf.end).strip()


def answers_table(shelf: Shelf, ids: Sequence[str], wanted: list[str], said: list[str], bpe: Bpe) -> pl.DataFrame:
    """One row an example: id, asked, wanted, said."""
    asked = [read_ids(bpe, source.tolist(), end=shelf.end) for source in shelf.sources]
    return pl.DataFrame({"id": list(ids), "asked": asked, "wanted": wanted, "said": said})
