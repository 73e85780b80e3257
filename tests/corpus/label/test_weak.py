"""Functions that vote: what they find, how votes are joined, what each is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from smelt.corpus.label.weak import ABSTAINS, estimate_precisions, join, measure_precisions, posterior, read_functions
from smelt.errors import InputError

TABLE = """
otherwise = "clean"
[[function]]
name = "oaths"
label = "toxic"
words_file = "oaths.txt"
[[function]]
name = "insult"
label = "toxic"
pattern = "(?i)you are an? \\\\w+"
[[function]]
name = "thanks"
label = "clean"
words = ["thank you", "谢谢"]
"""


def write(folder: Path, table: str = TABLE) -> Path:
    (folder / "oaths.txt").write_text("# mild ones\ndamn\n他妈的\n", encoding="utf-8")
    (folder / "functions.toml").write_text(table, encoding="utf-8")
    return folder / "functions.toml"


def test_words_and_patterns_vote_and_the_silent_are_labelled_otherwise(tmp_path: Path) -> None:
    functions = read_functions(write(tmp_path))
    texts = pl.Series(["DAMN! You are a fool", "Thank you.", "damnation", "真他妈的", "多谢谢你", "damn, thank you"])
    votes = functions.votes(texts)
    toxic, clean = functions.labels.index("toxic"), functions.labels.index("clean")
    assert votes.tolist() == [
        [toxic, toxic, ABSTAINS],
        [ABSTAINS, ABSTAINS, clean],
        [ABSTAINS] * 3,
        [toxic, ABSTAINS, ABSTAINS],
        [ABSTAINS, ABSTAINS, clean],
        [toxic, ABSTAINS, clean],
    ]
    labels = join(functions, votes, limit=0.6).label
    assert labels == ["toxic", "clean", "clean", "toxic", "clean", None]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("x =", "no labelling functions"),
        ('[[function]]\nname = "a"\nlabel = "b"', "what to look for"),
        ('[[function]]\nname = "a"\nlabel = "b"\npattern = "("', "no labelling functions"),
        ("", "function"),
    ],
)
def test_functions_that_cannot_be_are_refused(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_functions(write(tmp_path, table))


def test_planted_precisions_are_recovered_without_labels() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 2, 20_000)
    planted = np.array([0.9, 0.8, 0.7, 0.6])
    right = chance.random((20_000, 4)) < planted
    votes = np.where(right, truth[:, None], 1 - truth[:, None])
    votes[chance.random((20_000, 4)) < 0.3] = ABSTAINS
    found = estimate_precisions(votes, 2)
    assert np.argsort(-found).tolist() == [0, 1, 2, 3]
    joined = posterior(votes, found, 2)
    by_majority = (votes == 1).sum(axis=1) > (votes == 0).sum(axis=1)
    assert (joined.argmax(axis=1) == truth).mean() > (by_majority == truth).mean() + 0.01


def bayes(row: list[int], precisions: NDArray[np.float64], n_labels: int) -> list[float]:
    """The posterior written out, one label and one vote at a time."""
    likely = [1.0] * n_labels
    for vote, precision in zip(row, precisions, strict=True):
        for label in range(n_labels):
            if vote != ABSTAINS:
                likely[label] *= precision if vote == label else (1 - precision) / (n_labels - 1)
    return [value / sum(likely) for value in likely]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_posterior_is_that_of_bayes(rows: list[list[int]]) -> None:
    precisions = np.array([0.9, 0.6, 0.75])
    found = posterior(np.array(rows), precisions, 3)
    assert found == pytest.approx(np.array([bayes(row, precisions, 3) for row in rows]))


def test_a_report_counts_coverage_overlap_conflict_and_true_precision(tmp_path: Path) -> None:
    functions = read_functions(write(tmp_path))
    votes = functions.votes(pl.Series(["damn", "damn, thank you", "thank you", "nothing"]))
    oaths, insult, thanks = join(functions, votes, limit=0.6, truth=["toxic", "clean", "clean", None]).functions
    assert (oaths.coverage, oaths.overlap, oaths.conflict, oaths.precision) == (0.5, 0.25, 0.25, 0.5)
    assert (insult.coverage, insult.precision) == (0, None)
    assert thanks.precision == 1


def test_true_labels_weigh_the_votes_where_there_are_any(tmp_path: Path) -> None:
    functions = read_functions(write(tmp_path))
    votes = functions.votes(pl.Series(["damn"] * 50 + ["thank you"] * 50 + ["damn, thank you"]))
    truth = ["clean"] * 50 + ["clean"] * 50 + [None]
    measured = measure_precisions(functions, votes, truth)
    assert measured == pytest.approx([7 / 60, 0.7, 57 / 60])
    assert join(functions, votes, limit=0.55, truth=truth).label[-1] == "clean"
