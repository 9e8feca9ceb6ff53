"""What the command line says of itself: each command has a line in the list, and a help of its own, which imports nothing heavy."""

import subprocess
import sys

import pytest

from rna_bench import __version__
from rna_bench.cli.commands import COMMANDS, first_words, following
from rna_bench.cli.main import main

HEAVY = {"torch", "transformers", "pandas", "hydra", "wandb", "datasets", "scipy", "matplotlib", "pydantic"}


@pytest.fixture
def said(monkeypatch, capsys):
    """Run the command line in this process; return the exit code and standard output."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["rna-bench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


@pytest.mark.parametrize(("words", "code"), [([], 2), (["-h"], 0), (["--help"], 0)])
def test_the_list_has_a_line_for_each_command(said, words, code):
    found, text = said(*words)
    assert found == code
    lines = [line.strip() for line in text.splitlines()]
    assert [name for name in COMMANDS if not any(line.startswith(f"{name} ") for line in lines)] == []


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_each_command_has_a_help_that_shows_how_it_is_called(said, name, flag):
    code, text = said(*name.split(), flag)
    assert code == 0
    assert text.startswith(f"usage: rna-bench {name} ")


def test_help_behind_other_words_is_help(said):
    assert said("sweep", "demo", "seed=1", "--help") == said("sweep", "--help")


@pytest.mark.parametrize("first", [word for word in first_words() if following(word)])
def test_a_first_word_alone_lists_the_second(said, first):
    code, text = said(first, "--help")
    assert code == 0
    assert all(f"{first} {second} " in text for second in following(first))


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", [["--help"], *([*name.split(), "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_fits_the_terminal(said, monkeypatch, columns, words):
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = [line for line in said(*words)[1].splitlines() if len(line) > columns]
    assert [line for line in wide if " " in line.strip()] == []  # one long word may stand out


def test_the_version_is_the_packages(said):
    assert said("--version") == (0, f"rna-bench {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["list", "runs"],
        ["list", "methods"],
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["sweep", "-h"],
        ["tables", "--help"],
        ["rum"],
        ["list"],
    ],
)
def test_help_imports_nothing_heavy(words):
    code = (
        f"import sys; sys.argv = ['rna-bench', *{words}]\n"
        "from rna_bench.cli.main import main\n"
        "try: main()\n"
        f"finally: print('heavy:', *sorted(set(sys.modules) & {HEAVY}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].strip() == "heavy:"
