"""What all tests share: where the shared data lies, and stores that let their workers go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smelt.core.local import LocalRunner
from smelt.core.store import Store

ROOT = Path(__file__).parent.parent
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other on a busy machine take minutes


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large real data beside the checkout; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def runner() -> Iterator[LocalRunner]:
    """Two processes for the whole session: starting them is what takes time."""
    runner = LocalRunner(2)
    yield runner
    runner.close()


@pytest.fixture
def store(tmp_path: Path, runner: LocalRunner) -> Store:
    """An empty store."""
    return Store(tmp_path / "store", runner=runner)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Goldens are pinned anew only on purpose."""
    parser.addoption("--update-goldens", action="store_true", help="pin what the steps make now")
