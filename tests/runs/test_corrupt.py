"""What is hidden, cut or read whole can be put back, is as much as was asked, and is the same for a seed and step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smelt.runs.corrupt import IGNORED, ask_causal, ask_masked, ask_prefix, ask_spans, n_spans
from smelt.runs.objective import Objective

VOCAB = 50
IDS = np.random.default_rng(0).integers(VOCAB, size=(6, 40))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_masked_tokens_are_asked_for_and_the_others_stand_as_they_were() -> None:
    asked = ask_masked(IDS, rng(), hidden=0.15, vocab=VOCAB)
    hidden = asked.targets != IGNORED
    assert hidden.sum(axis=1).tolist() == [6] * 6
    assert (np.where(hidden, asked.targets, asked.tokens) == IDS).all()


def test_eight_of_ten_hidden_tokens_are_masked_one_is_swapped_and_one_stays() -> None:
    ids = rng(1).integers(1000, size=(200, 100))
    asked = ask_masked(ids, rng(), hidden=0.15, vocab=1000)
    hidden = asked.targets != IGNORED
    given_, was = asked.tokens[hidden], ids[hidden]
    assert (given_ == 1000).mean() == pytest.approx(0.8, abs=0.03)
    assert (given_ == was).mean() == pytest.approx(0.1, abs=0.02)
    assert given_.max() == 1000


@given(st.integers(8, 60), st.floats(0.05, 0.6), st.floats(1, 5), st.integers(0, 99))
def test_spans_put_back_give_the_text(length: int, hidden: float, span: float, seed: int) -> None:
    ids = rng(seed).integers(VOCAB, size=(3, length))
    asked = ask_spans(ids, rng(seed), hidden=hidden, span=span, vocab=VOCAB)
    n = n_spans(length, hidden=hidden, span=span)
    assert asked.source is not None
    for row in range(3):
        pieces: dict[int, list[int]] = {}
        for token in asked.targets[row].tolist():
            if token > VOCAB:
                sign = token
                pieces[sign] = []
            else:
                pieces[sign].append(token)
        assert list(pieces) == [VOCAB + 1 + i for i in range(n + 1)]
        assert pieces[VOCAB + 1 + n] == []  # the last only ends
        whole = [t for token in asked.source[row].tolist() for t in (pieces[token] if token > VOCAB else [token])]
        assert whole == ids[row].tolist()
        assert asked.tokens[row].tolist() == [VOCAB, *asked.targets[row, :-1].tolist()]
    assert asked.targets.shape[1] == min(max(1, round(length * hidden)), length - 1) + n + 1


def test_spans_have_the_lengths_asked_for_on_average() -> None:
    ids = np.arange(20 * 512).reshape(20, 512)
    asked = ask_spans(ids, rng(), hidden=0.15, span=3.0, vocab=10**6)
    assert asked.source is not None
    assert asked.source.shape == (20, 512 - 77 + 26)
    assert asked.targets.shape == (20, 77 + 26 + 1)


def test_a_prefix_is_read_whole_and_only_what_follows_is_asked() -> None:
    asked = ask_prefix(IDS, rng())
    assert asked.prefix is not None
    for row, prefix in enumerate(asked.prefix.tolist()):
        assert (asked.targets[row, : prefix - 1] == IGNORED).all()
        assert (asked.targets[row, prefix - 1 :] == IDS[row, prefix:]).all()


def test_documents_are_numbered_and_their_end_is_of_them() -> None:
    ids = np.array([[5, 6, 0, 7, 0, 8, 9]])
    asked = ask_causal(ids, end=0)
    assert asked.documents is not None
    assert asked.documents.tolist() == [[0, 0, 0, 1, 1, 2]]
    assert asked.targets.tolist() == [[6, 0, 7, 0, 8, 9]]


@pytest.mark.parametrize("kind", ["causal", "prefix", "masked", "spans"])
def test_a_seed_and_a_step_give_one_question(kind: str) -> None:
    objective = Objective.model_validate({"kind": kind})
    ids = IDS[:, : objective.row(32)]

    def ask(seed: int, step: int) -> list[list[int]]:
        return objective.ask(ids, vocab=VOCAB, end=0, seed=(seed, step)).tokens.tolist()

    assert ask(3, 7) == ask(3, 7)
    if kind in ("masked", "spans"):
        assert len({str(ask(*pair)) for pair in ((3, 7), (3, 8), (4, 7))}) > 1


def test_ids_that_no_text_has_are_counted() -> None:
    assert Objective().extra_ids(128) == 0
    assert Objective(kind="masked").extra_ids(128) == 1
    ids = np.random.default_rng(0).integers(VOCAB, size=(4, 128))
    spans = Objective(kind="spans")
    asked = spans.ask(ids, vocab=VOCAB, end=0, seed=(0, 0))
    assert asked.targets.max() == VOCAB + spans.extra_ids(128) - 1


def test_an_objective_says_only_what_its_kind_uses() -> None:
    assert Objective(hidden=0.3).model_dump() == Objective().model_dump()
    assert Objective(kind="masked", span=9).model_dump() == {"kind": "masked", "hidden": 0.15}
