"""Which heavy packages a command imports: none that it does not use, as each costs a second or more."""

import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.core.conf_files import config_folder

ROOT = config_folder("conf").parent
RECORDS = {"pandas", "pyarrow", "pydantic", "scipy"}
MODELS = {"torch", "transformers", "hydra", "omegaconf", "scipy", "pydantic"}  # scipy by transformers
HEAVY = RECORDS | MODELS | {"wandb", "datasets", "sklearn", "matplotlib", "optuna", "lm_eval", "trackio", "ray", "tabulate"}


def imported(*words: str, cwd: Path) -> set[str]:
    code = (
        f"import sys; sys.argv = ['rna-bench', *{list(words)}]\n"
        "from rna_bench.cli.main import main\n"
        "try: main()\n"
        f"finally: print('imported', *sorted(set(sys.modules) & {HEAVY}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["status"], set()),
        (["list", "runs", "pocket_paper"], set()),
        (["choose", "presets"], RECORDS),
        (["verify", "pocket_paper"], RECORDS | {"hydra", "omegaconf"}),
        (["tables", "pocket_paper", "--out", "OUT"], RECORDS | {"tabulate"}),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_commands_on_records_import_no_torch(words, allowed, tmp_path):
    found = imported(*(word.replace("OUT", str(tmp_path)) for word in words), cwd=ROOT)
    assert found - allowed == set()


def test_a_run_imports_what_it_writes_with_only_when_it_writes(tmp_path):
    assert imported("run", "--cfg", "job", cwd=tmp_path) - MODELS == set()
