"""Warns that a record is older than a user's own code that it was made with, which is not part of its identity."""

import logging
from pathlib import Path

from rna_bench.core.own_code import own_file
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.runs.record import RECORD

LOG = logging.getLogger(__name__)


def warn_of_changes(experiment: ExperimentConfig, folder: Path) -> None:
    """Log a warning for each file of the run's method, retain loss and noise that was changed after the run's record."""
    recipe, record = experiment.recipe, folder / RECORD
    if recipe is None or not record.exists():
        return
    files = {own_file(built) for built in (recipe.method, recipe.retain, recipe.noise)}
    for file in sorted(file for file in files if file):
        if file.stat().st_mtime > record.stat().st_mtime:
            LOG.warning("%s was changed after %s was recorded; remove that folder to run it again", file.name, folder)
