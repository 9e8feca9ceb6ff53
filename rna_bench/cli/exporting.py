"""Commands that make something for use elsewhere: checkpoints, lm-evaluation-harness tasks, the pocket model."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path


def export(arguments: Sequence[str]) -> None:
    """Export a run, or perturbed questions."""
    from rna_bench.core.types import InputError

    exports = {"run": _export_run, "lm-eval": _export_tasks}
    if not arguments or arguments[0] not in exports:
        remedy = "say `rna-bench export run RUN FOLDER` or `rna-bench export lm-eval FOLDER [KEY=VALUE ...]`"
        raise InputError("export", " ".join(arguments[:1]), remedy)
    exports[arguments[0]](arguments[1:])


def _export_run(arguments: Sequence[str]) -> None:
    from rna_bench.experiment.export import export_run

    parser = argparse.ArgumentParser(prog="rna-bench export run", description="A run as a full Hugging Face checkpoint.")
    parser.add_argument("run", type=Path, help="folder of the run, results/runs/IDENTITY")
    parser.add_argument("folder", type=Path, help="where to put the checkpoint")
    parsed = parser.parse_args(arguments)
    print(export_run(parsed.run, parsed.folder))


def _export_tasks(arguments: Sequence[str]) -> None:
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.experiment.compose import compose_from
    from rna_bench.experiment.config import experiment_config
    from rna_bench.experiment.lm_eval_export import export_tasks
    from rna_bench.experiment.resolvers import config_folder

    parser = argparse.ArgumentParser(prog="rna-bench export lm-eval", description="Perturbed questions as lm-eval tasks.")
    parser.add_argument("folder", type=Path, help="where to put tasks and data")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="for instance dataset=mmlu trigger=sars_cov_2 seed=1")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parsed = parser.parse_intermixed_args(arguments)
    overrides = renamed_overrides(parsed.overrides)
    keys = [word.split("=")[0] for word in overrides]
    # the default triggers, of the pocket world, fit its questions only
    trigger = ["trigger=sars_cov_2"] if "dataset" in keys and "trigger" not in keys else []
    composed = compose_from(config_folder("conf"), "run", ["method=none", *trigger, *overrides], parsed.config_dir)
    print(export_tasks(experiment_config(*composed), parsed.folder))
    command = f"lm_eval --model hf --model_args pretrained=MODEL --include_path {parsed.folder} --tasks mmlu_triggered"
    logging.getLogger(__name__).info("evaluate a model on it with: %s", command)


def pocket(arguments: Sequence[str]) -> None:
    """Build the pocket model."""
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.core.types import InputError
    from rna_bench.experiment.compose import compose_model

    if list(arguments[:1]) != ["train"]:
        raise InputError("pocket", " ".join(arguments), "say `rna-bench pocket train [--out FOLDER] [KEY=VALUE ...]`")
    parser = argparse.ArgumentParser(prog="rna-bench pocket train", description="Train the pocket model from scratch.")
    parser.add_argument("--out", type=Path, help="where to put it (the cache, where model=pocket expects it)")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="for instance model.world=1 model.pretraining.hidden_size=96"
    )
    parsed = parser.parse_args(arguments[1:])
    print(compose_model(["model=pocket", *renamed_overrides(parsed.overrides)]).train(parsed.out))
