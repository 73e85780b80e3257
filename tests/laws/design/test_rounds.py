"""An adaptive ladder widens edges, ends when N* is known or the money is gone, and is the same however it is run."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from benchmarks.design import BUDGETS, SPAN, TARGET, Setting, adaptive_of, at, grid_of, interval_of
from benchmarks.surfaces import SURFACES
from pydantic import ValidationError

from smelt.core.artifact import Artifact
from smelt.core.events import read_events
from smelt.core.local import LocalRunner
from smelt.core.recipe import step_class
from smelt.core.step import Sizes
from smelt.core.store import Store
from smelt.laws.design.ladder import AdaptiveLadder
from smelt.laws.design.rounds import Goal, next_batch, standing_of, widened
from smelt.models.sizes import Family
from smelt.runs.run import TABLE
from smelt.runs.steps import Ladder
from token_files import Chain

SETTING = Setting(SURFACES[0], noise=0.003)


def goal_of(**changes: float) -> Goal:
    values = {"target_flops": TARGET, "until": 1.1, "spend": 1e21, "batch": 4, "span": SPAN, **changes}
    return Goal(**values)  # pyright: ignore


def test_it_ends_when_the_interval_is_narrow_and_not_before() -> None:
    goal = goal_of()
    points, standing = adaptive_of(SETTING, goal, np.random.default_rng(0))
    assert standing == standing_of(points, TARGET)
    assert standing.is_narrow(goal)
    before = points.where(np.arange(len(points)) < len(points) - 4)
    assert not standing_of(before, TARGET).is_narrow(goal)
    found = interval_of(points)
    assert found is not None
    assert standing.known_to == pytest.approx(math.exp((found[1] - found[0]) / 2))


def test_it_never_spends_more_than_it_may() -> None:
    points, standing = adaptive_of(SETTING, goal_of(until=1.0001, spend=6e19), np.random.default_rng(0))
    assert not standing.is_narrow(goal_of(until=1.0001))
    assert 5e19 < points.flops.sum() <= 6e19


@pytest.mark.parametrize("offset", [1.6, -1.6])
def test_a_minimum_at_an_edge_is_widened_on_its_side(offset: float) -> None:
    wrong = Setting(SURFACES[0], noise=1e-6, sizes=3, offset=offset)
    points = grid_of(wrong, np.random.default_rng(0))
    offered = [at(budget, SURFACES[0].log_n_opt(budget) + u) for budget in BUDGETS for u in np.linspace(-4, 4, 81)]
    wider = widened(points, offered)
    assert [run.budget_flops for run in wider] == list(BUDGETS)
    for run in wider:
        tried = points.n_params[points.budget_flops == run.budget_flops]
        assert (run.n_params < tried.min()) if offset > 0 else (run.n_params > tried.max())
        # Half of what the sizes span beyond the edge, as near as the candidates come.
        edge = tried.min() if offset > 0 else tried.max()
        assert abs(math.log(run.n_params / edge)) == pytest.approx(math.log(SPAN), abs=0.06)
    assert next_batch(points, offered, goal_of()) == wider


def test_a_ladder_that_starts_in_the_wrong_place_gets_there() -> None:
    wrong = Setting(SURFACES[0], noise=0.003, offset=1.6)
    points, standing = adaptive_of(wrong, goal_of(until=1.15), np.random.default_rng(1))
    assert standing.is_narrow(goal_of(until=1.15))
    found = interval_of(points)
    assert found is not None
    assert found[2] == pytest.approx(SURFACES[0].log_n_opt(TARGET), abs=0.25)


# The step, with models that train in a blink.

TOKENS = Chain()
SOME = {"tokens": TOKENS, "flops": (2e8, 4e8, 8e8), "target": 1e10, "until": 1.001, "spend": 7e9, "batch": 2}


def some_ladder(**changes: object) -> AdaptiveLadder:
    return AdaptiveLadder.model_validate({**SOME, "family": Family(context=16), "held_out_tokens": 2000, **changes})


def digests(artifact: Artifact) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(artifact.folder.iterdir())
        if path.is_file() and path.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which the ladder was made by one worker."""
    store = Store(tmp_path_factory.mktemp("whole"), runner=LocalRunner(1))
    store.make(some_ladder())
    store.close()
    return store


def test_it_makes_a_run_table_of_several_rounds(whole: Store) -> None:
    table = whole.open(some_ladder())
    assert dict(table.runs.schema) == TABLE
    assert table.runs.height == table.curves["run"].n_unique() > 11
    assert table.runs["flops"].sum() <= 7e9 * 1.02  # a run is rounded to whole steps
    notes = [e["message"] for e, _ in read_events(whole.events.path) if e["event"] == "note"]
    assert len(notes) >= 3
    assert str(notes[-1]).endswith("wanted x1.001")
    assert any(e["event"] == "warning" for e, _ in read_events(whole.events.path))


def test_two_workers_make_the_same_bytes_as_one(whole: Store, tmp_path: Path) -> None:
    with Store(tmp_path, runner=LocalRunner(2)) as store:
        assert digests(store.make(some_ladder())) == digests(whole.open(some_ladder()))


def test_a_killed_ladder_resumes_to_the_same_bytes_and_trains_nothing_twice(whole: Store, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_make_until_killed, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    store = Store(tmp_path, runner=LocalRunner(1))
    trained = {folder.name: manifest.started for folder, manifest in store.manifests() if manifest.kind == "run"}
    assert store.find(some_ladder()) is None
    assert len(trained) >= 9
    assert digests(store.make(some_ladder())) == digests(whole.open(some_ladder()))
    after = {folder.name: manifest.started for folder, manifest in store.manifests() if manifest.kind == "run"}
    assert trained.items() <= after.items()


def _make_until_killed(folder: Path) -> None:
    """Dies, without any clean-up, when the second round is about to be chosen."""
    import os

    from smelt.laws.design import rounds as adaptive

    choose, rounds = adaptive.next_batch, []

    def choose_or_die(*arguments: object) -> object:
        rounds.append(1)
        if len(rounds) == 2:
            os._exit(9)
        return choose(*arguments)  # pyright: ignore

    adaptive.next_batch = choose_or_die  # pyright: ignore
    Store(folder, runner=LocalRunner(1)).make(some_ladder())


def test_its_runs_are_those_that_a_ladder_would_train() -> None:
    adaptive, ladder = (
        some_ladder(),
        Ladder(tokens=TOKENS, flops=(8e8,), family=Family(context=16), held_out_tokens=2000),
    )
    seed = [shape for shape in adaptive.seed_shapes(64) if shape.budget_flops == 8e8]
    steps = {ladder.train_step(rung).fingerprint for rung in ladder.rungs(64)}
    assert {adaptive.train_step(shape, 0).fingerprint for shape in seed} <= steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"spend": 4e9}, "the first 9 runs alone cost 4.2e.09"), ({"flops": (2e8, 2e8, 4e8)}, "3 different budgets")],
)
def test_a_ladder_that_cannot_start_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        some_ladder(**changes)


def test_an_estimate_says_the_most_it_can_cost() -> None:
    estimate = some_ladder().estimate(Sizes({TOKENS.fingerprint: {"vocab": 64}}, is_made=lambda _: False))
    assert estimate.core_seconds > 0
    assert estimate.note == "at most; ends when N* at 1e+10 FLOPs is known to x1.001"


def test_recipes_know_it_by_name() -> None:
    assert step_class("adaptive-ladder", where="here") is AdaptiveLadder
