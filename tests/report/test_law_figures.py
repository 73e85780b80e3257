"""Figures of a law against the law itself: contours, frontier, clouds, held-out runs, profiles, influence."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from examined_law import HELD_OUT, examined_law
from planted_runs import BUDGETS, QUICK, ladder, planted_law, surface
from smelt.laws.derive import derive_law
from smelt.laws.findings import Parametric
from smelt.laws.law import ScalingLaw
from smelt.report.clouds import DRAWN, exponent_cloud_figure, optimum_cloud_figures
from smelt.report.contours import contour, contour_figure, contour_levels, label_places
from smelt.report.figures import Figure
from smelt.report.fit import fit_figures, render_fit_report
from smelt.report.identifiability import dropping_figure, influence_figure, profile_figures
from smelt.report.residuals import parity_figure, residual_figures
from smelt.report.surface import Surface, optimum_clouds


def parametric(law: ScalingLaw) -> Parametric:
    assert law.findings.parametric is not None
    return law.findings.parametric


def places(figure: Figure, mode: str) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """x, y and colour of the traces of a mode."""
    found = [trace for trace in figure.traces if trace.get("mode") == mode and "fill" not in trace]
    styles = [trace.get("line") if mode == "lines" else trace.get("marker") for trace in found]
    return [
        (np.array(trace["x"]), np.array(trace["y"]), style["color"])  # type: ignore[index, call-overload]
        for trace, style in zip(found, styles, strict=True)
    ]


def test_a_contour_runs_where_the_loss_is_its_level() -> None:
    n_params, n_tokens = np.geomspace(1e3, 1e6, 400), np.geomspace(1e4, 1e8, 400)
    loss = surface(n_params[:, None], n_tokens[None, :])
    levels = contour_levels(loss)
    assert levels == sorted(levels, reverse=True)
    assert len(levels) > 5
    for level in levels:
        x, y = contour(level, loss, n_params, n_tokens)
        assert len(x) > 20
        assert np.all(np.diff(x / y) > 0)
        assert surface(x, y) == pytest.approx(level, rel=1e-3)


def test_labels_of_contours_stand_on_them_and_apart() -> None:
    along = np.linspace(0, 1, 101)
    curves = [(along, 1 - along), (along, np.clip(1.02 - along, 0, 1)), (along[:2], along[:2] + 0.99)]
    first, second, none = label_places(curves)
    assert first is not None
    assert second is not None
    assert none is None, "no place of it is clear of the upper edge"
    for (x, y), curve in ((first, curves[0]), (second, curves[1])):
        assert y == pytest.approx(np.interp(x, *curve))
    assert abs(first[0] - second[0]) > 0.14 or abs(first[1] - second[1]) > 0.045


def test_the_frontier_is_where_the_loss_is_least_along_a_line_of_equal_compute() -> None:
    law = planted_law()
    figure, fitted = contour_figure(law), Surface.of(law)
    assert figure is not None
    assert fitted is not None
    x, y, _ = next(line for line in places(figure, "lines") if line[2] == "@second")
    for n_params, n_tokens in zip(x, y, strict=True):
        sizes = n_params * np.geomspace(0.5, 2, 401)
        along = fitted.loss(sizes, n_params * n_tokens / sizes)
        assert sizes[along.argmin()] == pytest.approx(n_params, rel=0.01)


def test_lines_of_equal_compute_pass_through_the_runs_of_their_budget() -> None:
    runs = ladder()
    figure = contour_figure(planted_law())
    assert figure is not None
    lines = [line for line in places(figure, "lines") if line[2] == "@muted"]
    assert [6 * x[0] * y[0] for x, y, _ in lines] == pytest.approx(list(BUDGETS))
    (dots,) = places(figure, "markers")
    assert sorted(dots[0]) == pytest.approx(sorted(runs["n_params"]))


def test_a_law_without_a_form_has_no_contours_residuals_or_exponents_to_show() -> None:
    law = replace(planted_law(), findings=planted_law().findings.model_copy(update={"parametric": None}))
    assert contour_figure(law) is None
    assert residual_figures(law) == []
    assert exponent_cloud_figure(law) is None


@pytest.mark.parametrize("flops", [BUDGETS[-1], 1e13])
def test_the_cloud_of_draws_has_the_percentiles_of_the_interval(flops: float) -> None:
    law = planted_law()
    clouds, optima = optimum_clouds(law, flops), law.optimum(flops)
    assert set(clouds) == set(optima) == {"isoflop", "akima", "envelope", "parametric"}
    for method, cloud in clouds.items():
        for draws, interval in (
            (cloud.n_params, optima[method].n_params),
            (cloud.n_tokens, optima[method].n_tokens),
            (cloud.loss_nats, optima[method].loss_nats),
        ):
            ends = np.percentile(draws, (2.5, 97.5), method="closest_observation")
            assert ends == pytest.approx([interval.low, interval.high])


def test_draws_that_ran_away_are_counted_and_not_drawn() -> None:
    law = planted_law()
    wild = law.draws.with_columns(
        ln_A=pl.when(pl.int_range(pl.len()) < 3).then(600.0).otherwise("ln_A"),
        alpha=pl.when(pl.int_range(pl.len()) < 3).then(9.0).otherwise("alpha"),
    )
    plain, shown = (optimum_cloud_figures(ScalingLaw(law.findings, draws))[0] for draws in (law.draws, wild))
    assert "lie far outside" not in plain.summary
    assert "3 draws lie far outside and are not drawn" in shown.summary
    drawn = sum(len(x) for x, _, _ in places(shown, "markers"))
    assert drawn == 4 * min(DRAWN, law.draws.height) + 4 - 3
    assert "NaN" not in json.dumps(shown.data)
    assert "Infinity" not in json.dumps(shown.data)


def test_a_law_without_draws_has_no_clouds() -> None:
    law = ScalingLaw.from_json(planted_law().to_json())
    assert optimum_cloud_figures(law) == []
    assert exponent_cloud_figure(law) is None
    assert contour_figure(law) is not None


def test_residuals_are_shown_against_size_data_and_the_compute_of_the_table() -> None:
    runs = ladder(overhead=lambda n: 1.3 * np.ones_like(n))
    law = derive_law(runs, QUICK)
    by_size, by_data, by_compute = (places(figure, "markers")[0] for figure in residual_figures(law))
    assert by_size[0] == pytest.approx(runs["n_params"].to_numpy())
    assert by_data[0] == pytest.approx(runs["n_tokens"].to_numpy())
    assert by_compute[0] == pytest.approx(runs["flops"].to_numpy())
    assert by_size[1] == pytest.approx(by_compute[1])


def test_held_out_runs_are_shown_with_their_intervals_about_the_line_of_equality() -> None:
    figure = parity_figure(HELD_OUT)
    assert figure is not None
    (x, y, _), dots = places(figure, "lines")[0], figure.traces[1]
    assert list(x) == list(y) == [4.0, 5.3]
    assert dots["x"] == [5.0, 4.0]
    assert dots["error_y"]["array"] == pytest.approx([0.2, 0.0])  # type: ignore[index, call-overload]
    assert "2.0% in the mean" in figure.summary
    assert "50.0% of the runs" in figure.summary
    assert figure.table is not None
    assert figure.table.rows[0] == ("a", "5.000", "5.100 (4.900 to 5.300)", "+2.00%")
    assert parity_figure(HELD_OUT.model_copy(update={"runs": []})) is None


def test_a_profile_marks_the_ends_it_has_and_no_other() -> None:
    (figure,) = profile_figures(parametric(examined_law()))
    assert [shape["x0"] for shape in figure.shapes if shape.get("yref") == "paper"] == [0.11]
    assert [shape["y0"] for shape in figure.shapes if shape.get("xref") == "paper"] == [3.8]
    assert "alpha has no upper end" in figure.summary
    assert profile_figures(parametric(planted_law()).model_copy(update={"identifiability": {}})) == []


def test_influence_names_the_runs_and_what_they_move() -> None:
    fitted = parametric(examined_law())
    influence, dropping = influence_figure(fitted), dropping_figure(fitted)
    assert influence is not None
    assert influence.table is not None
    assert influence.table.rows == [("<b>run</b>", "1.4", "+1.00%", "+0.02", "-0.1")]
    assert influence.traces[0]["y"] == ["&lt;b&gt;run&lt;/b&gt;"]
    assert dropping is not None
    assert dropping.traces[0]["y"] == [0.5, 0.48, 0.44]
    assert "without 2: x, y" in str(dropping.traces[1]["hovertext"])
    nothing = parametric(planted_law()).model_copy(update={"influence": [], "dropping": []})
    assert influence_figure(nothing) is None
    assert dropping_figure(nothing) is None


def test_every_figure_of_a_fit_has_words_a_table_and_something_to_hover() -> None:
    figures = fit_figures(examined_law(), ladder())
    assert len(figures) == len({figure.anchor for figure in figures}) == 15
    for figure in figures:
        assert len(figure.title) > 3
        assert len(figure.summary) > 20
        assert figure.table is not None, figure.anchor
        assert figure.table.rows, figure.anchor
        assert any("hovertext" in trace for trace in figure.traces), figure.anchor
        assert all(len(row) == len(figure.table.columns) for row in figure.table.rows)


def test_the_page_of_a_fit_holds_its_figures_and_every_point_of_the_checklist() -> None:
    law = examined_law()
    html = render_fit_report(law, ladder(), title="runs & <more>")
    assert re.findall(r'<section id="([a-z-]+)"', html) == ["law", "belief", "checklist"]
    for figure in fit_figures(law, ladder()):
        assert f'<figure id="{figure.anchor}">' in html
    text = html.replace("&#34;", '"').replace("&gt;", ">")
    for answer in law.findings.checklist.values():
        assert answer in text
    assert html == render_fit_report(law, ladder(), title="runs & <more>")
    assert len(html) < 2_500_000, "plotly.js takes 2 MB of it; the figures must stay small"


def test_a_target_is_drawn_as_far_as_it_lies() -> None:
    titles = [figure.title for figure in fit_figures(planted_law(), ladder(), target_flops=1e14)]
    assert "The optimum at the target budget" in titles
    without = [figure.title for figure in fit_figures(planted_law(), ladder())]
    assert "The optimum at 10 times the largest budget" in without
