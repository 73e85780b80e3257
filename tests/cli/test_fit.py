"""`smelt fit` on anyone's table: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from planted_runs import ALPHA, BETA, FewStarts, ladder
from smelt.laws.findings import METHOD_NAMES
from smelt.laws.forms import FORMS
from smelt.laws.law import ScalingLaw

LONG = ladder(np.geomspace(1e10, 1e19, 7), sizes=8, half_width=2, noise=0.001)
"""Runs that identify every parameter of the form."""
QUICKLY = ("--bootstrap", "200")


@pytest.fixture(autouse=True)
def _quick_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, "chinchilla", FewStarts())


@pytest.fixture
def runs(tmp_path: Path) -> str:
    """As a lab would export it: sizes in millions, tokens in billions, no compute."""
    path = tmp_path / "runs.csv"
    LONG.select(
        (pl.col("n_params") / 1e6).alias("Model Size (M)"),
        (pl.col("n_tokens") / 1e9).alias("Training Tokens (B)"),
        pl.col("budget_flops").alias("budget"),
        pl.col("loss_nats").alias("Val Loss"),
        pl.col("run").alias("name"),
    ).write_csv(path)
    return str(path)


def of_json(smelt_: Any, *arguments: str) -> dict[str, Any]:
    status, out, err = smelt_("fit", *arguments, *QUICKLY, "--json")
    assert status == 0, err
    return json.loads(out)


def test_a_planted_law_is_found_from_a_table_without_options(smelt_: Any, runs: str) -> None:
    found = of_json(smelt_, runs)
    expected = {"form", "params", "se", "ci95", "objective", "n_used", "dropped", "optimum_exponent", "held_out"}
    assert found.keys() >= expected | {"warnings"}
    assert found["form"] == "chinchilla"
    assert found["params"].keys() == found["se"].keys() == found["ci95"].keys() == {"A", "B", "E", "alpha", "beta"}
    for name, planted in (("alpha", ALPHA), ("beta", BETA)):
        low, high = found["ci95"][name]
        assert low < planted < high
    low, high = found["optimum_exponent"]["ci95"]
    assert low < found["optimum_exponent"]["value"] < high
    assert (found["n_used"], found["dropped"]) == (56, [])
    assert found["held_out"]["n"] == 8
    assert found["held_out"]["mean_rel_err"] < 0.005
    assert found["columns"]["n_params"] == '"Model Size (M)" x 1e+06'


@pytest.mark.parametrize("method", [method for method in METHOD_NAMES if method != "parametric"])
def test_every_method_answers_with_its_exponent(smelt_: Any, runs: str, method: str) -> None:
    found = of_json(smelt_, runs, "--method", method)
    assert found["optimum_exponent"]["value"] == pytest.approx(BETA / (ALPHA + BETA), abs=0.05)
    assert found["trusted"] == method
    status, out, _ = smelt_("fit", runs, "--method", method, *QUICKLY)
    assert status == 0
    assert "N*" in out


def test_parabolas_answer_by_budget(smelt_: Any, runs: str) -> None:
    found = of_json(smelt_, runs, "--method", "isoflop")
    assert len(found["budgets"]) == 7
    assert found["optimum_exponent"]["value"] == found["exponents"]["isoflop"]["a"]["value"]
    assert found["params"]["b"] == pytest.approx(1 - found["optimum_exponent"]["value"])
    assert found["held_out"]["n"] == 1


def test_the_page_of_text_tells_parameters_methods_optimum_and_warnings(smelt_: Any, runs: str) -> None:
    status, out, err = smelt_("fit", runs, *QUICKLY, "--drop-largest", "2")
    assert status == 0
    assert "fitting chinchilla to 54 runs" in err
    said = ("54 of 56 rows", "95% interval", "a, parametric form", "a, parabolas", "Optimum at", "Held out: 8 runs")
    for words in (*said, "- 2 of 56 runs were left out"):
        assert words in out, words


def test_what_is_written_is_the_law_that_was_said(smelt_: Any, runs: str, tmp_path: Path) -> None:
    found = of_json(smelt_, runs, "--output", str(tmp_path / "law"), "--report", str(tmp_path / "out.html"))
    assert found["written"] == [str(tmp_path / "law"), str(tmp_path / "out.html")]
    law = ScalingLaw.read(tmp_path / "law")
    assert law.findings.parametric is not None
    assert {name: params.value for name, params in law.findings.parametric.params.items()} == found["params"]
    assert law.warnings == found["warnings"]
    assert law.draws.height == 200
    page = (tmp_path / "out.html").read_text()
    assert "The scaling law" in page


def test_the_next_runs_are_proposed_for_a_target(smelt_: Any, runs: str) -> None:
    found = of_json(smelt_, runs, "--next", "3", "--target", "1e20")
    assert len(found["next"]) == 3
    assert all(run["sd_after"] < run["sd_before"] for run in found["next"])
    assert found["optimum"]["flops"] == 1e20


def test_runs_are_held_out_by_a_condition(smelt_: Any, runs: str) -> None:
    found = of_json(smelt_, runs, "--hold-out", "flops > 1e17", "--where", "n_params > 1000")
    n_large = LONG.filter((pl.col("flops") > 1e17) & (pl.col("n_params") > 1000)).height
    assert (found["held_out"]["n"], found["n_used"]) == (n_large, LONG.filter(pl.col("n_params") > 1000).height)
    assert found["held_out"]["mean_rel_err"] < 0.005


def test_a_seed_draws_the_same_intervals(smelt_: Any, runs: str) -> None:
    one, again, other = (of_json(smelt_, runs, "--seed", seed) for seed in ("42", "42", "43"))
    assert one == again
    assert one["params"] == other["params"]
    assert one["ci95"] != other["ci95"]


def test_loss_names_a_column_or_an_objective(smelt_: Any, runs: str) -> None:
    lad = of_json(smelt_, runs, "--loss", "lad")
    assert lad["objective_in_words"].startswith("least absolute deviation")
    both = of_json(smelt_, runs, "--loss", "lad", "--loss", "Val Loss")
    assert both["params"] == lad["params"]
    assert of_json(smelt_, runs, "--objective", "lad", "--loss-column", "Val Loss")["params"] == lad["params"]
    assert of_json(smelt_, runs, "--delta", "1e-6")["params"] == pytest.approx(lad["params"], rel=1e-3)


def test_a_column_called_as_an_objective_is_the_column(smelt_: Any, runs: str, tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    pl.read_csv(runs).rename({"Val Loss": "huber"}).write_csv(path)
    status, out, err = smelt_("fit", str(path), *QUICKLY, "--json", "--loss", "huber")
    assert status == 0
    assert "--loss huber is the column of that name" in err
    assert json.loads(out)["columns"]["loss_nats"] == '"huber"'


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--form", "chinchila"), "did you mean chinchilla?"),
        (("--form", "hoffmann"), "did you mean chinchilla?"),
        (("--method", "isoflops"), "did you mean isoflop?"),
        (("--resample", "run"), "did you mean runs?"),
        (("--objective", "hubert"), "did you mean huber?"),
        (("--loss", "huber", "--loss", "lad"), "huber and lad are given; expected one objective at most"),
        (("--loss", "lad", "--objective", "huber"), "lad and huber are given; expected one objective at most"),
        (("--loss", "Val Loss", "--loss-column", "name"), "Val Loss and name are given; expected one column at most"),
        (("--loss", "nosuch"), "'nosuch' is no column of runs.csv"),
        (("--loss", "lad", "--delta", "1e-3"), "--delta: is given with lad"),
        (("--delta", "0"), "--delta: is 0"),
        (("--column", "U"), "'U' is no VAR=NAME"),
        (("--where", "los < 3"), "--where"),
        (("--where", "loss > 100"), "holds for none of the 56 runs of runs.csv"),
        (("--where", "budget > 1e18"), "at one budget"),
        (("--drop-largest", "56"), "56 of 56 runs leaves none"),
        (("--where", "name in ('run-0', 'run-9', 'run-20')"), "3 runs are left for the 5 parameters"),
        (("--hold-out", "n_params > 0"), "0 runs are left for the 5 parameters"),
        (("--hold-out", "loss > 100"), "holds for none of the 56 runs used"),
        (("--hold-out", "loss > 3", "--method", "isoflop"), "--hold-out: is given with --method isoflop"),
        (("--n", "Model Size (M):1"), "too little|not in the same units|are left"),
        (("--output", "runs.csv"), "is a file"),
        (("--bootstrap", "10"), "--bootstrap"),
        (("--at", "U=1e9"), "--at: there is no 'unique_tokens'; expected none"),
        (("--target", "lots"), "--target"),
        (("--target", "-1e20"), "--target: is -1e20"),
    ],
)
def test_a_mistake_is_told_in_one_message(
    smelt_: Any, runs: str, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.chdir(Path(runs).parent)
    if options[0] == "--n":  # a unit that is said is believed, so that only C tells that it is wrong
        pl.read_csv(runs).rename({"budget": "C"}).write_csv("runs.csv")
    status, out, err = smelt_("fit", "runs.csv", *options)
    assert (status, out) == (2, "")
    assert any(part in err for part in complaint.split("|")), err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is empty"),
        ("N,D,loss\n", "has a header and no runs"),
        ("N,loss\n1e8,3\n", "the size N alone"),
        ("N,D,a_loss,b_loss\n1e8,2e9,3,4\n", "several columns could be the loss: 'a_loss', 'b_loss'"),
        ("N,D,loss\n1e8,2e9,-3\n", "-3 in row 1"),
        ("N,D,loss\n1e8,2e9,0\n", "0 in row 1"),
        ("N,D,loss\n1e8,2e9,nan\n", "nan in row 1"),
        ("N,D,loss\n1e8,2e9,oops\n", "'oops' in row 1"),
        ("N,D,loss\n1e8,2e9,3\n2e8,1e9,3.1\n", "at one budget"),
        ("N,D,loss\n1e8,2e9,3\n2e8,2e9,3.1\n", "2 runs are left for the 5 parameters"),
        ("N,D,loss\n100,2e9,3\n2e8,2e9,3.1\n", "mixes units"),
        ("N,D,loss,more\n1e8,2e9,3\n2,3,4,5,6\n", "cannot be read as .csv"),
    ],
)
def test_a_bad_table_is_told_in_one_message(smelt_: Any, tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(content)
    status, out, err = smelt_("fit", str(path))
    assert (status, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err


def test_runs_without_budgets_have_no_parabolas(smelt_: Any, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    LONG.select(
        "n_params", pl.col("n_tokens") * np.exp(np.random.default_rng(0).normal(0, 0.5, 56)), "loss_nats"
    ).write_csv(path)
    status, _, err = smelt_("fit", str(path), "--method", "isoflop", *QUICKLY)
    assert status == 2
    assert "no optimum by the parabolas" in err


def test_the_published_headline_comes_out(smelt_: Any, shared_data: Path) -> None:
    """Besiroglu et al. 2024: the optimum of their objective, and their 4,000 draws of numpy's seed 42."""
    path = str(shared_data / "scaling/epoch_chinchilla/svg_extracted_data.csv")
    arguments = (path, "--drop-largest", "5", "--bootstrap", "4000", "--seed", "42", "--hold-out", "flops >= 1e21")
    status, out, _ = smelt_("fit", *arguments, "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["n_used"], len(found["dropped"])) == (240, 5)
    assert found["objective"] <= 1.018275e-3
    expected = {"A": 477.826, "B": 2143.417, "E": 1.817218, "alpha": 0.3473105, "beta": 0.3671724}
    assert found["params"] == pytest.approx(expected, rel=5e-4)
    errors = {"A": 124.48, "B": 1293.0, "E": 0.02565, "alpha": 0.01540, "beta": 0.02059}
    assert found["se"] == pytest.approx(errors, rel=0.03)
    assert found["optimum_exponent"]["value"] == pytest.approx(0.51390, abs=2e-4)
    assert (found["held_out"]["n"], 100 * found["held_out"]["mean_rel_err"]) == pytest.approx((23, 1.05), abs=0.05)
