"""The page: sections put together with style, script and plotly.js into one file that asks the network for nothing.

plotly.js travels compressed (2 MB instead of 5) and is unpacked by the browser (`DecompressionStream`, in all
browsers since 2023). A content security policy names the two scripts by their hashes and forbids all else: even a
mistake in escaping could not make the text of a web page run in the reader's browser.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from smelt.core.artifact import Artifact
from smelt.corpus.corpus import Corpus
from smelt.laws.law import Law
from smelt.plans.plan import Plan
from smelt.report.datasheet import datasheet_section
from smelt.report.duplicates import duplicates_section
from smelt.report.figures import Figure
from smelt.report.funnel import funnel_section
from smelt.report.law import law_sections
from smelt.report.plan import plan_section
from smelt.report.provenance import provenance_section
from smelt.report.runs import runs_section
from smelt.report.section import Section, read_asset, render
from smelt.report.tokens import tokens_section
from smelt.runs.run import RunTable
from smelt.tokens.tokens import Tokens

A = TypeVar("A", bound=Artifact)


def render_report(artifacts: Mapping[str, Artifact], *, title: str) -> str:
    """The report as HTML. `artifacts` are named and in the order of the flow; sections appear for those that are
    there: all corpora together, the last plan, and the law, runs and tokens that it stands on."""
    made = max((artifact.manifest.started for artifact in artifacts.values()), default="")
    return render_page(_sections(artifacts), title=title, made=made)


def report_figures(artifacts: Mapping[str, Artifact]) -> list[Figure]:
    """The figures of that report, in its order."""
    return [figure for section in _sections(artifacts) for figure in section.figures]


def render_page(sections: Sequence[Section], *, title: str, made: str) -> str:
    """A page of these sections; `made` says when what it tells of was made."""
    plotly, script = get_plotlyjs(), read_asset("page.js").strip()
    return render(
        "page",
        title=title,
        sections=sections,
        # The plan, being the answer, stands first on the page, and last in the overview, which tells the way to it.
        overview=sorted((found for found in sections if found.stage), key=lambda found: found.anchor == "plan"),
        made=made,
        style=Markup(read_asset("style.css")),
        script=Markup(script),
        plotly=base64.b64encode(gzip.compress(plotly.encode(), mtime=0)).decode(),
        script_hashes=[_source_hash(script), _source_hash(plotly)],
    )


def _sections(artifacts: Mapping[str, Artifact]) -> list[Section]:
    corpora = {name: artifact for name, artifact in artifacts.items() if isinstance(artifact, Corpus)}
    plan = _source(artifacts, Plan, of=None)
    law = _source(artifacts, Law, of=plan)
    table = _source(artifacts, RunTable, of=law)
    tokens = _source(artifacts, Tokens, of=table)
    runs, plan_flops = table.runs if table else None, plan.value.flops if plan else None
    found = [
        plan_section(plan.value, law_warnings=law.warnings if law else ()) if plan else None,
        funnel_section(corpora),
        duplicates_section(corpora),
        datasheet_section(list(corpora.values())),
        tokens_section(tokens.documents, tokens.manifest.counts) if tokens else None,
        runs_section(table.runs, table.curves) if table and len(table.curves) else None,
        *(law_sections(law.value, runs, plan_flops=plan_flops) if law else ()),
        provenance_section(artifacts) if artifacts else None,
    ]
    return [section for section in found if section is not None]


def _source(artifacts: Mapping[str, Artifact], kind: type[A], *, of: Artifact | None) -> A | None:
    """The artifact of a kind that another was made from; where that is not among them, the last of its kind."""
    found = [artifact for artifact in artifacts.values() if isinstance(artifact, kind)]
    inputs = {ref.fingerprint for ref in of.manifest.inputs.values()} if of else set[str]()
    used = [artifact for artifact in found if artifact.manifest.fingerprint in inputs]
    return next(reversed(used or found), None)


def _source_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
