"""Figures as values: what plotly.js draws, said in plain dictionaries, with the words and the table beside it.

Colours are names such as `@accent`, which the page's script looks up in the style sheet: so one figure serves light
and dark. Every figure says in words what it shows, and carries its key numbers as a table, for those who cannot see
or hover it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from pydantic import JsonValue

from smelt.laws.findings import Interval

Trace = dict[str, JsonValue]
Axis = dict[str, JsonValue]
Numbers = Sequence[float]

Dash = Literal["solid", "dot"]

TICKS = 6
"""On a logarithmic axis: as many labels as a phone is wide enough for."""
DECADES = 1
"""Powers of ten from which on a logarithmic axis reads better than a linear one (taste)."""
LABEL_SIZE = 11
"""Of words in a drawing, pixels."""
RAMP = 8
"""Colours in the style sheet's ramp, `--ramp-0` (faint) to `--ramp-7` (strong)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: words are set left, and columns of numbers right."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 1
    """How many columns, from the left, hold words."""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a figure's legend."""

    color: str
    label: str
    shape: Literal["line", "dotted", "dot", "star"] = "dot"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its words."""

    anchor: str
    """Its id on the page."""
    title: str
    summary: str
    """What is to be seen, in a sentence or two: the caption."""
    traces: Sequence[Trace]
    x: Axis
    y: Axis
    table: Table | None = None
    legend: Sequence[Key] = ()
    height: int = 420
    shapes: Sequence[Trace] = ()

    @property
    def data(self) -> dict[str, JsonValue]:
        """What the page's script hands to plotly, once colours are looked up."""
        return {"traces": list(self.traces), "x": self.x, "y": self.y, "shapes": list(self.shapes)}


def axis(title: str) -> Axis:
    """A linear axis with its title, unit included."""
    return {"title": {"text": title}, "type": "linear"}


def log_axis(title: str, values: Numbers, label: Callable[[float], str]) -> Axis:
    """A logarithmic axis over `values`, its ticks labelled whole: plotly writes 2, 3, 5 between powers of ten."""
    ticks = log_ticks(min(values), max(values))
    return {
        "title": {"text": title},
        "type": "log",
        "tickvals": list(ticks),
        "ticktext": [label(tick) for tick in ticks],
    }


def free_axis(title: str, values: Numbers, label: Callable[[float], str]) -> Axis:
    """Logarithmic where positive values span more than `DECADES`, else linear."""
    is_log = min(values) > 0 and max(values) > 10**DECADES * min(values)
    return log_axis(title, values, label) if is_log else axis(title)


def within(found: Axis, low: float, high: float) -> Axis:
    """The axis from `low` to `high` and no further, whatever is drawn."""
    ends = [math.log10(low), math.log10(high)] if found["type"] == "log" else [low, high]
    return {**found, "range": list(ends)}


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, as many as `TICKS` allows: from tenths of a power of ten to every nth one."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = (tuple(i / n for i in range(n, 10 * n)) for n in (10, 5, 2, 1))
    steps = [
        *((mantissas, 1) for mantissas in (*fine, (1, 2, 3, 5, 7), (1, 2, 5), (1, 3))),
        *(((1,), n) for n in range(1, last - first + 2)),
    ]
    for mantissas, stride in steps:
        powers = (10.0**exponent for exponent in range(first, last + 1) if exponent % stride == 0)
        ticks = [tick for power in powers for mantissa in mantissas if low <= (tick := mantissa * power) <= high]
        if len(ticks) <= TICKS:
            return ticks
    return []


def power_of_ten(value: float) -> str:
    """A tick in plotly's markup: 2e13 as 2×10<sup>13</sup>."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{'' if float(mantissa) == 1 else f'{float(mantissa):g}×'}10<sup>{int(exponent)}</sup>"


def category_axis(labels: Sequence[str]) -> Axis:
    """An axis of names, the first at the top."""
    order = [escape(label, quote=False) for label in reversed(labels)]
    return {
        "type": "category",
        "categoryarray": list(order),
        "categoryorder": "array",
        "tickmode": "linear",
        "dtick": 1,
        "ticks": "",
        "showgrid": False,
    }


def line(
    x: Numbers, y: Numbers, *, color: str, hover: Sequence[str] | str = (), width: float = 2, dash: Dash = "solid"
) -> Trace:
    """A line; `hover` is said of each point or of all, and without it the line stays silent under the pointer."""
    style: Trace = {"color": color, "width": width, **({} if dash == "solid" else {"dash": dash})}
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": style, **_hover(hover)}


def points(
    x: Numbers, y: Numbers, *, color: str, hover: Sequence[str] = (), symbol: str = "circle", size: float = 8
) -> Trace:
    """Marks, ringed in the background's colour so that they stay apart where they crowd."""
    ring: Trace = {"color": "@surface", "width": 1}
    marker: Trace = {"color": color, "size": size, "symbol": symbol, "line": ring}
    return {"type": "scatter", "mode": "markers", "x": list(x), "y": list(y), "marker": marker, **_hover(hover)}


def labels(x: Numbers, y: Numbers, texts: Sequence[str], *, color: str) -> Trace:
    """Words in the drawing, each to the right of its place; silent under the pointer."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": list(x),
        "y": list(y),
        "text": [escape(text, quote=False) for text in texts],
        "textposition": "middle right",
        "textfont": {"color": color, "size": LABEL_SIZE},
        "hoverinfo": "skip",
    }


def area(x: Numbers, y: Numbers, *, color: str) -> Trace:
    """A filled polygon."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def band(x: Numbers, low: Numbers, high: Numbers, *, color: str) -> Trace:
    """The area between two curves over the same `x`."""
    return area([*x, *reversed(x)], [*high, *reversed(low)], color=color)


def vertical_line(x: float, *, color: str = "@muted") -> Trace:
    """A dotted line from the foot of the drawing to its top, among a figure's `shapes`."""
    style: Trace = {"color": color, "width": 1.5, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": style}


def horizontal_line(y: float, *, color: str = "@muted") -> Trace:
    """The same across."""
    style: Trace = {"color": color, "width": 1.5, "dash": "dot"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": style}


def error_points(x: Numbers, y: Sequence[Interval], *, color: str, hover: Sequence[str]) -> Trace:
    """Marks with the bars of their intervals; none on a side that is open."""
    error: Trace = {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if value.high is None else value.high - value.mid for value in y],
        "arrayminus": [0.0 if value.low is None else value.mid - value.low for value in y],
        "color": color,
        "thickness": 1.5,
        "width": 4,
    }
    return {**points(x, [value.mid for value in y], color=color, hover=hover), "error_y": error}


def bars(lengths: Numbers, labels: Sequence[str], *, color: str, hover: Sequence[str]) -> Trace:
    """Horizontal bars; given twice for the same labels they stack."""
    return {
        "type": "bar",
        "orientation": "h",
        "x": list(lengths),
        "y": [escape(name, quote=False) for name in labels],
        "marker": {"color": color},
        **_hover(hover),
    }


def ramp(index: int, count: int) -> str:
    """The colour of the `index`th of `count` ordered things, faint to strong."""
    return f"@ramp-{RAMP - 1 if count == 1 else round(index * (RAMP - 1) / (count - 1))}"


def _hover(texts: Sequence[str] | str) -> Trace:
    if not texts:
        return {"hoverinfo": "skip"}
    return {"hovertext": texts if isinstance(texts, str) else list(texts), "hoverinfo": "text"}
