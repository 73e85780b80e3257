"""What `smelt fit` makes of the tables that papers published, as the table of docs/how-to/fit.md.

python -m benchmarks.public_tables ../shared/data/scaling
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

TABLES = {
    "epoch-research/analyzing-chinchilla": "epoch_chinchilla/svg_extracted_data.csv --drop-largest 5",
    "kyo-takano/chinchilla": "kyo_chinchilla/df.csv",
    "Open-Athena/scaling-law-analysis, Chinchilla": "isoflops/ml_scalefit.csv --method isoflop",
    "the same, (Mis)Fitting": "isoflops/misfitting.csv --method isoflop",
    "eric-czech/llama3_isoflop_extraction": "isoflops/llama3_isoflops_points.csv --method isoflop",
    "formll/resolving-scaling-law-discrepancies": "porian/isoflop_points.csv --method isoflop"
    """ --where "stage = 'rw|tuned|short|const|standard|val'" --budget flops""",
    "mlfoundations/scaling": """gadre_overtraining/runs_c4_rpj.csv --loss loss_c4_val --where "dataset = 'rpj'\"""",
    "hadasah/scaling_laws": "misfitting/scaling_results_last_ckpt_only.csv --best",
    "hadasah/scaling_laws, sweeps": 'misfitting/data.csv --loss "C4 Eval Loss" --best',
    "hadasah/scaling_laws, no embeddings": 'misfitting/dense.csv --loss "C4 Eval Loss" --best',
    "huggingface/datablations": "muennighoff_data_constrained/paper_fit_182.csv",
    "allenai/OLMo-ladder": 'olmo_ladder/ladder16.csv --flops "flops_per_token * D"',
    "step-law/steplaw": "steplaw/dense_lr_bs_loss.csv --best",
    "step-law/steplaw, experts": "steplaw/moe_lr_bs_loss.csv --n Na --best",
    "google-deepmind/scaling_laws_for_routing": "routing_moe/final_no_hash.csv --n dense_parameter_count"
    ' --d "step * 524288" --form routed',
}
"""Options behind each file, by the repository that it is from."""


def main() -> None:
    """Prints the table as Markdown; stderr tells of the progress."""
    folder = Path(sys.argv[1])
    print("| from | `smelt fit` | runs | a of N* ~ C^a | held out |\n|---|---|---:|---|---:|")
    for source, command in TABLES.items():
        print(_row(source, command, folder), flush=True)


def _row(source: str, command: str, folder: Path) -> str:
    name, *options = shlex.split(command)
    smelt = Path(sys.executable).parent / "smelt"
    ran = subprocess.run([smelt, "fit", folder / name, *options, "--json"], capture_output=True, text=True, check=False)
    said = command.replace(name, Path(name).name).replace("|", "\\|")
    if ran.returncode:
        return f"| {source} | `{said}` | {ran.stderr.splitlines()[-1]} | | |"
    found = json.loads(ran.stdout)
    exponent, held_out = found["optimum_exponent"], found["held_out"]
    low, high = (exponent or {}).get("ci95") or (None, None)
    a = f"{exponent['value']:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "") if exponent else "none"
    error = f"{held_out['mean_rel_err']:.2%}" if held_out else "none"
    return f"| {source} | `{said}` | {found['n_used']:,} | {a} | {error} |"


if __name__ == "__main__":
    main()
