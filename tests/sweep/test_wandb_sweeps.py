"""W&B's own sweeps: each command that an agent would run composes and builds."""

from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from rna_bench.core.labels import method_of
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.resolvers import config_folder
from rna_bench.runs.tracking import Mode, Wandb
from rna_bench.runs.tracking.metrics import MARGIN

FILES = sorted((config_folder("sweeps") / "wandb").glob("*.yaml"))


def ends(parameter: dict) -> tuple:
    """Return the first and the last value that a parameter can have, or the ends of its range."""
    if "value" in parameter:
        return parameter["value"], parameter["value"]
    values = parameter["values"] if "values" in parameter else (parameter["min"], parameter["max"])
    return values[0], values[-1]


def command(sweep: dict, values: dict) -> list[str]:
    """Return what an agent would run, with arguments from W&B's own function."""
    arguments = create_sweep_command_args({"args": {name: {"value": value} for name, value in values.items()}})
    filled = {"${env}": ["/usr/bin/env"], "${program}": [sweep["program"]], "${args_no_hyphens}": arguments["args_no_hyphens"]}
    return [word for part in sweep["command"] for word in filled.get(part, [part])]


def test_there_is_a_grid_and_a_search_of_each_scale():
    assert {path.stem for path in FILES} == {f"{scale}_noise_{kind}" for scale in ("pocket", "paper") for kind in ("grid", "bayes")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_command_of_an_agent_composes_and_builds(path: Path):
    sweep = yaml.safe_load(path.read_text())
    for end in (0, 1):
        values = {name: ends(parameter)[end] for name, parameter in sweep["parameters"].items()}
        words = command(sweep, values)
        assert words[:3] == ["/usr/bin/env", "rna-bench", "run"]
        plan = experiment_config(*compose_run(words[3:]))
        assert plan.tracker == Wandb("rna_bench", None, None, Mode.online, 300.0)  # grouped by method and noise; the sweep is a tag
        assert str(plan.results_dir) == f"results/runs/wandb/{path.stem}"
        assert plan.config["noise"]["scale"] == values["noise.scale"]
        assert (plan.seed, plan.choices["method"]) == (values["seed"], method_of(values["method"]))
    assert sweep["method"] == path.stem.split("_")[-1]
    assert sweep.get("metric", {"name": MARGIN})["name"] == MARGIN
