"""A recipe becomes a job that a cluster takes: SLURM's script runs on stand-ins, KubeRay's is held to its schema."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import smelt.core.recipe

SCHEMA = json.loads(Path(__file__).with_name("rayjob.schema.json").read_text())
SLURM = ("--on", "slurm", "--nodes", "3", "--cores", "16", "--memory", "64GiB", "--hours", "1.5")
KUBERNETES = ("--on", "kubernetes", "--nodes", "3", "--gpus", "2", "--image", "here/smelt:1", "--claim", "data")


@pytest.fixture(autouse=True)
def recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = [EntryPoint("count", "toy_steps:Count", "smelt.steps")]
    monkeypatch.setattr(smelt.core.recipe, "entry_points", lambda group: known)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my toy.toml").write_text('[first]\nstep = "count"\nn = 3\n')


def launched(smelt_: Any, *options: str) -> str:
    status, out, err = smelt_("launch", "my toy.toml", "first.n=4", *options, "--dry-run")
    assert status == 0, err
    return out


def stand_ins(folder: Path) -> dict[str, str]:
    """Commands that write down how they were called, and act as if they had done it."""
    folder.mkdir()
    scripts = {
        "scontrol": 'printf "n1\\nn2\\nn3\\n"',
        "srun": 'for word; do case $word in hostname) echo "10.0.0.1 fe80::1"; exit;; esac; done',
        "ray": "exit 0",
        "smelt": "env | grep RAY_ADDRESS >> calls",
    }
    for name, does in scripts.items():
        (folder / name).write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $(printf "%q " "$@")" >> calls\n{does}\n')
        (folder / name).chmod(0o755)
    found = {"SLURM_JOB_NODELIST": "n[1-3]", "SLURM_JOB_ID": "41007"}
    return {**os.environ, **found, "PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_script_starts_a_head_and_workers_and_then_the_recipe(smelt_: Any, tmp_path: Path) -> None:
    script = launched(smelt_, *SLURM)
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", script, re.MULTILINE))
    assert asked["nodes"] == "3"
    assert asked["mem"] == "65536M"
    assert asked["time"] == "90"
    assert asked["job-name"] == "smelt-my-toy"
    assert "gpus-per-node" not in asked
    done = subprocess.run(["bash"], input=script, text=True, env=stand_ins(tmp_path / "bin"), capture_output=True)
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    started = sorted(call for call in calls if "ray start" in call)
    assert len(started) == 2
    address = "10.0.0.1:21007"
    assert any("--head" in call and "--nodelist=n1" in call and "--port=21007" in call for call in started)
    assert any(f"--address={address}" in call and "--nodes=2" in call and "--exclude=n1" in call for call in started)
    assert f"RAY_ADDRESS={address}" in calls  # in any order: the workers start in the background
    run = shlex.split(next(call for call in calls if call.startswith("smelt ")))
    assert run == [
        "smelt", "run", str(tmp_path / "my toy.toml"), "first.n=4", "--store", str(tmp_path / "store"), "--on", "ray",
    ]  # fmt: skip


def test_one_machine_has_no_workers_and_cards_are_asked_for(smelt_: Any) -> None:
    script = launched(smelt_, "--on", "slurm", "--gpus", "4")
    assert "#SBATCH --gpus-per-node=4\n" in script
    assert script.count("ray start") == 1


@pytest.mark.parametrize("nodes", ["1", "3"])
def test_a_ray_job_is_as_kuberay_wants_it(smelt_: Any, tmp_path: Path, nodes: str) -> None:
    job = yaml.safe_load(launched(smelt_, *KUBERNETES, "--nodes", nodes))
    jsonschema.validate(job, SCHEMA)
    spec = job["spec"]
    assert shlex.split(spec["entrypoint"])[:4] == ["smelt", "run", str(tmp_path / "my toy.toml"), "first.n=4"]
    cluster = spec["rayClusterSpec"]
    assert sum(group["replicas"] for group in cluster["workerGroupSpecs"]) == int(nodes) - 1
    [container] = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert container["volumeMounts"] == [{"name": "shared", "mountPath": str(tmp_path)}]


def test_what_no_cluster_could_run_is_refused(smelt_: Any, tmp_path: Path) -> None:
    refused = {
        ("--on", "lsf"): "is no kind of cluster",
        ("--on", "kubernetes"): "needs an image and a volume claim",
        ("--on", "slurm", "--store", "/elsewhere/store"): "which the machines share",
        ("--on", "slurm", "--memory", "much"): "a size such as 64GB",
        ("--on", "slurm"): "sbatch is not here",
    }
    for options, message in refused.items():
        status, _, err = smelt_("launch", "my toy.toml", *options)
        assert status == 2
        assert message in err


def test_a_job_is_handed_in_and_a_refusal_told(smelt_: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    sbatch = folder / "sbatch"
    sbatch.write_text("#!/bin/bash\ncat > handed-in\necho Submitted batch job 7\n")
    sbatch.chmod(0o755)
    status, out, _ = smelt_("launch", "my toy.toml", *SLURM)
    assert (status, out) == (0, "Submitted batch job 7\n")
    assert (tmp_path / "handed-in").read_text().startswith("#!/bin/bash\n#SBATCH --job-name=smelt-my-toy\n")
    sbatch.write_text("#!/bin/bash\necho 'no such partition' >&2\nexit 1\n")
    status, _, err = smelt_("launch", "my toy.toml", *SLURM)
    assert status == 2
    assert "refused the job: no such partition" in err
