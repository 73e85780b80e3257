"""What is said of work under way: rates, and the time left by cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from smelt.cli import console
from smelt.cli.console import Follower
from smelt.cli.pace import Pace
from smelt.core.events import Events


def test_time_left_goes_by_cost_not_by_items() -> None:
    pace = Pace(started=100.0)
    assert pace.seconds_left(at=110.0) is None
    pace.add(0.8, 400, 2_000_000)  # one item of three, but most of the cost
    assert pace.seconds_left(at=140.0) == pytest.approx(10.0)
    assert pace.in_words(at=140.0) == "10 documents/s, 0.05 MB/s, 10 s left"


def test_what_an_earlier_run_did_does_not_make_this_one_look_fast() -> None:
    pace = Pace(started=0.0, left=0.5)  # half was done before
    pace.add(0.25, 10, 1000)
    assert pace.seconds_left(at=20.0) == pytest.approx(20.0)


def test_a_phase_that_counts_no_documents_says_its_time_left_alone() -> None:
    pace = Pace(started=0.0)
    pace.add(0.5, 0, 0)
    assert pace.in_words(at=30.0) == "30 s left"


def test_off_a_terminal_a_long_phase_says_how_it_goes_in_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    events = Events(tmp_path / "log.jsonl", "corpus/clean@0123456789ab")
    with Follower(events):
        events.emit("phase", label="curate", items=4, done=1, left=0.75)
        events.emit("item", label="curate", number="00001", share=0.5, documents=300, bytes=1_000_000)
    said = capsys.readouterr().err
    assert "corpus/clean curate: 2 of 4, " in said
    assert " documents/s, " in said
    assert " left" in said
    assert "\x1b" not in said


def test_a_phase_whose_items_are_all_done_has_no_time_left() -> None:
    pace = Pace(started=0.0)
    for _ in range(10):
        pace.add(0.1, 1, 100)
    assert pace.seconds_left(at=5.0) == 0
