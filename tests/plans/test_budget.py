"""A budget means the same in FLOPs, in GPU-hours and in money, and refuses what it cannot mean."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smelt.plans.budget import Budget
from smelt.plans.hardware import cards

GOPHER = 5.76e23


def test_gophers_flops_on_h100() -> None:
    assert Budget(flops=GOPHER, gpu="h100").compute().gpu_hours == pytest.approx(404_245, abs=1)


def test_the_three_currencies_agree() -> None:
    hours = Budget(gpu="h100", count=64, hours=240, price_per_hour=2.5).compute()
    money = Budget(gpu="h100", count=64, money=64 * 240 * 2.5, price_per_hour=2.5).compute()
    flops = Budget(gpu="h100", count=64, flops=hours.flops, price_per_hour=2.5).compute()
    assert hours == money
    assert flops.gpu_hours == pytest.approx(64 * 240)
    assert hours.cost == pytest.approx(38_400)
    assert hours.hours == pytest.approx(240)


def test_flops_alone_buy_no_hours() -> None:
    compute = Budget(flops=1e19).compute()
    assert (compute.flops, compute.gpu_hours, compute.hours, compute.cost) == (1e19, None, None, None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1e19", Budget(flops=1e19)),
        (1e19, Budget(flops=1e19)),
        ({"flops": "3.5T"}, Budget(flops=3.5e12)),
        ({"gpu": "H200", "count": 8, "hours": "2d"}, Budget(gpu="h200", count=8, hours=48)),
        ({"gpu": "h200", "count": 8, "hours": "48"}, Budget(gpu="h200", count=8, hours=48)),
        ({"gpu": "h200", "money": "50k", "price_per_hour": 2}, Budget(gpu="h200", money=50_000, price_per_hour=2)),
    ],
)
def test_budgets_as_people_write_them(given: Any, expected: Budget) -> None:
    assert Budget.model_validate(given) == expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"gpu": "h10O", "hours": 3}, "there is no card 'h10O'; did you mean 'h100'"),
        ({"gpu": "abacus", "hours": 3}, "there is no card 'abacus'; Known are b200"),
        ({"gpu": "h100", "money": 3}, "needs price_per_hour"),
        ({"money": 3, "price_per_hour": 2}, "a budget in money needs gpu"),
        ({"hours": 3}, "a budget in hours needs gpu"),
        ({"flops": 1e19, "hours": 3, "gpu": "h100"}, "flops and hours of them is given"),
        ({"gpu": "a100", "hours": 3, "precision": "fp8"}, "NVIDIA A100 SXM 80GB has no fp8 matrix products"),
        ({"gpu": "h100", "hours": "3 fortnights"}, "'3 fortnights' is not a duration"),
        ({"flops": -1}, "greater than 0"),
        ({"flops": 1e19, "mfu": 40}, "less than or equal to 1"),
        ({"flop": 1e19}, "Extra inputs are not permitted"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Budget.model_validate(given)


def test_every_card_has_plausible_figures_and_a_source() -> None:
    for name, card in cards().items():
        assert 50 < card.bf16_tflops < 5000, name
        assert 10 < card.memory_gb < 1000, name
        assert card.bandwidth_gb_s is None or 100 < card.bandwidth_gb_s < 20_000, name
        assert card.fp8_tflops is None or card.fp8_tflops == pytest.approx(2 * card.bf16_tflops, rel=0.02), name
        assert any(kind in card.source for kind in ("sheet", "paper", "brief", "page", "table", "counter", "press")), (
            name
        )


def test_a_budget_in_words() -> None:
    assert Budget(gpu="h200", count=8, hours=48).in_words() == "48 hours of 8 x NVIDIA H200 SXM at 40% MFU"
    assert Budget(flops=1e19).in_words() == "1e+19 FLOPs"
