"""What a run will take is told before it starts, and one that does not fit is refused with what would."""

from __future__ import annotations

import pytest

from smelt.errors import InputError
from smelt.models.flops import n_params
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams
from smelt.runs.machine import Machine
from smelt.runs.memory import check_fits, needed_bytes, pass_rows, training_bytes

CONFIG = Family(context=256).shape(vocab=4096, d_model=384, n_layers=8)
HPARAMS = Hparams()


def test_what_is_needed_is_more_than_weights_gradients_and_state_and_grows_with_a_pass() -> None:
    adamw, muon = (
        training_bytes(CONFIG, Hparams(optimiser=name), pass_tokens=2048) for name in ("adamw", "muon")
    )  # fmt: skip
    assert adamw > muon > 4 * 3 * n_params(CONFIG)
    one, two = (training_bytes(CONFIG, HPARAMS, pass_tokens=n) for n in (2048, 4096))
    assert one < two < 2 * one
    assert training_bytes(CONFIG, HPARAMS, pass_tokens=4096, recompute=True) < two
    assert training_bytes(CONFIG, Hparams(precision="bf16"), pass_tokens=4096) < two


def test_a_peak_that_was_measured() -> None:
    """384 wide, 8 layers, three passes of 2,048 tokens: 1,890 MB in fp32 and 1,221 in bf16 (2026-11)."""
    for precision, measured in (("fp32", 1890e6), ("bf16", 1221e6)):
        hparams = Hparams.model_validate({"precision": precision})
        assert needed_bytes(CONFIG, hparams, Machine(), rows=24, row_tokens=256) == pytest.approx(measured, rel=0.1)


def test_rows_are_passed_as_the_machine_says_and_at_least_one() -> None:
    assert pass_rows(Machine(), rows=24, row_tokens=256) == 8
    assert pass_rows(Machine(), rows=3, row_tokens=256) == 3
    assert pass_rows(Machine(processes=2), rows=8, row_tokens=256) == 4
    assert pass_rows(Machine(micro_batch_tokens=100), rows=24, row_tokens=256) == 1


def test_what_does_not_fit_is_refused_with_the_pass_that_would() -> None:
    machine, rows = Machine(micro_batch_tokens=8192), 64
    with pytest.raises(InputError, match=r"(?s)8,192 tokens a pass need about .* GiB.*take (\d,)?\d+") as refused:
        check_fits(CONFIG, HPARAMS, machine, rows=rows, row_tokens=256, available=2e9)
    advised = int(str(refused.value).rpartition("take ")[2].replace(",", ""))
    smaller = Machine(micro_batch_tokens=advised)
    check_fits(CONFIG, HPARAMS, smaller, rows=rows, row_tokens=256, available=2e9)
    larger = Machine(micro_batch_tokens=advised + 256)
    with pytest.raises(InputError):
        check_fits(CONFIG, HPARAMS, larger, rows=rows, row_tokens=256, available=2e9)


def test_where_nothing_fits_a_smaller_model_is_advised() -> None:
    with pytest.raises(
        InputError, match=r"even one row needs .*: take a smaller model or a shorter context, or machine"
    ):
        check_fits(CONFIG, HPARAMS, Machine(), rows=8, row_tokens=256, available=3e8)
