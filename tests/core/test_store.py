"""An artifact is made once, is whole or absent, and says how it was made."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from smelt.core.artifact import STORE_FORMAT
from smelt.core.explain import difference, explain
from smelt.core.lock import LOCK, Holder, Lock
from smelt.core.prune import find_garbage, remove
from smelt.core.recipe import Recipe
from smelt.core.shards import TEMPORARY, write_whole
from smelt.core.store import Store
from smelt.core.work import PROGRESS
from smelt.errors import StoreFull, StoreLocked, StoreTooNew
from toy_steps import Count, Square


def test_what_is_there_is_not_made_again(store: Store) -> None:
    first = store.make(Square(numbers=Count(n=3)))
    stamp = (first.folder / "manifest.json").stat().st_mtime_ns
    again = store.make(Square(numbers=Count(n=3)), "another-name")
    assert again.folder == first.folder
    assert (again.folder / "manifest.json").stat().st_mtime_ns == stamp


def test_the_manifest_says_what_was_made_from_what_and_at_what_cost(store: Store) -> None:
    manifest = store.make(Square(numbers=Count(n=3), plus=2)).manifest
    assert manifest.identity == {"plus": 2}
    assert manifest.inputs["numbers"].fingerprint == Count(n=3).fingerprint
    assert manifest.counts == {"numbers": 3}
    assert set(manifest.files) == {"00000.json", "00001.json", "00002.json"}
    assert {"smelt", "python", "numpy"} <= set(manifest.versions)
    assert manifest.seconds > 0
    assert manifest.peak_memory_bytes > 2**20
    assert manifest.peak_process_bytes is not None
    assert 2**20 < manifest.peak_process_bytes <= manifest.peak_memory_bytes
    assert manifest.host.cores >= 1


def test_a_changed_input_changes_the_fingerprint() -> None:
    assert Square(numbers=Count(n=3)).fingerprint != Square(numbers=Count(n=4)).fingerprint


def test_no_progress_or_temporary_files_remain(store: Store) -> None:
    folder = store.make(Count(n=3)).folder
    assert {path.name for path in folder.iterdir()} == {"00000.json", "00001.json", "00002.json", "manifest.json"}


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with write_whole(tmp_path / "file.json") as temporary:
            temporary.write_text("half")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Count(n=2)
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(target).name == "manifest.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(StoreFull, match="no space is left") as caught:
            store.make(step)
    assert "finished parts are kept" in str(caught.value)
    finished = sorted(store.root.glob(f"numbers/*/{PROGRESS}/count/*.json"))
    assert len(finished) == 2
    assert store.make(step).values() == [0, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_really_full_disk_is_told_and_the_run_goes_on_once_there_is_space(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode().strip()}")
    try:
        ballast = small / "ballast"
        ballast.write_bytes(b"x" * 900_000)
        with Store(small / "store") as store:
            with pytest.raises(StoreFull, match="no space is left"):
                store.make(Count(n=40))
            ballast.unlink()
            assert store.make(Count(n=40)).values() == list(range(40))
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_store_of_a_newer_version_is_refused(store: Store) -> None:
    path = store.make(Count(n=1)).folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "store_format": STORE_FORMAT + 1, "unheard_of": True}))
    with pytest.raises(StoreTooNew, match="update smelt"):
        store.make(Count(n=1))


def test_two_makers_of_one_artifact_are_told_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smelt.core.lock.PATIENCE_SECONDS", 0.2)
    folder = store.root / "numbers" / f"count@{Count(n=2).fingerprint[:12]}"
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        folder.mkdir(parents=True)
        (folder / LOCK).write_text(holder_of(sleeper.pid).model_dump_json())
        with pytest.raises(StoreLocked, match=f"process {sleeper.pid}"):
            store.make(Count(n=2))
    finally:
        sleeper.kill()
        sleeper.wait()
    assert store.make(Count(n=2)).values() == [0, 1]


def test_the_lock_of_a_dead_process_is_taken_over_with_a_message(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    holder = Holder(host=Holder.here().host, pid=dead.pid, process_started=0.0)
    dead.wait()
    (tmp_path / LOCK).write_text(holder.model_dump_json())
    messages: list[str] = []
    with Lock(tmp_path, on_takeover=messages.append):
        assert (tmp_path / LOCK).exists()
    assert f"process {dead.pid}" in messages[0]
    assert not (tmp_path / LOCK).exists()


def test_another_hosts_lock_is_stale_only_without_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smelt.core.lock.PATIENCE_SECONDS", 0.1)
    path = tmp_path / LOCK
    path.write_text(Holder(host="elsewhere", pid=1, process_started=0.0).model_dump_json())
    with pytest.raises(StoreLocked, match="elsewhere"), Lock(tmp_path, on_takeover=print):
        pass
    os.utime(path, (0, 0))
    with Lock(tmp_path, on_takeover=lambda message: None):
        assert "elsewhere" not in path.read_text()


def test_explain_says_what_changed_in_words(store: Store) -> None:
    Recipe({"first": Count(n=3), "squares": Square(numbers=Count(n=3))}).make(store)
    lines = explain(Recipe({"first": Count(n=4, slow=2.0), "squares": Square(numbers=Count(n=4), plus=1)}), store)
    assert [(line.name, line.state, line.reasons) for line in lines] == [
        ("first", "again", ("n 3 -> 4",)),
        ("squares", "again", ("plus 0 -> 1", "numbers changed")),
    ]
    assert lines[0].estimate is not None
    assert lines[0].estimate.core_seconds == 8.0
    assert lines[1].estimate is not None
    assert lines[1].estimate.counts == {"numbers": 4}  # estimated from the estimate before it


def test_a_longer_list_is_told_as_what_was_added() -> None:
    before: dict[str, JsonValue] = {"flops": [2e10, 6e10], "seeds": 1, "ops": ["a", "b"], "h": {"lr": 1, "b": 2}}
    after: dict[str, JsonValue] = {"flops": [2e10, 1.6e12], "seeds": 2, "ops": ["b", "a"], "h": {"lr": 3, "b": 2}}
    assert list(difference(before, after)) == [
        "flops +1.6e+12 -6e+10",
        "h.lr 1 -> 3",
        "ops ['a', 'b'] -> ['b', 'a']",
        "seeds 1 -> 2",
    ]


def test_explain_makes_nothing(store: Store) -> None:
    explain(Recipe({"first": Count(n=3)}), store)
    assert not store.root.exists()


def test_gc_keeps_what_the_last_run_stands_on_and_removes_the_rest(store: Store) -> None:
    old, new = store.make(Square(numbers=Count(n=2))), store.make(Square(numbers=Count(n=3)))
    store.remember("toy", [new.ref])
    garbage = find_garbage(store)
    assert {entry.folder for entry in garbage} == {old.folder, store.open(Count(n=2)).folder}
    assert old.folder.exists()  # finding touches nothing
    remove(garbage)
    assert store.find(Square(numbers=Count(n=2))) is None
    assert store.open(Square(numbers=Count(n=3))).values() == [0, 1, 4]


def test_gc_leaves_what_is_being_made(store: Store) -> None:
    folder = store.root / "numbers" / "count@0123456789ab"
    with Lock(folder, on_takeover=print):
        assert find_garbage(store) == []
    assert [entry.folder for entry in find_garbage(store)] == [folder]


def test_leftovers_of_killed_writes_are_cleared(store: Store) -> None:
    folder = store.root / "numbers" / f"count@{Count(n=1).fingerprint[:12]}"
    folder.mkdir(parents=True)
    (folder / f"{TEMPORARY}123-x.json").write_text("half")
    assert {path.name for path in store.make(Count(n=1)).folder.iterdir()} == {"00000.json", "manifest.json"}


def holder_of(pid: int) -> Holder:
    import psutil

    return Holder(host=Holder.here().host, pid=pid, process_started=psutil.Process(pid).create_time())
