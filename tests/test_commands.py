"""Every command of the READMEs: those of `rna-bench` are parsed and composed by default and run, small, by hand (slow)."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rna_bench.cli.commands import COMMANDS
from tests.builders.commands import READMES, ROOT, commands

ALL = [command for readme in READMES for command in commands(readme)]
OURS = [command for command in ALL if command.words[0] == "rna-bench"]
OWN_CODE = "rna_bench/README.md"
"""Its examples need the code beside them: tests/test_own_method.py, tests/test_own_attack.py and tests/test_readme.py run them."""
FEW = [f"dataset.{name}.limit=8" for name in ("pocket_hazard_1", "pocket_hazard_2", "pocket_subjects")]
SMALL = ["train.steps=2", "scoring.every=0", "corpus.texts=64", "threads=1", *FEW]
SMALLER = {
    "run": SMALL,
    "sweep": [*SMALL, "launcher=none", "method=none,rmu", "noise=none", "seed=1"],
    "search": [*SMALL[2:], "train.steps=2", "search.trials=1", "search.startup=1"],
    "pocket train": ["model.pretraining.steps=2"],
}
"""What is added to a command so that it takes seconds."""
ON_A_HUB = ("zephyr_7b", "mmlu", "wmdp", "deep_ignorance")
"""What a command names that can be had from the hub alone: here it says in one line what is missing."""

LONG = (
    "rna-bench run model.world=2",
    "rna-bench pocket train model.hazards=redrawn model.world=1",
    "rna-bench run method=retrained_no_words",
    "rna-bench attack pocket attack=[relearn] --retrain",
    "rna-bench attack pocket_methods attack=[quantise]",
)
"""They train a model for minutes, as a slow test of tests/pocket does, or attack all runs of a sweep."""
TEACHING = ("relearn", "relearn_lora", "relearn_documents", "ablate", "probe", "few_shot", "gcg")
"""Attacks that teach some facts again, of which few can be taught where few questions are asked."""


def ids(command):
    return command.text[:60]


def named(words):
    """Return the name of the command, of one word or two, and the words after it."""
    words = list(words)
    name = next(name for name in (" ".join(words[1:3]), words[1] if len(words) > 1 else "") if name in COMMANDS)
    return name, words[1 + len(name.split()) :]


@pytest.mark.parametrize("command", OURS, ids=ids)
def test_each_command_of_ours_exists_and_its_words_are_taken(command):
    name, rest = named(word for word in command.words if word != "--help")
    unknown = COMMANDS[name].parser().parse_known_intermixed_args(rest)[1]
    assert [word for word in unknown if word.startswith("--")] == []


@pytest.mark.parametrize("command", [one for one in ALL if one not in OURS], ids=ids)
def test_each_other_command_names_what_there_is(command):
    program, *rest = command.words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert [word for word in rest if "=" not in word and word not in targets] == []
    if program == "python" and rest[0] == "-m":
        assert importlib.util.find_spec(rest[1])
    if program == "pytest":
        assert [word for word in rest if word.startswith("tests/") and not (ROOT / word).exists()] == []
    if program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(re.findall(r"(?:rna_bench|\.)\[(\w+)\]", command.text)) <= set(extras)


@pytest.fixture
def place(tmp_path):
    """A folder that looks like a clone's root to commands: results and sweeps, published records included."""
    (tmp_path / "my_conf").mkdir()
    (tmp_path / "results" / "published").mkdir(parents=True)
    for folder in (ROOT / "results" / "published").iterdir():
        (tmp_path / "results" / "published" / folder.name).symlink_to(folder)
    (tmp_path / "results" / "published" / "pocket").unlink()  # in this one a sweep goes on
    shutil.copytree(ROOT / "results" / "published" / "pocket", tmp_path / "results" / "published" / "pocket")
    return tmp_path


def in_place(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "COLUMNS": "80"}
    environment.pop("RNA_BENCH_TRACEBACK", None)
    code = "from rna_bench.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=place, env=environment, capture_output=True, text=True)


def replaced(name, words, place):
    """Return a command's words with what stands for the user's own in capitals replaced by things that exist."""
    run = next((place / "results/runs").glob("*/delta.safetensors"), place).parent
    real = {
        "IDENTITY": run.name,
        "RUN": str(run),
        "NAME": "pocket_methods",
        "FOLDER": "results/published/presets" if name == "choose" else str(place / "out"),
        "FILE": str(place / "file"),
    }
    return [re.sub(r"\b(IDENTITY|RUN|NAME|FOLDER|FILE)\b", lambda match: real[match[0]], word) for word in words]


def fewer_facts(words):
    """Return the words of a command with attacks that teach four facts, and that are tried after one step of training."""
    names = [name for word in words if word.startswith("attack=[") for name in word[8:-1].split(",") if name in TEACHING]
    return ["attack.at=[1]" if word.startswith("attack.at=") else word for word in words] + [
        f"attack.{one}.facts=4" for one in names
    ]


@pytest.mark.slow
@pytest.mark.parametrize("readme", [name for name in READMES if name != OWN_CODE])
def test_the_commands_of_a_readme_run_one_after_the_other(readme, place):
    in_place(place, "run", "method=rmu", "noise=none", "tracker=none", *SMALL)  # what later commands show
    for command in (one for one in OURS if one.readme == readme and one.text not in LONG):
        name, rest = named(command.words)
        if name.startswith("export"):  # into a new folder
            shutil.rmtree(place / "out", ignore_errors=True)
        as_it_is = "--help" in rest or "results_dir=results/published/pocket" in rest
        done = in_place(
            place, *name.split(), *fewer_facts(replaced(name, rest, place)), *([] if as_it_is else SMALLER.get(name, []))
        )
        lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        if any(word in command.text for word in ON_A_HUB):
            assert done.returncode in (0, 1), command.text
            assert len(lines) <= 1, (command.text, lines)
        else:
            assert (done.returncode, lines) == (0, []), (command.text, done.stdout[-2000:], done.stderr[-2000:])
