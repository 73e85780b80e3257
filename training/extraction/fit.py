"""Both stages fitted by folds of hosts: what one sees of the other was predicted by a model without its host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.blocks import Blocks
from smelt.corpus.extract.choose import best_cut
from smelt.corpus.extract.columns import FEATURES
from smelt.corpus.extract.model import Cut, Model
from smelt.corpus.extract.trees import DEPTH, LEAVES, SPLITS, Trees
from training.extraction.gold import FOLDS, block_texts, word_f1
from training.extraction.lexicons import learn_lexicons
from training.extraction.pages import ReadPage

ROUNDS = 260
SETTINGS: dict[str, Any] = {
    "objective": "cross_entropy",
    "num_leaves": 36,
    "max_depth": DEPTH,
    "learning_rate": 0.05,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 60,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "force_col_wise": True,
    "deterministic": True,
    "num_threads": 2,
    "seed": 1,
    "verbose": -1,
}
MOST_BLOCKS = 220
"""Of a page, that trees are fitted on: the heavier half, and a sample of the rest that stands for all of it."""
NO_TREES = Trees(np.zeros((0, SPLITS), np.int32), np.zeros((0, SPLITS), np.float32), np.zeros((0, LEAVES), np.float32))
CUTS = [Cut(base, share) for base in (0.3, 0.35, 0.4, 0.45, 0.5) for share in (0.0, 0.3, 0.5, 0.7, 1.0)]


@dataclass(slots=True)
class Fitted:
    """A model, and what is predicted of the pages it was fitted on by models without their hosts."""

    model: Model
    first: list[NDArray[np.float32]]
    second: list[NDArray[np.float32]]
    f1: dict[str, dict[str, float]]
    """Mean word F1 of those predictions by stage, and cut."""


def fit(pages: Sequence[ReadPage], *, both_out_of_fold: bool) -> Fitted:
    """Fits all on pages; `both_out_of_fold`: whether the second stage is judged on them too (it costs FOLDS fits)."""
    blocks, folds = Blocks(), np.array([page.gold.fold for page in pages])
    seen = [[page for page in pages if page.gold.fold != fold] for fold in range(FOLDS)]
    partial = [_untrained(learn_lexicons(some, seed=0)) for some in seen]
    whole = _untrained(learn_lexicons(pages, seed=0))
    rows = [_rows(page, blocks, partial[page.gold.fold]) for page in pages]
    n_first = len(FEATURES)
    fits = [_boost(pages, rows, folds != fold, n_first) for fold in range(FOLDS)]
    first = [
        fits[page.gold.fold].predict(x[:, :n_first]).astype(np.float32) for page, x in zip(pages, rows, strict=True)
    ]
    trees = _export(_boost(pages, rows, folds >= 0, n_first))
    for page, x, p, lexicons in zip(pages, rows, first, (partial[page.gold.fold] for page in pages), strict=True):
        if len(x):
            _read(page, blocks)
            blocks.describe(lexicons)
            blocks.see_context(p)
            x[:, n_first:] = blocks.rows[: len(x), n_first:]
    second: list[NDArray[np.float32]] = []
    if both_out_of_fold:
        fits = [_boost(pages, rows, folds != fold, None) for fold in range(FOLDS)]
        second = [fits[page.gold.fold].predict(x).astype(np.float32) for page, x in zip(pages, rows, strict=True)]
    second_trees = _export(_boost(pages, rows, folds >= 0, None))
    f1 = {"first": cut_scores(pages, first, blocks)}
    if second:
        f1["second"] = cut_scores(pages, second, blocks)
    best = {stage: CUTS[int(np.argmax(list(scores.values())))] for stage, scores in f1.items()}
    cuts = best["first"], best.get("second", best["first"])
    return Fitted(Model(whole.markup, whole.text, trees, second_trees, *cuts), first, second, f1)


def cut_scores(pages: Sequence[ReadPage], p: Sequence[NDArray[np.float32]], blocks: Blocks) -> dict[str, float]:
    """Mean word F1 by cut."""
    scores = np.zeros((len(pages), len(CUTS)))
    for number, (page, found) in enumerate(zip(pages, p, strict=True)):
        _read(page, blocks)
        texts, n = block_texts(blocks, page.gold.html), len(found)
        best = best_cut(found, blocks.room.blocks, n) if n else 1.0
        known: dict[bytes, float] = {}
        for k, cut in enumerate(CUTS):
            keep = found >= cut.at(best)
            key = keep.tobytes()
            if key not in known:
                known[key] = word_f1("\n".join(texts[i] for i in np.nonzero(keep)[0]), page.gold.text)
            scores[number, k] = known[key]
    return {f"{cut.base} {cut.share}": float(score) for cut, score in zip(CUTS, scores.mean(0), strict=True)}


def _untrained(lexicons: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Model:
    return Model(*lexicons, NO_TREES, NO_TREES, Cut(0, 0), Cut(0, 0))


def _read(page: ReadPage, blocks: Blocks) -> None:
    blocks.read(np.frombuffer(page.gold.html, np.uint8))


def _rows(page: ReadPage, blocks: Blocks, lexicons: Model) -> NDArray[np.float32]:
    _read(page, blocks)
    if blocks.n:
        blocks.describe(lexicons)
    return blocks.rows[: blocks.n].copy()


def _boost(
    pages: Sequence[ReadPage], rows: Sequence[NDArray[np.float32]], chosen: NDArray[np.bool_], n_columns: int | None
) -> lightgbm.Booster:
    """Trees fitted on the chosen pages, by the first columns."""
    chance = np.random.default_rng(0)
    x, y, weights = [], [], []
    for page, row, is_chosen in zip(pages, rows, chosen, strict=True):
        sampled, weight = _sample(page.tree_weights, chance)
        if is_chosen and len(sampled):
            x.append(row[sampled, :n_columns])
            y.append(page.y[sampled])
            weights.append(weight)
    data = lightgbm.Dataset(np.concatenate(x), np.concatenate(y), weight=np.concatenate(weights))
    return lightgbm.train(SETTINGS, data, ROUNDS)


def _sample(weights: NDArray[np.float64], chance: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    places = np.nonzero(weights > 0)[0]
    if len(places) <= MOST_BLOCKS:
        return places, weights[places]
    order = places[np.argsort(-weights[places], kind="stable")]
    heavy, rest = order[: MOST_BLOCKS // 2], order[MOST_BLOCKS // 2 :]
    drawn = chance.choice(rest, MOST_BLOCKS - len(heavy), replace=False)
    return np.concatenate([heavy, drawn]), np.concatenate([weights[heavy], weights[drawn] * len(rest) / len(drawn)])


def _export(booster: lightgbm.Booster) -> Trees:
    """The trees as heaps. A limit is rounded down to float32: no float32 lies between the two."""
    found = booster.dump_model()["tree_info"]
    features, limits = np.zeros((len(found), SPLITS), np.int32), np.full((len(found), SPLITS), np.inf, np.float32)
    values = np.zeros((len(found), LEAVES), np.float32)

    def place(tree: int, node: dict[str, Any], k: int) -> None:
        if "split_feature" not in node:
            while k < SPLITS:
                k = 2 * k + 1
            values[tree, k - SPLITS] = node["leaf_value"]
            return
        limit = np.float32(node["threshold"])
        features[tree, k] = node["split_feature"]
        limits[tree, k] = limit if float(limit) <= node["threshold"] else np.nextafter(limit, np.float32(-np.inf))
        place(tree, node["left_child"], 2 * k + 1)
        place(tree, node["right_child"], 2 * k + 2)

    for tree, info in enumerate(found):
        place(tree, info["tree_structure"], 0)
    return Trees(features, limits, values)
