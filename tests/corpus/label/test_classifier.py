"""Classifiers learn what their labels say, know how sure they are, and say on whom they err."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.corpus.document import Document, Drop, as_batch
from smelt.corpus.label.classifier import load_model
from smelt.corpus.label.classify import Classify
from smelt.corpus.label.evaluate import evaluate
from smelt.corpus.label.learning import draw, keep_label, read_labels
from smelt.corpus.label.linear import fit, fit_sigmoid
from smelt.corpus.label.reading import Reading, count_words
from smelt.corpus.label.scores import calibration_error, curve, limit_for, parse_target, reliability, roc_area
from smelt.corpus.label.steps import TrainClassifier
from smelt.corpus.steps import Read
from smelt.errors import InputError

IRON = ["furnace", "slag", "ore", "coke", "ingot", "anvil", "hammer", "bellows", "炉", "铁"]
BREAD = ["oven", "dough", "flour", "yeast", "crust", "baker", "crumb", "butter", "面", "包"]


def texts_of(words: list[str], n: int, seed: int) -> list[str]:
    chance = np.random.default_rng(seed)
    plain = ["the", "town", "has", "had", "it", "since", "then", "and", "nobody", "asked", "where", "that", "came"]
    return [" ".join(chance.permutation([*chance.choice(plain, 8), *chance.choice(words, 2)])) for _ in range(n)]


TEXTS = pl.Series(texts_of(IRON, 150, 1) + texts_of(BREAD, 150, 2))
IS_IRON = np.arange(300) < 150


def test_a_classifier_tells_texts_that_it_has_not_seen() -> None:
    model = fit(TEXTS, IS_IRON).model
    unseen = pl.Series(texts_of(IRON, 50, 3) + texts_of(BREAD, 50, 4))
    assert (model.probabilities(unseen)[:50] > 0.5).mean() > 0.95
    assert (model.probabilities(unseen)[50:] < 0.5).mean() > 0.95


def test_training_twice_gives_the_same_bytes() -> None:
    assert fit(TEXTS, IS_IRON).model.weights.tobytes() == fit(TEXTS, IS_IRON).model.weights.tobytes()


def test_spellings_never_seen_look_like_something() -> None:
    model = fit(TEXTS, IS_IRON).model
    strange = model.probabilities(pl.Series(["furnaces and hammerings", "ovens and doughnuts"]))
    assert strange[0] > 0.5 > strange[1]


def test_probabilities_are_frequencies() -> None:
    chance = np.random.default_rng(0)
    noisy = IS_IRON ^ (chance.random(300) < 0.2)
    fitted = fit(TEXTS, noisy)
    assert calibration_error(fitted.held_out, noisy) < 0.12
    assert 0.6 < np.median(fitted.held_out[:150]) < 0.95


def test_the_sigmoid_is_the_most_likely_one() -> None:
    chance = np.random.default_rng(1)
    scores = chance.normal(size=20_000)
    labels = (chance.random(20_000) < 1 / (1 + np.exp(-(2 * scores - 1)))).astype(np.uint8)
    assert fit_sigmoid(scores[:, None], labels) == pytest.approx([2, -1], abs=0.1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40))
def test_areas_are_those_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    probabilities = np.array([value / 10 for value, _ in pairs])
    is_class = np.array([of for _, of in pairs])
    if is_class.any() and not is_class.all():
        found = curve(probabilities, is_class)
        assert found.average_precision == pytest.approx(average_precision_score(is_class, probabilities))
        assert roc_area(probabilities, is_class) == pytest.approx(roc_auc_score(is_class, probabilities))


def test_a_limit_reaches_its_aim_and_an_impossible_aim_is_told() -> None:
    probabilities, is_class = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([True, True, False, True, False])
    found = curve(probabilities, is_class)
    assert limit_for(found, parse_target("precision=.75")) == 0.6
    assert limit_for(found, parse_target("recall=.6")) == 0.8
    assert limit_for(found, parse_target("share-kept=.6")) == 0.7
    with pytest.raises(InputError, match="highest precision"):
        limit_for(curve(probabilities, ~is_class), parse_target("precision=.9"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    rows = [{"text": text, "label": "iron" if iron else "bread"} for text, iron in zip(TEXTS, IS_IRON, strict=True)]
    (folder / "labelled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Store(folder / "store", runner=LocalRunner(1)) as store:
        step = TrainClassifier(corpus=Read(paths=(str(folder / "labelled.jsonl"),)))
        return store.make(step).folder


def test_the_artifact_says_how_good_it_is(trained: Path) -> None:
    (card,) = load_model(trained).card.classes
    assert card.name == "iron"
    assert card.average_precision > 0.95
    assert card.documents == 150


def test_the_op_scores_softly_and_drops_by_limits(trained: Path) -> None:
    rows = [Document("f#0", "slag and ore"), Document("f#1", "dough and flour"), Document("f#2", "x", drop=Drop("y.z"))]
    soft = Classify(model=str(trained)).apply(as_batch(rows))
    assert soft["iron_score"].is_null().to_list() == [False, False, True]
    assert soft["drop"].is_null().to_list() == [True, True, False]
    hard = Classify(model=str(trained), min=0.5).apply(as_batch(rows))
    assert [drop and drop["reason"] for drop in hard["drop"]] == [None, "classify.iron", "y.z"]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no classifier"):
        Classify(model=str(tmp_path))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([], "no labels"),
        (["a"] * 30, "only 'a'"),
        (["a"] * 30 + ["b"] * 3, "'b' has 3"),
        (["a"] * 30 + [""] * 30 + [" "] * 30, "only 'a'"),
        (["a"] * 30 + ["no text"] * 30, "only 'a'"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(tmp_path: Path, labels: list[str], told: str) -> None:
    rows = [{"text": "" if label == "no text" else f"text {n}", "label": label} for n, label in enumerate(labels)]
    rows = rows or [{"text": "no label"}]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Store(tmp_path / "store", runner=LocalRunner(1)) as store, pytest.raises(InputError, match=told):
        store.make(TrainClassifier(corpus=Read(paths=(str(tmp_path / "few.jsonl"),))))


def test_an_evaluation_says_on_whom_it_errs() -> None:
    texts = ["a woman spoke"] * 40 + ["a wall stood"] * 60
    rows = pl.DataFrame({"id": [str(n) for n in range(100)], "text": texts, "source": ["s"] * 100})
    rows = rows.with_columns(language=pl.lit("en"), label=pl.Series(["no"] * 90 + ["yes"] * 10))
    probabilities = np.array([0.9] * 20 + [0.1] * 70 + [0.8] * 10)
    found = evaluate(rows, probabilities, "yes")
    slices = {part.name: part for part in found.slices}
    assert slices["mentions women"].false_positive_rate == 0.5
    assert slices["all"].false_positive_rate == pytest.approx(20 / 90)
    assert slices["all"].recall == 1
    assert [text for _, _, text in found.wrongly] == ["a woman spoke"] * 5


def test_unsure_documents_come_first_and_no_two_alike() -> None:
    texts = [f"all about {word} and what it is good for in the end of days" for word in IRON[:8]]
    documents = pl.DataFrame({"id": [str(n) for n in range(9)], "text": [*texts, texts[3]]})
    unsure = np.array([0.9, 0.1, 0.8, 0.5, 0.95, 0.99, 0.7, 0.01, 0.51])
    assert draw(documents, unsure, 3)[0] == 3
    assert 8 not in draw(documents, unsure, 9)
    assert sorted(draw(documents, None, 2)) == sorted(draw(documents, None, 2))


def test_labels_are_kept_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    keep_label(path, "f#0", "铁", "yes")
    keep_label(path, "f#1", "a\nb", "no")
    assert read_labels(path) == {"f#0": "yes", "f#1": "no"}
    assert read_labels(tmp_path / "none.jsonl") == {}


def test_listed_words_are_counted_in_their_normal_form() -> None:
    from smelt.corpus.duplicates.normalise import normalise

    texts = normalise(pl.Series(["Damn DAMN! damned", "ball-point pen", "真他妈的", "", None]))
    assert count_words(texts, ["damn", "ball point", "他妈", "!"]).tolist() == [2, 0, 1, 0, 0]
    assert count_words(texts, ["ballpoint pen"]).tolist() == [0, 1, 0, 0, 0]
    assert count_words(texts, []).tolist() == [0] * 5


def test_a_word_list_speaks_where_the_labels_are_silent() -> None:
    known = pl.Series([f"{text} damn" if iron else text for text, iron in zip(TEXTS, IS_IRON, strict=True)])
    listed = fit(known, IS_IRON ^ (np.arange(300) % 10 == 0), reading=Reading(("damn", "drat", "fiddlesticks"))).model
    strange = pl.Series(["quite unlike all that", "fiddlesticks quite unlike all that"])
    plain, oath = listed.probabilities(strange)
    assert listed.per_word > 0
    assert oath > plain


def test_a_classifier_reads_no_further_than_it_is_told() -> None:
    model = fit(TEXTS, IS_IRON, reading=Reading(characters=100)).model
    beginning = "x" * 99 + " "
    assert model.probabilities(pl.Series([beginning]))[0] == model.probabilities(pl.Series([beginning + TEXTS[0]]))[0]


def test_reliability_bins_hold_every_document_once() -> None:
    chance = np.random.default_rng(2)
    said = chance.random(1_000)
    bins = reliability(said, chance.random(1_000) < said)
    assert sum(found.documents for found in bins) == 1_000
    assert all(abs(found.probability - found.frequency) < 0.2 for found in bins)


@pytest.mark.parametrize("text", ["precision", "accuracy=.9", "recall=2", "precision=much", "recall=0"])
def test_targets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no aim"):
        parse_target(text)


def test_a_corpus_is_told_from_another_and_its_name_is_the_class(tmp_path: Path) -> None:
    for name, chosen in (("forge", TEXTS.filter(pl.Series(IS_IRON))), ("bakery", TEXTS.filter(pl.Series(~IS_IRON)))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in chosen))
    reads = [Read(paths=(str(tmp_path / f"{name}.jsonl"),)) for name in ("forge", "bakery")]
    with Store(tmp_path / "store", runner=LocalRunner(1)) as store:
        model = store.make(TrainClassifier(corpus=reads[0], against=reads[1], label="forge")).model
        with pytest.raises(InputError, match="name the class"):
            store.make(TrainClassifier(corpus=reads[0], against=reads[1], label="rest"))
    (card,) = model.card.classes
    assert card.name == "forge"
    assert card.limit(parse_target("share-kept=.5")) == pytest.approx(card.best_limit, abs=0.4)
    assert model.probabilities(pl.Series(["slag and ore in the furnace"]), "forge")[0] > 0.5
