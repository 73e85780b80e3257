"""The step that fits a law to a table of runs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.laws.findings import Method
from smelt.laws.law import Law
from smelt.runs.run import RunTable

SECONDS = 4.0
"""Of a fit to 20 runs with 1,000 draws, loading included (one core of 2.5 GHz, 2026-11). The first fit after an
installation takes some 10 s more: it compiles."""


class FitLaw(Step[Law]):
    """Fits parabolas, interpolated curves, an envelope and a parametric form to runs, and says what to doubt.

    All that the runs allow are always fitted. Files: law.json (see `findings.Findings`) and draws.parquet.
    """

    step: ClassVar[str] = "fit-law"
    makes: ClassVar[type[Artifact]] = Law
    version: ClassVar[int] = 2
    runs: Step[RunTable]
    """The runs to fit."""
    form: Literal["chinchilla"] = "chinchilla"
    """The parametric form."""
    method: Method | None = None
    """The method that plans follow; by default the parabolas where they are usable, else the form."""
    delta: float = Field(1e-3, gt=0)
    """Where Huber's loss of ln L turns from square to linear (Hoffmann et al. 2022, section 3.3)."""
    draws: int = Field(1000, ge=100)
    """Bootstrap draws: 1,000 know the end of a 95% interval to about 5% of its width."""
    seed: int = Field(0, ge=0)
    """Of the bootstrap."""

    def make(self, work: Work) -> Counts:
        """Writes law.json and draws.parquet."""
        # numba and scipy take half a second to import, which a listing of the store should not pay.
        from smelt.laws.derive import Settings, derive_law
        from smelt.laws.forms import FORMS
        from smelt.laws.objective import Objective

        objective = Objective(huber_delta=self.delta)
        settings = Settings(
            form=FORMS[self.form], draws=self.draws, seed=self.seed, objective=objective, method=self.method
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
