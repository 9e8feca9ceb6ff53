"""The command that lists what there is: options of each group, sweeps, searches, results and runs. It composes nothing."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PLURALS = {
    "models": "model",
    "methods": "method",
    "datasets": "dataset",
    "triggers": "trigger",
    "corpora": "corpus",
    "optimizers": "optimizer",
    "trackers": "tracker",
    "launchers": "launcher",
    "presets": "preset",
    "attacks": "attack",
}
"""What lists are called, and the group of each; other groups are called by their own name."""


def list_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench list`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench list",
        description="List what there is, each with one line; without WHAT, what can be listed. WHAT is a group of configuration "
        "(models, methods, noise ...), sweeps, searches, results (names for `tables`, `report` ...) or runs.",
        epilog="For instance: rna-bench list methods; rna-bench list runs pocket",
    )
    parser.add_argument("what", nargs="?", metavar="WHAT", help="(what can be listed, with counts)")
    parser.add_argument("name", nargs="?", metavar="NAME_OR_FOLDER", help="of runs: where (results/runs, else results/published)")
    parser.add_argument(
        "--config-dir", type=Path, metavar="FOLDER", help="a folder of your own configuration, whose options are listed too"
    )
    return parser


def list_what_there_is(arguments: Sequence[str]) -> None:
    """Print a list."""
    from rna_bench.core.spelling import choose_one
    from rna_bench.core.types import InputError

    parsed = list_parser().parse_args(arguments)
    if parsed.config_dir and not parsed.config_dir.is_dir():
        raise InputError("--config-dir", parsed.config_dir, "there is no such folder; give the folder of your own configuration")
    known = lists(parsed.config_dir, parsed.name)
    if not parsed.what:
        print(
            "\n".join(
                [*_rows({what: _count(what, rows()) for what, rows in known.items()}), "", "`rna-bench list WHAT` lists them."]
            )
        )
        return
    what = next((plural for plural, group in PLURALS.items() if group == parsed.what), parsed.what)
    if what not in known:
        raise InputError("list", parsed.what, choose_one(parsed.what, known))
    if parsed.name and what != "runs":
        raise InputError(what, parsed.name, f"only runs are listed by name; say `rna-bench list {what}`")
    print("\n".join(_run_table(parsed.name) if what == "runs" else _rows(known[what]())))


def lists(own: Path | None, name: str | None) -> Mapping[str, Callable[[], Mapping[str, str]]]:
    """Return by their names functions that make the lists: each entry with its line."""
    from rna_bench.core.conf_files import conf_folders, groups, options, sweeps

    folders = conf_folders(own)
    titles = {group: plural for plural, group in PLURALS.items()}

    def described(files: Mapping[str, Path]) -> dict[str, str]:
        return {name: _about(file, own) for name, file in files.items()}

    of_groups = {titles.get(group, group): lambda group=group: described(options(group, folders)) for group in groups(folders)}
    return {
        **of_groups,
        "sweeps": lambda: described(sweeps()),
        "searches": lambda: described(sweeps("search")),
        "results": result_folders,
        "runs": lambda: {str(path): "" for path in _record_paths(name)},
    }


def _about(file: Path, own: Path | None) -> str:
    """Return the first sentence of a file's comment; of one in the user's folder, that it is there."""
    from rna_bench.core.conf_files import first_sentence, leading_comment

    said = first_sentence(leading_comment(file))
    return f"{said} ({file})".strip() if own and file.is_relative_to(own) else said


def result_folders() -> dict[str, str]:
    """Return the names of folders of records, each with how many it holds."""
    from rna_bench.runs.collection import PLACES, record_paths

    folders = [folder for place in PLACES if place.is_dir() for folder in (place, *sorted(place.glob("[!.]*")))]
    counts = {folder: len(record_paths(folder, deep=False)) for folder in folders}
    return {str(folder) if folder in PLACES else folder.name: f"{n} runs, in {folder}" for folder, n in counts.items() if n}


def _record_paths(name: str | None) -> list[Path]:
    from rna_bench.runs.collection import record_paths

    return [path for folder in _run_folders(name) for path in record_paths(folder, deep=True)]


def _run_folders(name: str | None) -> list[Path]:
    from rna_bench.runs.collection import PLACES, find, record_paths

    own = [place for place in PLACES if place.is_dir() and record_paths(place, deep=True)]
    return [find(name)] if name else own[:1]


def _count(what: str, rows: Mapping[str, str]) -> str:
    """Return how many there are, and a few of them."""
    few = [] if what in ("runs", "results") else [*rows][:4]
    more = ", ..." if len(few) < len(rows) else ""
    return f"{len(rows):>4}" + (f"  {', '.join(few)}{more}" if few else "")


def _rows(entries: Mapping[str, str]) -> list[str]:
    """Return a line for each entry, cut to the terminal's width."""
    from rna_bench.core.terminal import cut

    column = max(map(len, entries), default=0) + 2
    return [cut(f"{name:<{column}}{about}").rstrip() for name, about in entries.items()]


def _run_table(name: str | None) -> list[str]:
    """Return a line for each run, those of a folder together."""
    from rna_bench.core.terminal import columns
    from rna_bench.runs.overview import RunLine, run_lines

    runs: dict[Path, list[RunLine]] = {}
    for folder in _run_folders(name):
        for run in run_lines(folder):
            runs.setdefault(run.folder.parent, []).append(run)
    if not runs:
        return ["no run is recorded yet; `rna-bench run` makes one"]
    head = ("run", "model", "method", "noise", "seed", "status", "day")
    lines: list[str] = []
    for folder, those in runs.items():
        rows = [head, *((one.name[:8], one.model, one.method, one.noise, one.seed, one.status, one.day) for one in those)]
        lines += [*([""] if lines else []), f"{folder}: {len(those)} runs", *columns(rows)]
    return lines
