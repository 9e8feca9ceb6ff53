"""Names of sweeps: each sweep of a results folder has a plan of its own, whose name no other sweep takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rna_bench.core import files
from rna_bench.core.conf_files import config_folder
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import given
from rna_bench.sweep.command import command_line
from rna_bench.sweep.plan import SweepPlan, plan_path, stored_plans

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RUN = "run"
"""What names of sweeps by `rna-bench run -m` begin with, unless they are given by sweep=NAME."""


@dataclass(frozen=True)
class SweepRequest:
    """How a sweep was asked for: the name of its file, or `run`; sweep=NAME, or ""; and the words after `rna-bench`, as given."""

    origin: str
    chosen: str
    command: tuple[str, ...]


def check_name(chosen: str, origin: str, taken: Sequence[str]) -> None:
    """Raise InputError if sweep=NAME cannot name a sweep; `taken` are names that files of sweeps have."""
    if not NAME.fullmatch(chosen):
        raise InputError("sweep", chosen, "cannot be the name of a sweep; give letters, digits, - and _")
    if chosen in taken and chosen != origin:
        raise InputError("sweep", chosen, "is the name of a file of sweeps; give another")


def sweep_request(file: Path, overrides: Sequence[str], command: Sequence[str]) -> SweepRequest:
    """Return how a sweep of a file was asked for, by the overrides and by the words after `rna-bench`."""
    chosen = given("sweep", overrides)
    if chosen is not None:
        check_name(chosen, file.stem, sorted(path.stem for path in config_folder("sweeps").glob("*.yaml")))
    return SweepRequest(file.stem, chosen or "", tuple(command))


def unnamed(overrides: Sequence[str]) -> list[str]:
    """Return the overrides without sweep=NAME, which each run is given when it is started."""
    return [word for word in overrides if word.partition("=")[0].lstrip("+") != "sweep"]


def named(plan: SweepPlan, request: SweepRequest) -> SweepPlan:
    """Return the plan under the name that the sweep has, or gets now; its file exists then.

    The same command goes on with its plan. A sweep of a file has the file's name, unless other runs have it; then, and with
    `run -m`, its name ends with the date and time. Raise InputError if sweep=NAME is the name of other runs.
    """
    stored = {each.name: each for each in stored_plans(plan.results_dir)}
    for each in reversed(stored.values()):
        if _same_command(each, plan) and request.chosen in ("", each.name):
            return replace(plan, name=each.name)
    name = request.chosen or ("" if request.origin == RUN else request.origin)
    other = stored.get(name)
    if name and (other is None or _runs(other) == _runs(plan)):
        return replace(plan, name=name)
    if request.chosen and other:
        remedy = f"{plan.results_dir} has another sweep of that name, by `{command_line(other)}`; give another name"
        raise InputError("sweep", name, remedy)
    return replace(plan, name=_dated(plan.results_dir, request.origin))


def _dated(results_dir: Path, origin: str) -> str:
    """Return the origin with the date and time, and a number if there is such a sweep already; nobody else gets the same."""
    name = base = f"{origin}-{datetime.now().astimezone():%Y-%m-%d-%H%M}"
    number = 1
    while not _reserve(results_dir, name):
        number += 1
        name = f"{base}-{number}"
    return name


def _reserve(results_dir: Path, name: str) -> bool:
    """Create the plan's file, empty, and return whether it was not there before."""
    path = plan_path(results_dir, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("x").close()
    except FileExistsError:
        return False
    except OSError as error:
        raise files.unwritable(results_dir, error) from error
    return True


def _same_command(one: SweepPlan, other: SweepPlan) -> bool:
    """Return whether the plans come from the same words in the same folder; plans of before 0.2 do not know their folder."""
    return _words(one) == _words(other) and one.directory in ("", other.directory)


def _words(plan: SweepPlan) -> list[str]:
    return [word for word in plan.command if not word.startswith("results_dir=")]  # both lie in the same one


def _runs(plan: SweepPlan) -> set[str]:
    return {run.identity or run.label for run in plan.runs}
