import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.report.figures import TICKS, bars, category_axis, log_ticks, power_of_ten, ramp


@settings(deadline=None)
@given(low=st.floats(1e-6, 1e20), factor=st.floats(1.2, 1e30))
def test_log_ticks_lie_inside_and_are_few_but_not_one(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert ticks == sorted(set(ticks))
    assert all(low <= tick <= low * factor for tick in ticks)
    assert len(ticks) <= TICKS
    assert len(ticks) >= 2


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e5, 9e6, [1e5, 2e5, 5e5, 1e6, 2e6, 5e6]),
        (2e10, 5e13, [1e11, 1e12, 1e13]),
        (3.6, 5.2, [4, 4.5, 5]),
        (3, 9, [3, 5, 7]),
        (1e10, 1e25, [1e12, 1e15, 1e18, 1e21, 1e24]),
    ],
)
def test_log_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_powers_of_ten_are_written_as_such() -> None:
    assert [power_of_ten(value) for value in (1e13, 2e13, 1.5e-3)] == [
        "10<sup>13</sup>",
        "2×10<sup>13</sup>",
        "1.5×10<sup>-3</sup>",
    ]


def test_names_from_data_are_escaped_where_plotly_would_take_them_for_markup() -> None:
    labels = ["a<b>bold</b>", "x & y"]
    assert bars([1, 2], labels, color="@accent", hover=[])["y"] == ["a&lt;b&gt;bold&lt;/b&gt;", "x &amp; y"]
    assert category_axis(labels)["categoryarray"] == ["x &amp; y", "a&lt;b&gt;bold&lt;/b&gt;"]


def test_a_ramp_goes_from_faint_to_strong() -> None:
    assert [ramp(i, 4) for i in range(4)] == ["@ramp-0", "@ramp-2", "@ramp-5", "@ramp-7"]
    assert ramp(0, 1) == "@ramp-7"
