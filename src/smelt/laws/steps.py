"""The step that fits a law to a table of runs."""

from __future__ import annotations

import difflib
from typing import ClassVar

from pydantic import Field, field_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.laws.findings import Largest, Method
from smelt.laws.forms import FORMS
from smelt.laws.law import Law
from smelt.laws.objective import Kind, Objective
from smelt.laws.resampling import Resampling
from smelt.runs.run import RunTable

SECONDS = 4.0
"""Of a fit to 20 runs with 1,000 draws, loading included (one core of 2.5 GHz, 2026-11). The first fit after an
installation takes some 10 s more: it compiles."""


class FitLaw(Step[Law]):
    """Fits parabolas, interpolated curves, an envelope and a parametric form to runs, and says what to doubt.

    All that the runs allow are always fitted. Files: law.json (see `findings.Findings`) and draws.parquet.
    """

    step: ClassVar[str] = "fit-law"
    version: ClassVar[int] = 2
    makes: ClassVar[type[Artifact]] = Law
    runs: Step[RunTable]
    """The runs to fit."""
    form: str = "chinchilla"
    """The parametric form, by its name in `forms.FORMS`."""
    method: Method | None = None
    """The method that plans follow; by default the parabolas where they are usable, else the form."""
    objective: Kind = "huber"
    """What is minimised: huber or lad on ln L, or mse on L (see `objective`)."""
    delta: float = Field(1e-3, gt=0)
    """Where Huber's loss of ln L turns from square to linear (Hoffmann et al. 2022, section 3.3)."""
    draws: int = Field(1000, ge=100)
    """Bootstrap draws: 1,000 know the end of a 95% interval to about 5% of its width."""
    seed: int = Field(0, ge=0)
    """Of the bootstrap."""
    resampling: Resampling = "runs"
    """What the bootstrap of the form draws anew: runs, seeds among runs of equal variables, or whole budgets."""
    hold_out: Largest = "flops"
    """The runs predicted from the others: those of the largest budget, or of the largest N."""

    @field_validator("form")
    @classmethod
    def _is_known(cls, form: str) -> str:
        if form not in FORMS:
            near = difflib.get_close_matches(form, list(FORMS), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (there are {', '.join(sorted(FORMS))})"
            raise ValueError(f"there is no form {form!r}{hint}")
        return form

    def make(self, work: Work) -> Counts:
        """Writes law.json and draws.parquet."""
        # numba and scipy take half a second to import, which a listing of the store should not pay.
        from smelt.laws.derive import Settings, derive_law

        settings = Settings(
            form=FORMS[self.form],
            draws=self.draws,
            seed=self.seed,
            objective=Objective(self.objective, self.delta),
            resampling=self.resampling,
            hold_out=self.hold_out,
            method=self.method,
        )
        law = derive_law(work.open(self.runs).runs, settings)
        law.write(work.folder)
        return {
            "runs": law.findings.data.n_used,
            "budgets": len(law.findings.data.budgets),
            "trusted": law.trusted,
            "warnings": len(law.warnings),
        }

    def estimate(self, sizes: Sizes) -> Estimate:
        """Seconds whatever the runs: fits are small."""
        return Estimate(core_seconds=SECONDS, note=f"{self.draws} draws")
