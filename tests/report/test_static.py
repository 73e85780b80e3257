"""Figures as files: drawn without a browser, the same bytes each time, whatever the letters."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest

from planted_runs import ladder, planted_law
from smelt.core.artifact import Artifact
from smelt.errors import InputError
from smelt.report.figures import Figure, Key, axis, bars, category_axis, error_points, line, points
from smelt.report.fit import fit_figures
from smelt.report.page import report_figures
from smelt.report.static import draw, write_figures

PNG = b"\x89PNG\r\n\x1a\n"
SVG = "{http://www.w3.org/2000/svg}"


def plain_figure(**changes: object) -> Figure:
    values: dict[str, object] = {
        "anchor": "plain",
        "title": "损失 against $N$",
        "summary": "The loss falls, 损失下降.",
        "traces": [line([1, 10], [2, 1], color="@accent"), points([5], [1.5], color="@ink", symbol="star-open")],
        "x": axis("Parameters"),
        "y": axis("Loss"),
        "legend": [Key("@accent", "训练 runs")],
    }
    return Figure(**(values | changes))  # type: ignore[arg-type]


def texts(svg: bytes) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_figure_of_every_section_can_be_drawn(artifacts: dict[str, Artifact], tmp_path: Path) -> None:
    figures = report_figures(artifacts)
    assert {"funnel-documents", "learning-curves", "isoflop", "contours"} <= {figure.anchor for figure in figures}
    paths = write_figures(figures, tmp_path / "figures")
    assert [path.name for path in paths] == [f"{figure.anchor}.svg" for figure in figures]
    for path, figure in zip(paths, figures, strict=True):
        assert figure.title in texts(path.read_bytes())


def test_a_png_is_one(tmp_path: Path) -> None:
    figures = fit_figures(planted_law(), ladder())[:2]
    paths = write_figures(figures, tmp_path, form="png")
    assert [path.name for path in paths] == ["isoflop.png", "contours.png"]
    assert all(path.read_bytes().startswith(PNG) for path in paths)


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_figure_gives_the_same_bytes(form: str) -> None:
    figure = fit_figures(planted_law(), ladder())[0]
    first, again = (draw(figure, form=form) for _ in range(2))  # type: ignore[arg-type]
    assert first == again
    assert not re.search(rb"20\d\d-\d\d-\d\d", first)


def test_letters_of_any_script_are_kept_and_dollars_are_no_formula() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = draw(plain_figure(), form="svg")
        assert draw(plain_figure(), form="png").startswith(PNG)
    assert {"损失 against $N$", "The loss falls, 损失下降.", "训练 runs"} <= set(texts(svg))


def test_files_have_the_colours_of_the_light_page() -> None:
    svg = draw(plain_figure(), form="svg").decode()
    assert "#b4491a" in svg
    assert "@" not in re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)


def test_markup_of_ticks_and_names_is_turned_into_letters() -> None:
    figure = next(figure for figure in fit_figures(planted_law(), ladder()) if figure.anchor == "n-opt")
    assert "2×10¹⁰" in texts(draw(figure, form="svg"))
    named = plain_figure(
        traces=[bars([3], ["a<b>"], color="@accent", hover=[]), bars([4], ["a<b>"], color="@faint", hover=[])],
        y=category_axis(["a<b>"]),
        legend=(),
    )
    svg = draw(named, form="svg")
    assert "a<b>" in texts(svg)
    assert "7" in texts(svg), "bars of one label are put end to end"


def test_intervals_that_are_open_are_drawn_without_a_bar() -> None:
    from smelt.laws.findings import Interval

    whole, open_ = (
        draw(plain_figure(traces=[error_points([1, 2], found, color="@ink", hover=[])]), form="svg")
        for found in ([Interval(mid=1, low=0.5, high=2)] * 2, [Interval(mid=1)] * 2)
    )
    assert whole != open_


def test_a_trace_that_no_file_can_show_is_not_left_out_in_silence() -> None:
    with pytest.raises(TypeError, match="no file can be drawn of a trace heatmap"):
        draw(plain_figure(traces=[{"type": "heatmap"}]), form="svg")


def test_another_format_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="svg or png"):
        write_figures([plain_figure()], tmp_path, form="pdf")


def test_without_matplotlib_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'smelt\[figures\]'"):
        write_figures([plain_figure()], tmp_path)
