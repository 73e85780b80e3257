"""Compiled code in tests is that of the sources at hand: numba itself notices a change in one file only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

SOURCES = sorted((Path(__file__).parents[2] / "src/smelt/corpus").rglob("*.py"))
DIGEST = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()

# Read when numba is first imported, here and in worker processes.
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"smelt-numba-{DIGEST[:12]}")
