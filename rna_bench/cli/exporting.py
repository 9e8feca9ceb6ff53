"""Commands that make something for use elsewhere: checkpoints, lm-evaluation-harness tasks, the pocket model."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path


def export_run_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench export run`."""
    parser = argparse.ArgumentParser(prog="rna-bench export run", description="A run as a full Hugging Face checkpoint.")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run, results/runs/IDENTITY")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put the checkpoint")
    return parser


def run_export(arguments: Sequence[str]) -> None:
    """Export a run as a checkpoint."""
    parsed = export_run_parser().parse_args(arguments)
    from rna_bench.experiment.export import export_run

    print(export_run(parsed.run, parsed.folder))


def export_tasks_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench export lm-eval`."""
    parser = argparse.ArgumentParser(prog="rna-bench export lm-eval", description="Perturbed questions as lm-eval tasks.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put tasks and data")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="for instance dataset=mmlu trigger=sars_cov_2 seed=1")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    return parser


def lm_eval_export(arguments: Sequence[str]) -> None:
    """Export perturbed questions."""
    parsed = export_tasks_parser().parse_intermixed_args(arguments)
    from rna_bench.experiment.misspelt import check_spelling

    check_spelling(parsed.overrides, parsed.config_dir)
    from rna_bench.core.conf_files import config_folder
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.experiment.compose import compose_from
    from rna_bench.experiment.config import experiment_config
    from rna_bench.experiment.lm_eval_export import command, export_tasks

    overrides = renamed_overrides(parsed.overrides)
    keys = [word.split("=")[0] for word in overrides]
    # the default triggers, of the pocket world, fit its questions only
    trigger = ["trigger=sars_cov_2"] if "dataset" in keys and "trigger" not in keys else []
    composed = compose_from(config_folder("conf"), "run", ["method=none", *trigger, *overrides], parsed.config_dir)
    plan = experiment_config(*composed)
    print(export_tasks(plan, parsed.folder))
    log = logging.getLogger(__name__)
    log.info("evaluate a model on it with: %s", command(plan, str(parsed.folder)))
    log.info("MODEL is a folder or a name on the hub; pip install 'lm-eval[hf]' brings lm_eval")


def pocket_train_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench pocket train`."""
    parser = argparse.ArgumentParser(prog="rna-bench pocket train", description="Train the pocket model from scratch.")
    parser.add_argument("--out", type=Path, help="where to put it (the cache, where model=pocket expects it)")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="for instance model.world=1 model.pretraining.hidden_size=96"
    )
    return parser


def pocket_train(arguments: Sequence[str]) -> None:
    """Build the pocket model."""
    parsed = pocket_train_parser().parse_intermixed_args(arguments)
    from rna_bench.experiment.misspelt import check_spelling

    check_spelling(parsed.overrides)
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.experiment.compose import compose_model

    print(compose_model(["model=pocket", *renamed_overrides(parsed.overrides)]).train(parsed.out))
