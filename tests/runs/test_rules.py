"""A rule by name gives the batch and the rates that its paper does."""

from __future__ import annotations

import pytest

from smelt.models.flops import n_params_non_embedding
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams, LearningRates, Pace, learning_rates, pace
from smelt.runs.rules import resolve

CONFIG = Family(context=2048).shape(vocab=50_304, d_model=768, n_layers=12)
N = n_params_non_embedding(CONFIG)


def under(rule: str, n_tokens: float, **more: object) -> tuple[Pace, LearningRates, Hparams]:
    hparams = resolve(Hparams.model_validate({"rule": rule, **more}), CONFIG, n_tokens)
    found = pace(hparams, n_tokens=n_tokens, context=CONFIG.context)
    return found, learning_rates(hparams, d_model=CONFIG.d_model, batch_tokens=found.batch_tokens), hparams


def test_the_step_law_at_its_own_example() -> None:
    """Li et al. 2025, equation 1; the batch is rounded to whole windows, and rates follow its root."""
    found, rates, hparams = under("step-law", 1e10)
    assert found.batch_tokens == pytest.approx(0.58 * 1e10**0.571, rel=0.01)
    assert rates.matrix == rates.embedding == pytest.approx(1.79 * N**-0.713 * 1e10**0.307, rel=0.01)
    assert rates.head == pytest.approx(rates.matrix)
    assert hparams.optimiser == "adamw"


def test_olmos_ladder_does_not_ask_how_many_tokens() -> None:
    first, second = (under("olmo", n_tokens) for n_tokens in (2e9, 2e10))
    assert (
        first[0].batch_tokens == second[0].batch_tokens == pytest.approx(160 * 2048 * (N / 108e6) ** (2 / 3), rel=0.01)
    )
    assert first[1].norm == pytest.approx(0.00235 * (N / 108e6) ** (-1 / 3), rel=0.01)


def test_nanochat_at_its_own_depth_is_nanochats() -> None:
    found, rates, hparams = under("nanochat", 1.32e9)
    assert found.batch_tokens == 2**19
    assert rates == LearningRates(
        matrix=pytest.approx(0.02), embedding=pytest.approx(0.3), head=pytest.approx(0.008), norm=pytest.approx(0.008)
    )  # pyright: ignore[reportArgumentType]
    assert hparams.optimiser == "muon"


@pytest.mark.parametrize("rule", ["mup", "marin"])
def test_rates_of_matrices_fall_with_the_width(rule: str) -> None:
    wide = Family(context=2048).shape(vocab=50_304, d_model=1536, n_layers=12)
    rates = [
        learning_rates(resolve(Hparams(rule=rule), config, 1e9), d_model=config.d_model, batch_tokens=2048)  # pyright: ignore
        for config in (CONFIG, wide)
    ]
    assert rates[0].matrix == pytest.approx(2 * rates[1].matrix)
    assert rates[0].head == pytest.approx(2 * rates[1].head)
    assert rates[0].embedding == pytest.approx(rates[1].embedding * (1 if rule == "mup" else 2))


def test_the_ladders_own_rule_changes_nothing_and_others_keep_what_they_do_not_decide() -> None:
    assert resolve(Hparams(clip=1.0), CONFIG, 1e9) == Hparams(clip=1.0)
    assert under("olmo", 1e9, clip=1.0, precision="bf16")[2].precision == "bf16"
    assert "rule" not in Hparams().model_dump()
