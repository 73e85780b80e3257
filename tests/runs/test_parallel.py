"""Two processes do what one does, however the work is cut over them: DDP, FSDP2, tensor and expert parallel on gloo."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from families import KINDS
from ranks import STEPS, curves, curves_and_hashes, machine, run, through_a_stop
from smelt.errors import InputError
from smelt.runs.launch import launch
from smelt.runs.machine import Machine
from smelt.runs.world import World

UNDROPPED = [name for name, kind in KINDS.items() if not kind.config().dropout]
BOUND = ("Longformer", "Transformer-XL", "T5", "Switch")
"""Their attention is not cut by heads."""
CUT = [name for name in UNDROPPED if "Adafactor" not in name]
WITH = {
    "ddp": ["Llama", "prefix, Adafactor", "T5"],
    "fsdp": ["Llama"],
    "tensor": ["Qwen3, documents apart"],
    "expert": ["Mixtral, one shared"],
}
REST = {
    "ddp": [name for name in UNDROPPED if name not in WITH["ddp"]],
    "fsdp": [name for name in CUT if name not in WITH["fsdp"]],
    "tensor": [name for name in CUT if name not in (*BOUND, *WITH["tensor"])],
    "expert": ["Switch"],
}


@cache
def alone(name: str) -> list[float]:
    return curves(World(machine("ddp", 1)), [name])[name]


@pytest.mark.parametrize("parallel", WITH)
def test_two_processes_have_the_loss_of_one_over_fifty_steps_and_the_same_bytes_after_a_stop(
    parallel: str, tmp_path: Path
) -> None:
    stopped = WITH[parallel][-1:]
    found, hashes = launch(curves_and_hashes, machine(parallel), WITH[parallel], stopped, tmp_path)
    assert STEPS == 50
    for name, losses in found.items():
        assert len(losses) == STEPS
        assert losses == pytest.approx(alone(name), abs=1e-5), name
    for whole, gone_on in hashes:
        assert gone_on == whole


@pytest.mark.slow
@pytest.mark.parametrize("parallel", REST)
def test_the_other_kinds_too(parallel: str) -> None:
    for name, losses in launch(curves, machine(parallel), REST[parallel]).items():
        assert losses == pytest.approx(alone(name), abs=1e-5), name


def test_what_is_dropped_and_averaged_differs_by_process_but_learns_alike() -> None:
    name = next(name for name in KINDS if "dropped" in name)
    (one, _), (two, _) = run(World(machine("ddp", 1)), name), launch(run, machine("fsdp"), name)
    assert one != two
    assert two[-1] == pytest.approx(one[-1], abs=0.2)
    assert two[-1] < two[0] - 0.5


@pytest.mark.parametrize("parallel", ["fsdp"])
def test_a_run_goes_on_with_other_processes_only_if_asked_and_says_so(parallel: str, tmp_path: Path) -> None:
    name = "Qwen3, documents apart"
    launch(through_a_stop, machine(parallel), name, tmp_path, 20)
    with pytest.raises(InputError, match=rf"written by a run of 2 processes \({parallel}\)"):
        through_a_stop(World(machine("ddp", 1)), name, tmp_path)
    _, _, changes = through_a_stop(World(machine("ddp", 1, accept_change=True)), name, tmp_path, 35)
    assert changes == [f"step 20: 2 processes ({parallel}), then one process"]
    losses, _, changes = launch(through_a_stop, machine(parallel, accept_change=True), name, tmp_path)
    assert changes[1] == f"step 35: one process, then 2 processes ({parallel})"
    assert losses == pytest.approx(alone(name), abs=1e-5)


@pytest.mark.parametrize(
    ("said", "kind", "wrong"),
    [
        ({"processes": 3}, "Llama", "a step has 4 rows"),
        ({"processes": 3, "parallel": "tensor"}, "Llama", "do not divide"),
        ({"processes": 2, "parallel": "tensor"}, "T5", "not cut by heads"),
        ({"processes": 2, "parallel": "expert"}, "Llama", "no experts"),
    ],
)
def test_what_cannot_be_cut_is_refused_before_anything_starts(said: dict[str, object], kind: str, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        Machine.model_validate(said).check(KINDS[kind].config(), 4)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="of its kind are here"):
        launch(curves, Machine(device="cuda", processes=99), ["Llama"])


def test_adafactor_is_refused_where_matrices_are_cut() -> None:
    with pytest.raises(InputError, match="needs whole matrices"):
        launch(curves, machine("fsdp"), ["prefix, Adafactor"])
