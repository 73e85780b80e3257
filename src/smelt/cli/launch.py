"""`launch`: a recipe on a cluster. SLURM or Kubernetes gives the machines, Ray starts on them, and `run --on ray` does
the rest, as it does on one machine; a job that is killed and put back goes on where it was.

The recipe, its data and the store lie on a file system that all machines have at the same place as this one, and smelt
is installed on each, or in the image.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from smelt.core.recipe import Recipe
from smelt.errors import InputError

Cluster = Literal["slurm", "kubernetes"]
SUBMIT: dict[Cluster, list[str]] = {"slurm": ["sbatch"], "kubernetes": ["kubectl", "create", "-f", "-"]}
RETRIES = 3
"""How often Kubernetes starts a job anew that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What is asked of a cluster."""

    nodes: int
    cores: int
    """Of each node, as are cards and memory."""
    gpus: int
    memory_bytes: float
    hours: float
    image: str | None
    """Of Kubernetes: with smelt, and a Ray like this one's."""
    claim: str | None
    """Of Kubernetes: the volume claim of the shared folder."""


def launch_recipe(
    path: Path, overrides: Sequence[str], *, store: Path, shared: Path, on: str, machines: Machines, dry_run: bool
) -> None:
    """Prints the job, or hands it to the cluster."""
    recipe = Recipe.load(path, overrides)  # mistakes are told here, and not after a day in a queue
    cluster = _cluster(on)
    for place in (path, store):
        if not place.resolve().is_relative_to(shared.resolve()):
            raise InputError(
                where=str(place), what=f"is not in {shared}, which the machines share",
                do="name the folder that holds recipe and store: --shared",
            )  # fmt: skip
    command = ["smelt", "run", str(path.resolve()), *overrides, "--store", str(store.resolve()), "--on", "ray"]
    name = f"smelt-{_name(recipe.name)}"
    job = (_slurm if cluster == "slurm" else _kubernetes)(name, shlex.join(command), machines, shared.resolve())
    if dry_run:
        print(job, end="")
    else:
        _submit(cluster, job)


def _cluster(on: str) -> Cluster:
    if on == "slurm" or on == "kubernetes":
        return on
    raise InputError(where=f"--on {on}", what="is no kind of cluster", expected=" or ".join(SUBMIT))


def _slurm(name: str, command: str, machines: Machines, shared: Path) -> str:
    """A batch script: Ray's head on the first machine, where the recipe runs, and a worker on each other."""
    templates = Environment(loader=PackageLoader("smelt.cli"), undefined=StrictUndefined, keep_trailing_newline=True)
    megabytes, minutes = round(machines.memory_bytes / 2**20), round(60 * machines.hours)
    return templates.get_template("slurm.sh.j2").render(
        name=name,
        command=command,
        machines=machines,
        megabytes=megabytes,
        minutes=minutes,
        shared=shlex.quote(str(shared)),
    )


def _kubernetes(name: str, command: str, machines: Machines, shared: Path) -> str:
    """A RayJob of KubeRay (ray.io/v1): a cluster that is there for the command and goes with it."""
    if machines.image is None or machines.claim is None:
        raise InputError(
            where="--on kubernetes", what="needs an image and a volume claim", do="name them: --image, --claim"
        )
    pod = _pod(machines, shared)
    start = {"num-cpus": str(machines.cores), "num-gpus": str(machines.gpus)}
    workers = {
        "groupName": "workers", "replicas": machines.nodes - 1, "minReplicas": machines.nodes - 1,
        "maxReplicas": machines.nodes - 1, "rayStartParams": start, "template": pod,
    }  # fmt: skip
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"generateName": f"{name}-"},
        "spec": {
            "entrypoint": command,
            "shutdownAfterJobFinishes": True,
            "activeDeadlineSeconds": round(3600 * machines.hours),
            "backoffLimit": RETRIES,
            "rayClusterSpec": {
                **_ray_version(),
                "headGroupSpec": {"rayStartParams": start, "template": pod},
                "workerGroupSpecs": [workers] if machines.nodes > 1 else [],
            },
        },
    }
    return yaml.dump(job, Dumper=_Plain, sort_keys=False, width=120)


def _pod(machines: Machines, shared: Path) -> dict[str, Any]:
    """One machine."""
    size = {"cpu": str(machines.cores), "memory": f"{round(machines.memory_bytes / 2**20)}Mi"}
    if machines.gpus:
        size["nvidia.com/gpu"] = str(machines.gpus)
    container = {
        "name": "ray", "image": machines.image, "resources": {"requests": size, "limits": size},
        "volumeMounts": [{"name": "shared", "mountPath": str(shared)}],
    }  # fmt: skip
    volume = {"name": "shared", "persistentVolumeClaim": {"claimName": machines.claim}}
    return {"spec": {"containers": [container], "volumes": [volume]}}


def _ray_version() -> dict[str, str]:
    """That of this machine, where there is one."""
    try:
        return {"rayVersion": version("ray")}
    except PackageNotFoundError:
        return {}


class _Plain(yaml.SafeDumper):
    """Writes what is there twice twice: anchors are for machines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _submit(cluster: Cluster, job: str) -> None:
    command = SUBMIT[cluster]
    if shutil.which(command[0]) is None:
        raise InputError(
            where=f"--on {cluster}", what=f"{command[0]} is not here",
            do="run this where jobs are handed in, or print the job with --dry-run and hand it in there",
        )  # fmt: skip
    done = subprocess.run(command, input=job, text=True, capture_output=True)
    if done.returncode:
        raise InputError(where=" ".join(command), what=f"refused the job: {done.stderr.strip() or done.stdout.strip()}")
    print(done.stdout.strip())


def _name(recipe: str) -> str:
    """As both kinds of cluster allow: small letters, digits and dashes, at most 40."""
    return re.sub(r"[^a-z0-9]+", "-", recipe.lower()).strip("-")[:40] or "recipe"
