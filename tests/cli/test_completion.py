"""Shell completion: what may follow a command line, and the scripts in real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.commands import COMMANDS, first_words
from rna_bench.cli.completion.command import SCRIPTS
from rna_bench.cli.completion.following import following_words
from rna_bench.core.conf_files import config_folder, groups, options, sweeps

CONF = config_folder("conf")
PROGRAM = Path(sys.executable).parent / "rna-bench"


def test_a_line_with_the_program_alone_is_followed_by_a_command():
    assert following_words("rna-bench ") == [*first_words(), "--help", "--version", "-v", "-q"]
    assert following_words("rna-bench ru") == ["run"]
    assert following_words("rna-bench -v ru") == ["run"]
    assert following_words("rna-bench export ") == ["run", "lm-eval"]


@pytest.mark.parametrize("group", groups([CONF]))
def test_each_group_and_each_of_its_options_is_offered(group):
    assert f"{group}=" in following_words(f"rna-bench run {group[:2]}")
    assert following_words(f"rna-bench run seed=1 {group}=") == [f"{group}={option}" for option in options(group, [CONF])]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run see", ["seed="]),
        ("run trai", ["train."]),
        ("run noise.s", ["noise.scale=", "noise.side="]),
        ("run +noise.sc", ["+noise.scale="]),
        ("run retai", ["retain=", "retain."]),
        ("run dataset.mmlu.sh", ["dataset.mmlu.shots="]),
        ("run dataset=[mmlu,wmdp_b", ["dataset=[mmlu,wmdp_bio"]),
        ("run -m method=rmu,rs", ["method=rmu,rsv"]),
        ("run --conf", ["--config-dir"]),
        ("run --cfg ", ["job", "hydra", "all"]),
        ("run --config-dir ", []),  # the shell completes folders
        ("sweep dem", ["demo"]),
        ("sweep demo method=rm", ["method=rmu", "method=rmu_lat"]),
        ("search zep", ["zephyr_7b"]),
        ("list trig", ["triggers"]),
        ("completion ", ["bash", "zsh"]),
        ("pocket train model.wor", ["model.world="]),
        ("tables --ou", ["--out"]),
        ("verify a_folder ", []),
        ("no such", []),
    ],
)
def test_what_may_follow(line, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert following_words(f"rna-bench {line}") == words


def test_every_command_has_flags():
    assert [name for name in COMMANDS if "--help" not in following_words(f"rna-bench {name} --")] == []


def test_names_of_sweeps_results_and_runs_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("results/runs/0123456789abcdef/record.json", "results/runs/mine/89abcdef01234567/record.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "results/runs/.sweeps").mkdir()
    (tmp_path / "results/runs/.sweeps/mine_too.json").write_text("{}")
    assert following_words("rna-bench tables ") == ["results/runs", "mine"]
    assert following_words("rna-bench export run ") == ["results/runs/0123456789abcdef", "results/runs/mine/89abcdef01234567"]
    assert following_words("rna-bench status ") == sorted([*sweeps(), "mine_too"])


def test_options_of_ones_own_are_offered(tmp_path):
    (tmp_path / "method").mkdir()
    (tmp_path / "method/mine.yaml").write_text("strength: 1\n")
    assert following_words(f"rna-bench run --config-dir {tmp_path} method=mi") == ["method=mine"]
    assert following_words(f"rna-bench run --config-dir {tmp_path} method.stre") == ["method.strength="]


def in_bash(line: str, breaks: str = " \t\n\"'><=;|&(:") -> list[str]:
    """Return what bash is given for a line with the cursor at its end."""
    code = (
        f"{SCRIPTS['bash']}\ncomplete -p rna-bench >&2\nCOMP_WORDBREAKS=$BREAKS COMP_LINE=$LINE COMP_POINT=${{#LINE}}\n"
        'COMP_WORDS=("$PROGRAM" x); COMP_CWORD=1; _rna_bench; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    surroundings = {**os.environ, "BREAKS": breaks, "LINE": line, "PROGRAM": str(PROGRAM)}
    done = subprocess.run(["bash", "--norc", "-c", code], env=surroundings, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "complete -o default -F _rna_bench rna-bench"
    return done.stdout.split()


@pytest.mark.skipif(not (shutil.which("bash") and PROGRAM.exists()), reason="no bash, or no rna-bench beside this Python")
def test_bash_is_given_what_may_follow():
    assert in_bash("rna-bench swe") == ["sweep"]
    assert in_bash("rna-bench run noise.sc") == ["noise.scale="]
    assert in_bash("rna-bench run seed=1 method=rm") == ["rmu", "rmu_lat"]  # bash replaces what is behind the =
    assert in_bash("rna-bench run method=rm", breaks=" \t\n") == ["method=rmu", "method=rmu_lat"]
    assert in_bash("rna-bench run nothing_like_it") == []


@pytest.mark.skipif(not (shutil.which("zsh") and PROGRAM.exists()), reason="no zsh, or no rna-bench beside this Python")
def test_zsh_is_given_what_may_follow():
    code = (
        "compdef() { :; }; _files() { print files; }; compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- $@; }\n"
        f"{SCRIPTS['zsh']}\nwords=({PROGRAM} run method=rm) CURRENT=3; _rna_bench"
    )
    done = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["method=rmu", "method=rmu_lat"]


def test_completion_imports_nothing_heavy():
    code = (
        "import sys\nfrom rna_bench.cli.completion.following import following_words\n"
        "for line in ('run noise.', 'run method=', 'tables ', 'sweep ', 'export run '): following_words(f'rna-bench {line}')\n"
        "print(*sorted({'torch', 'hydra', 'omegaconf', 'pandas', 'pydantic'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
