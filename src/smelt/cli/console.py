"""Progress on stderr, from the events of a run: one line an artifact, the current phase below on a terminal.

Off a terminal (a log, a job queue) a phase that goes on for long says every now and then in a plain line how it goes.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from smelt.cli.pace import Pace
from smelt.core.events import Event, Events, read_events
from smelt.units import format_count, format_seconds

POLL_SECONDS = 0.1
PLAIN_SECONDS = 10.0
"""Between plain lines off a terminal: often enough to see that it lives (taste)."""


class Follower:
    """Follows a session's events from `with` to its end and shows them."""

    def __init__(self, events: Events) -> None:
        self._path, self._offset = events.path, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._progress = _progress_bar()
        self._bars: dict[tuple[str, str], TaskID] = {}
        self._paces: dict[tuple[str, str], Pace] = {}
        self._spoke = time.time()

    def __enter__(self) -> Follower:
        self._progress.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._progress.stop()

    def _follow(self) -> None:
        leaving = False
        while not leaving:
            leaving = self._stop.wait(POLL_SECONDS)  # once more after the end, for the last lines
            for event, offset in read_events(self._path, self._offset):
                self._offset = offset
                self._show(event)
            self._tell_pace(time.time())

    def _tell_pace(self, now: float) -> None:
        """Brings the words beside the bars up to date; off a terminal prints them, when it is time to."""
        for key, bar in self._bars.items():
            self._progress.update(bar, pace=self._paces[key].in_words(now))
        if self._progress.disable and now - self._spoke >= PLAIN_SECONDS:
            self._spoke = now
            for task in self._progress.tasks:
                of = f"{task.completed:.0f} of {task.total:.0f}"
                line = ", ".join(filter(None, [f"{task.description}: {of}", task.fields["pace"]]))
                self._progress.console.print(line, markup=False, highlight=False)

    def _show(self, event: Event) -> None:
        artifact, label = str(event.get("artifact")), str(event.get("label"))
        match event["event"]:
            case "phase":
                todo = int(_number(event, "items") - _number(event, "done"))
                workers = int(_number(event, "workers"))
                self._paces[artifact, label] = Pace(todo, left=_number(event, "left"), workers=workers)
                self._bars[artifact, label] = self._progress.add_task(
                    f"{artifact.partition('@')[0]} {label}",
                    total=_number(event, "items"),
                    completed=int(_number(event, "done")),
                    pace="",
                )
            case "item" if (artifact, label) in self._bars:
                self._progress.advance(self._bars[artifact, label])
                self._paces[artifact, label].add(
                    at=_number(event, "time"),
                    share=_number(event, "share"),
                    seconds=_number(event, "seconds"),
                    documents=_number(event, "documents"),
                    n_bytes=_number(event, "bytes"),
                )
            case "done":
                self._finish(artifact, event)
            case "warning" | "note":
                self._progress.console.print(f"{artifact}: {event.get('message')}", markup=False, highlight=False)
            case _:
                pass  # other events are for other readers: curves of a run, for one

    def _finish(self, artifact: str, event: Event) -> None:
        for key in [key for key in self._bars if key[0] == artifact]:
            self._progress.remove_task(self._bars.pop(key))
        if artifact.startswith("run/"):
            return  # a ladder's runs are counted by its bar
        counts = event.get("counts")
        numbers = ", ".join(summary_of(counts)) if isinstance(counts, dict) else ""
        took = format_seconds(_number(event, "seconds"))
        self._progress.console.print(f"{artifact:<34} {took:>12}  {numbers}", markup=False, highlight=False)


def summary_of(counts: Event) -> list[str]:
    """The plain numbers of an artifact's counts, for people: `["1.2k documents", "3.4M bytes"]`."""
    return [
        f"{format_count(value)} {name.replace('_', ' ')}"
        for name, value in counts.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    pace = TextColumn("{task.fields[pace]}", markup=False)
    console = Console(stderr=True, soft_wrap=True)
    return Progress(*columns, pace, console=console, transient=True, disable=not sys.stderr.isatty())


def _number(event: Event, name: str) -> float:
    value = event.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
