"""All commands: each is one entry, with its name of one or two words, its function, and what its help says."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rna_bench.cli import attacking, breaking, exporting, fetching, listing, running, showing, sweeping, verifying
from rna_bench.cli.completion import command as completing
from rna_bench.cli.completion import names


@dataclass(frozen=True)
class Command:
    """A function of the words after the command's name, and what it does, in one line.

    `parser` has its flags and its help, without importing anything: `--help` and shell completion ask it. `more` is the rest of the
    help, for the words beside `--help`. `names` are those that it takes first, which shell completion offers.
    """

    function: Callable[[Sequence[str]], int | None]
    parser: Callable[[], ArgumentParser]
    help: str
    more: Callable[[Sequence[str]], str] | None = None
    names: Callable[[], list[str]] | None = None


GROUPS: Mapping[str, Mapping[str, Command]] = {
    "what there is": {
        "list": Command(
            listing.list_what_there_is,
            listing.list_parser,
            "models, methods, noise, datasets, triggers, sweeps, runs ...",
            names=names.list_names,
        ),
        "completion": Command(
            completing.completion,
            completing.completion_parser,
            "a script for bash or zsh that completes all of this",
            names=names.shells,
        ),
    },
    "one run": {
        "run": Command(running.run, running.run_parser, "unlearn, score, record; -m and KEY=A,B for several", running.run_keys),
        "doctor": Command(
            running.doctor, running.doctor_parser, "what a run would do, need, cost and lack; runs and fetches nothing"
        ),
        "fetch": Command(fetching.fetch, fetching.fetch_parser, "get what a run or a sweep needs from the hub, sizes first"),
    },
    "many runs": {
        "sweep": Command(
            sweeping.sweep, sweeping.sweep_parser, "the runs of sweeps/NAME.yaml, or what is left of them", names=names.sweep_names
        ),
        "status": Command(
            sweeping.status,
            sweeping.status_parser,
            "of a sweep: done, running, failed and why, pending, time left",
            names=names.started_names,
        ),
        "clean": Command(
            sweeping.clean,
            sweeping.clean_parser,
            "free a sweep's disk space: tensors, caches, logs go, records stay",
            names=names.started_names,
        ),
        "search": Command(
            sweeping.search,
            sweeping.search_parser,
            "runs that a sampler chooses, as sweeps/search/NAME.yaml says",
            names=names.search_names,
        ),
    },
    "results": {
        "attack": Command(
            attacking.attack,
            attacking.attack_parser,
            "try to recover what recorded runs have unlearned",
            names=names.identities,
        ),
        "tables": Command(showing.tables, showing.tables_parser, "verdicts and tables of records", names=names.result_names),
        "figures": Command(
            showing.figures, showing.figures_parser, "figures of them, as PNG, SVG and PDF", names=names.result_names
        ),
        "report": Command(showing.report, showing.report_parser, "one HTML page of them", names=names.result_names),
        "show": Command(
            breaking.show,
            breaking.show_parser,
            "questions that a trigger breaks, with each model's replies",
            names=names.identities,
        ),
        "choose": Command(
            showing.choose,
            showing.choose_parser,
            "which of the settings tried to use, by the rule of the presets",
            names=names.result_names,
        ),
        "verify": Command(
            verifying.verify,
            verifying.verify_parser,
            "whether records are as written: hashes, identities, scores",
            names=names.result_names,
        ),
        "dashboard": Command(showing.dashboard, showing.dashboard_parser, "a W&B workspace and report for a project"),
    },
    "for use elsewhere": {
        "export run": Command(
            exporting.run_export, exporting.export_run_parser, "a run as a full Hugging Face checkpoint", names=names.run_folders
        ),
        "export lm-eval": Command(
            exporting.lm_eval_export, exporting.export_tasks_parser, "perturbed questions as lm-evaluation-harness tasks"
        ),
        "pocket train": Command(exporting.pocket_train, exporting.pocket_train_parser, "the pocket model, trained from scratch"),
    },
}
"""The commands in the order of the help, in groups that have a heading each."""
COMMANDS: Mapping[str, Command] = {name: command for group in GROUPS.values() for name, command in group.items()}


def following(first: str) -> list[str]:
    """Return the second words of the commands whose name begins with that word."""
    return [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{first} ")]


def first_words() -> list[str]:
    """Return the first word of each command, once."""
    return list(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))
