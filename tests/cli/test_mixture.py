"""`smelt fit --share`: a law of mixtures from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from smelt.laws.forms.mixture import Mixture
from smelt.laws.mixtures.law import MixtureLaw

DOMAINS = ("share_web", "share_code", "share_books")
PLANTED = {"web_loss": np.array([np.log(2.0), -0.5, 0.6, 0.3]), "code_loss": np.array([np.log(1.0), 0.7, -0.9, 0.8])}


@pytest.fixture
def runs(tmp_path: Path) -> str:
    """40 runs on mixtures of three domains, and two losses each."""
    generator = np.random.default_rng(0)
    x = generator.dirichlet([1.0, 1.0, 1.0], size=40)
    shares = {name: x[:, j] for j, name in enumerate(DOMAINS)}
    noise = {name: np.exp(0.002 * generator.standard_normal(40)) for name in PLANTED}
    losses = {name: Mixture(DOMAINS).loss(theta, shares) * noise[name] for name, theta in PLANTED.items()}
    path = tmp_path / "mixtures.csv"
    pl.DataFrame({"id": np.arange(40)} | shares | losses).write_csv(path)
    return str(path)


def test_shares_named_by_a_pattern_give_the_law_and_the_best_mixture(smelt_: Any, runs: str, tmp_path: Path) -> None:
    options = ("--share", "share_*", "--loss", "web_loss,code_loss", "--bootstrap", "100", "-o", str(tmp_path / "law"))
    status, out, _ = smelt_("fit", runs, *options, "--json")
    assert status == 0
    found = json.loads(out)
    assert found["domains"] == list(DOMAINS)
    assert list(found["losses"]) == list(PLANTED)
    assert found["losses"]["web_loss"]["held_out"]["spearman"] > 0.95
    law = MixtureLaw.from_json((tmp_path / "law" / "mixture.json").read_text())
    assert law.best().shares["share_web"].mid == found["best"]["shares"]["share_web"]["mid"]
    assert sum(share["mid"] for share in found["best"]["shares"].values()) == pytest.approx(1, abs=1e-5)
    status, out, _ = smelt_("fit", runs, *options)
    assert "Best mixture for the mean of 2 losses" in out
    assert "the best run's (row" in out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--form", "mixture", "--loss", "web_loss"), "needs the columns that hold the shares"),
        (("--share", "share_*"), "--loss: is not given"),
        (("--share", "share_web,share_cod", "--loss", "web_loss"), "did you mean share_code?"),
        (("--share", "share_web,share_code", "--loss", "web_loss"), "add up to"),
        (("--share", "share_*", "--loss", "web_loss", "--form", "trees2"), "did you mean trees?"),
        (("--share", "share_*", "--loss", "web_loss", "--target", "1e20"), "--target: is of no use"),
        (("--share", "share_*", "--loss", "web_loss", "--where", "id < 3"), "3 runs of 3 domains"),
    ],
)
def test_a_mistake_is_told_in_one_message(smelt_: Any, runs: str, options: tuple[str, ...], complaint: str) -> None:
    status, out, err = smelt_("fit", runs, *options)
    assert (status, out) == (2, "")
    assert complaint in err
