"""What is said of work under way: rates, and the time left by cost."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from smelt.cli import console
from smelt.cli.console import Follower
from smelt.cli.pace import Pace
from smelt.core.events import Events


def test_time_left_goes_by_cost_not_by_items() -> None:
    pace = Pace(items=3, workers=1)
    assert pace.seconds_left(at=110.0) is None
    pace.add(at=140.0, share=0.8, seconds=40.0, documents=400, n_bytes=2_000_000)  # one of three, most of the cost
    assert pace.seconds_left(at=140.0) == pytest.approx(10.0)
    assert pace.in_words(at=140.0) == "10 documents/s, 0.05 MB/s, 10 s left"


def test_what_an_earlier_run_did_does_not_make_this_one_look_fast() -> None:
    pace = Pace(items=2, left=0.5, workers=1)  # half was done before
    pace.add(at=20.0, share=0.25, seconds=20.0)
    assert pace.seconds_left(at=20.0) == pytest.approx(20.0)


def test_a_phase_that_counts_no_documents_says_its_time_left_alone() -> None:
    pace = Pace(items=2, workers=1)
    pace.add(at=30.0, share=0.5, seconds=30.0)
    assert pace.in_words(at=30.0) == "30 s left"


def test_between_items_the_time_left_runs_down_as_the_clock_does() -> None:
    pace = Pace(items=4, workers=1)
    pace.add(at=100.0, share=0.25, seconds=100.0)
    assert [pace.seconds_left(at) for at in (100, 150, 199)] == pytest.approx([300, 250, 201])
    pace.add(at=200.0, share=0.25, seconds=100.0)
    assert pace.seconds_left(at=200.0) == pytest.approx(200)  # and no item that ends in time makes it jump


def test_what_takes_longer_than_foreseen_says_so() -> None:
    pace = Pace(items=2, workers=1)
    pace.add(at=10.0, share=0.5, seconds=10.0, documents=100, n_bytes=1_000_000)
    assert pace.in_words(at=30.0) == "10 documents/s, 0.1 MB/s, longer than foreseen"


@dataclass(frozen=True)
class Told:
    """What was said at a moment."""

    at: float
    left: float


def followed(
    durations: Sequence[float], costs: Sequence[float], workers: int, *, pause: float = 0.0
) -> tuple[float, list[Told]]:
    """Items put through workers by a clock of our own, the costliest first; when all ended, and what was said by then,
    every second and whenever an item had ended."""
    free = [0.0] * workers
    ends: list[tuple[float, int]] = []
    for item in sorted(range(len(costs)), key=lambda item: -costs[item]):
        at = heapq.heappop(free) + pause
        ends.append((at + durations[item], item))
        heapq.heappush(free, at + durations[item])
    whole, pace, told = sum(costs), Pace(items=len(costs), workers=workers), list[Told]()
    ends.sort()
    clock = [float(second) for second in range(int(ends[-1][0]))]
    for at, item in sorted([*ends, *((second, -1) for second in clock)]):
        if item >= 0:
            pace.add(at=at, share=costs[item] / whole, seconds=durations[item])
        left = pace.seconds_left(at)
        if left is not None:
            told.append(Told(at, left))
    return ends[-1][0], told


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [2, 3, 6, 24])
def test_of_items_that_take_what_they_cost_the_end_is_foreseen_from_the_first_on(n: int, workers: int) -> None:
    end, told = followed([10.0] * n, [1.0] * n, workers)
    assert [said.at + said.left for said in told] == pytest.approx([end] * len(told))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("n", [5, 24])
def test_the_end_that_is_foreseen_stays_about_where_it_is(n: int, workers: int) -> None:
    rng = random.Random(7)
    costs = [rng.lognormvariate(3, 0.6) for _ in range(n)]
    end, told = followed([cost * rng.uniform(0.8, 1.25) for cost in costs], costs, workers, pause=1.0)
    foreseen = [said.at + said.left for said in told if said.at > end / 4]
    # By what was done in the time so far, the end was off by up to 4.7 times the whole, and moved by 3.6 at once.
    assert max(abs(moment - end) for moment in foreseen) < 0.35 * end
    assert max(abs(one - other) for one, other in pairwise(foreseen)) < 0.3 * end


def test_off_a_terminal_a_long_phase_says_how_it_goes_in_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    events = Events(tmp_path / "log.jsonl", "corpus/clean@0123456789ab")
    with Follower(events):
        events.emit("phase", label="curate", items=4, done=1, left=0.75, workers=2)
        events.emit("item", label="curate", number="00001", share=0.5, seconds=0.5, documents=300, bytes=1_000_000)
    said = capsys.readouterr().err
    assert "corpus/clean curate: 2 of 4, " in said
    assert " documents/s, " in said
    assert " left" in said
    assert "\x1b" not in said


def test_a_phase_whose_items_are_all_done_has_no_time_left() -> None:
    pace = Pace(items=10, workers=1)
    for n in range(10):
        pace.add(at=n + 1.0, share=0.1, seconds=1.0)
    assert pace.seconds_left(at=15.0) == 0
    assert pace.in_words(at=15.0) == "0 s left"
