"""Hostile files put through the steps as a user's run would: what they cost, what becomes of them and of the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.ledger import Entry
from smelt.corpus.steps import Curate, Read

RECORD_SECONDS = 5.0
"""Of a processor, for each record: what the project allows."""
NEIGHBOUR = (
    "To be molten, the ore has to be heated with coke, and that takes the furnace of the town a whole day. "
    "What runs out of it first is slag, which nobody wanted until roads were built of it. The iron comes last, and "
    "with it the men of the second shift, who have waited since noon, and who will not be home before midnight."
)
"""What lies beside the hostile files, and must come through."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a folder of hostile files, the neighbour aside."""

    kept: dict[str, str]
    """Texts by document."""
    dropped: dict[str, str]
    """Reasons by document, such as "unreadable: not JSON"."""


def outcome(raw: Path, *, ops: Sequence[object] = (), memory: int = 256 << 20, **settings: object) -> Outcome:
    """Reads all files of a folder and applies ops; fails where the neighbour is lost, a ledger does not balance, a
    record takes longer than it may, or the process grows by more than `memory` bytes."""
    (raw / "neighbour.txt").write_text(NEIGHBOUR)
    read = Read.model_validate({"paths": str(raw), "max_unreadable": 1, **settings})
    steps = [read, *([Curate(corpus=read, ops=ops)] if ops else [])]
    with Store(raw.parent / "store", runner=Inline()) as store:
        started, before = time.process_time(), _resident(peak=False)
        corpora = [store.make(step) for step in steps]
        seconds, grown = time.process_time() - started, _resident(peak=True) - before
    for corpus in corpora:
        for entry in corpus.ledger():
            assert Entry.model_validate(entry).is_balanced
    kept = dict(corpora[-1].kept(["id", "text"]).collect().rows())
    dropped = {
        row["id"]: f"{row['drop']['reason']}: {row['drop']['detail']}"
        for corpus in corpora
        for row in corpus.dropped().select("id", "drop").collect().to_dicts()
    }
    assert kept.pop("neighbour.txt#0") == NEIGHBOUR
    assert corpora[0].ledger()[0]["documents_in"] == len(kept) + len(dropped) + 1
    assert seconds <= RECORD_SECONDS * (len(kept) + len(dropped) + 1)
    assert grown <= memory, f"grew by {grown:,} bytes"
    return Outcome(kept, dropped)


def _resident(*, peak: bool) -> int:
    """Bytes that this process holds, or the most it held since that was last asked; 0 where the system does not say."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return 0
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    if not peak:
        reset.write_text("5")  # the peak begins anew: proc(5)
    return int(fields["VmHWM" if peak else "VmRSS"].split()[0]) << 10
