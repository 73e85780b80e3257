"""Figures as SVG or PNG files, without a browser: what figures.py makes, drawn by matplotlib.

The traces are few: lines, filled areas, marks with error bars, words, horizontal bars. Each is drawn in the colours of
the page's light scheme. The same figure gives the same bytes: no dates, no random ids. An SVG keeps its text as text,
so that whatever has the letters shows them; in a PNG a box stands for a letter that no font of this machine has.

matplotlib is the extra `figures`. kaleido, plotly's own way to files, drives a Chrome.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from smelt.core.shards import write_whole
from smelt.errors import InputError
from smelt.report.figures import Axis, Figure, Key, Trace
from smelt.report.section import read_asset
from smelt.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Format = Literal["svg", "png"]
Color = str | tuple[float, float, float, float]

DPI = 150
"""Of a PNG: sharp on a screen and in a slide."""
WIDTH = 7.2
"""Inches; a figure's height in pixels is taken at 96 to the inch, as browsers do."""
PIXEL = 72 / 96
"""Points of a browser's pixel."""
PADDING = 0.1
"""About the drawing, inches."""
LINE = 0.17
"""Height of a line of caption or legend, inches."""
CAPTION = 116
"""Letters in a line of the caption."""
KEYS = 4
"""Entries in a line of the legend, at most."""
LEGEND = 108
"""Letters of a line of the legend, of which an entry's mark takes `MARK`."""
MARK = 6
MANY = 1e4
"""Ticks from here on are written 20k, 3B."""
FONTS = ("Noto Sans", "Liberation Sans", "Arial", "Helvetica", "DejaVu Sans")
HAN_FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
"""For Han characters, where one of these is installed."""
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
MARKERS = {"circle": ("o", 1.0), "star": ("*", 1.5), "star-open": ("*", 1.5)}
"""Plotly's symbols in matplotlib's, and how much larger these must be drawn."""
DASHES = {"solid": "-", "dot": ":"}
KEY_STYLES = {"dot": ("o", "none"), "star": ("*", "none"), "line": ("", "-"), "dotted": ("", ":")}
"""Mark and line of a legend's entry."""


def write_figures(figures: Sequence[Figure], folder: Path, *, form: str = "svg") -> list[Path]:
    """Writes each figure to `folder`/ANCHOR.svg, or .png, and gives the paths. InputError for another format."""
    format_ = _format(form)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for figure in figures:
        path = folder / f"{figure.anchor}.{form}"
        with write_whole(path) as temporary:
            temporary.write_bytes(draw(figure, form=format_))
        paths.append(path)
    return paths


def draw(figure: Figure, *, form: Format) -> bytes:
    """The file of a figure: title, legend, drawing, and its summary below."""
    matplotlib = _matplotlib()
    with matplotlib.rc_context(_style(figure.anchor)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        canvas = _draw(figure)
        file = io.BytesIO()
        # The names of the metadata are the formats' own; Date and Software would differ by day and by version.
        about = {"Title": figure.title, "Description": figure.summary}
        without = {"Date": None} if form == "svg" else {"Software": None}
        canvas.savefig(file, format=form, dpi=DPI, metadata={**about, **without})
    return file.getvalue()


def _format(form: str) -> Format:
    if form not in get_args(Format):
        raise InputError(where=f"--format {form}", what="is no format of figures", expected="svg or png")
    return cast("Format", form)


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise InputError(
            where="--figures", what="matplotlib is not installed", do="install it: pip install 'smelt[figures]'"
        ) from error
    return matplotlib


def _draw(figure: Figure) -> Canvas:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    caption = textwrap.wrap(_plain(figure.summary), CAPTION)
    rows = len(caption) + math.ceil(len(figure.legend) / _legend_columns(figure.legend))
    height = figure.height / 96 + 2 * LINE + LINE * rows
    canvas = Canvas(
        figsize=(WIDTH, height),
        layout=ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING),
        facecolor=_color("@surface"),
    )
    axes = canvas.add_subplot(facecolor=_color("@surface"))
    _set_axis(axes, figure.x, "x")
    _set_axis(axes, figure.y, "y")
    _draw_traces(axes, figure)
    for shape in figure.shapes:
        _shape(axes, shape)
    _legend(axes, figure.legend)
    canvas.suptitle(_plain(figure.title), x=0.012, ha="left", fontsize=11, fontweight="bold")
    canvas.supxlabel("\n".join(caption), x=0.012, ha="left", fontsize=8.5, color=_color("@muted"))
    return canvas


def _draw_traces(axes: Axes, figure: Figure) -> None:
    lengths: dict[str, float] = {}
    for place, trace in enumerate(figure.traces):
        if trace["type"] == "bar":
            _bars(axes, trace, lengths)
        elif trace.get("mode") == "text":
            _words(axes, trace)
        elif trace.get("mode") == "markers":
            _marks(axes, trace, place)
        elif trace.get("fill") == "toself":
            axes.fill(trace["x"], trace["y"], facecolor=_color(trace["fillcolor"]), linewidth=0, zorder=1)
        elif trace.get("mode") == "lines":
            _line(axes, trace, place)
        else:
            raise TypeError(f"no file can be drawn of a trace {trace['type']}, {trace.get('mode')}")


def _line(axes: Axes, trace: Trace, place: int) -> None:
    style = _record(trace, "line")
    axes.plot(
        cast("list[float]", trace["x"]),
        cast("list[float]", trace["y"]),
        color=_color(style["color"]),
        linewidth=float(style["width"]) * PIXEL,
        linestyle=DASHES[style.get("dash", "solid")],
        zorder=2 + place / 1000,
    )


def _marks(axes: Axes, trace: Trace, place: int) -> None:
    style = _record(trace, "marker")
    color, hollow = _color(style["color"]), style["symbol"].endswith("-open")
    marker, scale = MARKERS[style["symbol"]]
    x, y = cast("list[float]", trace["x"]), cast("list[float]", trace["y"])
    if "error_y" in trace:
        error = _record(trace, "error_y")
        ends = [error["arrayminus"], error["array"]]
        axes.errorbar(x, y, ends, fmt="none", ecolor=color, elinewidth=1, capsize=2, zorder=2 + place / 1000)
    axes.scatter(
        x,
        y,
        s=(float(style["size"]) * PIXEL * scale) ** 2,
        marker=marker,
        facecolor="none" if hollow else color,
        edgecolor=color if hollow else _color(style["line"]["color"]),
        linewidth=0.75,
        alpha=cast("float", trace.get("opacity", 1.0)),
        zorder=2 + place / 1000,
    )


def _words(axes: Axes, trace: Trace) -> None:
    font = _record(trace, "textfont")
    columns = (cast("list[Any]", trace[name]) for name in ("x", "y", "text"))
    for x, y, text in zip(*columns, strict=True):
        axes.annotate(
            _plain(text),
            (x, y),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=float(font["size"]) * PIXEL,
            color=_color(font["color"]),
            clip_on=True,
        )


def _bars(axes: Axes, trace: Trace, lengths: dict[str, float]) -> None:
    """Bars of the same label are put end to end."""
    names = [_plain(name) for name in cast("list[str]", trace["y"])]
    values = cast("list[float]", trace["x"])
    starts = [lengths.get(name, 0.0) for name in names]
    axes.barh(names, values, left=starts, height=0.65, color=_color(_record(trace, "marker")["color"]))
    for name, start, value in zip(names, starts, values, strict=True):
        lengths[name] = start + value


def _shape(axes: Axes, shape: Trace) -> None:
    style = _record(shape, "line")
    how: dict[str, Any] = {"color": _color(style["color"]), "linestyle": DASHES[style["dash"]], "linewidth": 1.1}
    if shape.get("yref") == "paper":
        axes.axvline(cast("float", shape["x0"]), **how)
    else:
        axes.axhline(cast("float", shape["y0"]), **how)


def _set_axis(axes: Axes, said: Axis, name: Literal["x", "y"]) -> None:
    title = cast("Mapping[str, str]", said.get("title", {"text": ""}))["text"]
    axes.set(**{f"{name}label": _plain(title)})
    of_axis = axes.xaxis if name == "x" else axes.yaxis
    if said["type"] == "log":
        axes.set(**{f"{name}scale": "log"})
        of_axis.minorticks_off()
        texts = [_plain(text) for text in cast("list[str]", said["ticktext"])]
        of_axis.set_ticks(cast("list[float]", said["tickvals"]), texts)
    if said["type"] == "category":
        order = [_plain(label) for label in cast("list[str]", said["categoryarray"])]
        of_axis.update_units(order)
        of_axis.grid(visible=False)
    if said["type"] == "linear":
        of_axis.set_major_formatter(_tick)
    if "range" in said:
        ends = cast("list[float]", said["range"])
        axes.set(**{f"{name}lim": [10**end for end in ends] if said["type"] == "log" else ends})
    if said.get("rangemode") == "tozero":
        axes.set(**{f"{name}lim": (0, None)})


def _tick(value: float, _: float) -> str:
    """As on the page: 20k, 3B; small numbers in full."""
    return format_count(value) if abs(value) >= MANY else f"{value:.6g}"


def _legend(axes: Axes, keys: Sequence[Key]) -> None:
    """Above the drawing."""
    from matplotlib.lines import Line2D

    handles: list[Line2D] = []
    for key in keys:
        marker, dashes = KEY_STYLES[key.shape]
        style: dict[str, Any] = {"color": _color(key.color), "marker": marker, "linestyle": dashes, "markersize": 5}
        handles.append(Line2D([], [], label=_plain(key.label), **style))
    if handles:
        axes.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=_legend_columns(keys),
            frameon=False,
            fontsize=8,
            labelcolor=_color("@muted"),
            columnspacing=1.2,
            handlelength=1.4,
            borderaxespad=0.2,
        )


def _legend_columns(keys: Sequence[Key]) -> int:
    """As many as there is width for; matplotlib fills the columns from the left."""
    for columns in range(min(KEYS, len(keys)), 1, -1):
        rows, longer = divmod(len(keys), columns)
        ends = [rows * (place + 1) + min(place + 1, longer) for place in range(columns)]
        parts = [keys[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        if sum(MARK + max(len(key.label) for key in part) for part in parts) <= LEGEND:
            return columns
    return 1


def _style(anchor: str) -> dict[str, Any]:
    muted, rule = _color("@muted"), _color("@rule")
    return {
        "font.family": _fonts(),
        "font.size": 9,
        "text.parse_math": False,
        "text.color": _color("@ink"),
        "axes.formatter.useoffset": False,
        "axes.labelcolor": muted,
        "axes.edgecolor": rule,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": _color("@grid"),
        "xtick.color": rule,
        "ytick.color": rule,
        "xtick.labelcolor": muted,
        "ytick.labelcolor": muted,
        "svg.fonttype": "none",
        "svg.hashsalt": anchor,
    }


@cache
def _fonts() -> list[str]:
    """Those of the named fonts that are installed; DejaVu Sans travels with matplotlib."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return [name for name in (*FONTS[:-1], *HAN_FONTS, FONTS[-1]) if name in installed]


def _plain(markup: str) -> str:
    """Text without plotly's markup: 10<sup>13</sup> as 10¹³."""
    raised = re.sub(r"<sup>([-0-9]+)</sup>", lambda found: found[1].translate(SUPERSCRIPTS), markup)
    return unescape(raised)


def _record(trace: Trace, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", trace[name])


def _color(name: object) -> Color:
    """A colour of the page's light scheme as matplotlib takes it."""
    value = _light()[str(name).removeprefix("@")]
    if not value.startswith("rgba"):
        return value
    red, green, blue, alpha = (float(part) for part in value[5:-1].split(","))
    return (red / 255, green / 255, blue / 255, alpha)


@cache
def _light() -> dict[str, str]:
    first = read_asset("style.css").split("@media")[0]
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]+|rgba\([^)]*\));", first))
