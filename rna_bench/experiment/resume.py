"""What an interrupted run goes on from: the state of its training, or the finished training, and the responses scored so far."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from transformers import PreTrainedModel

from rna_bench.core import files
from rna_bench.core.types import InputError, Response
from rna_bench.evaluation.requests import EvalSet
from rna_bench.models.delta import apply_delta, save_delta
from rna_bench.models.segments import Policy
from rna_bench.runs import record
from rna_bench.runs.integrity import delta_hash
from rna_bench.unlearning.checkpoint import TRAINING_LOG, load_state, save_state
from rna_bench.unlearning.log import TrainingLog

LOG = logging.getLogger(__name__)
STATE = "training.safetensors"
RESPONSES = TypeAdapter(list[Response])


@dataclass(frozen=True)
class ResumeState:
    """Files in the folder `.partial` of a run's folder; each is written whole or not at all, and all are removed after the record.

    They are used by the very code and packages that wrote them and by no other. Where they cannot be written, the run goes on.
    """

    run: Path

    @property
    def folder(self) -> Path:
        """The folder of this code's files."""
        return self.run / ".partial" / record.code_state()

    def save_state(self, policy: Policy, optimizer: torch.optim.Optimizer, log: TrainingLog) -> str:
        """Save the state of training in place of the last one; return why that failed, or ""."""
        return self._saved(STATE, lambda path: save_state(path, policy.trained, optimizer, log))

    def load_state(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None:
        """Put the last state that was saved into policy and optimiser and return its log, or None where there is none."""
        return load_state(self.folder / STATE, policy.trained, optimizer)

    def save_training(self, policy: Policy, log: TrainingLog, base: dict[str, str]) -> None:
        """Save the trained tensors and then the log, whose presence says that both are complete; remove the state."""
        text = TRAINING_LOG.dump_json(log)
        problem = self._saved(record.DELTA, lambda path: save_delta(path, policy.trained, base)) or self._saved(
            "log.json", lambda path: path.write_bytes(text)
        )
        if problem:
            LOG.warning(problem)
        else:
            (self.folder / STATE).unlink(missing_ok=True)

    def finished_training(self, model: PreTrainedModel) -> TrainingLog | None:
        """Put the trained tensors into the model and return the log, or None where there is none."""
        try:
            log = TRAINING_LOG.validate_json((self.folder / "log.json").read_bytes())
            apply_delta(self.folder / record.DELTA, model)
        except (OSError, ValidationError, InputError):
            return None
        return log

    def place_delta(self, path: Path, *, kept: bool) -> str | None:
        """Move the trained tensors to `path` where they are to be kept, and return their hash, None where there are none.

        Those of an earlier try are removed.
        """
        path.unlink(missing_ok=True)
        trained = self.folder / record.DELTA
        if not trained.is_file():
            return None
        digest = delta_hash(trained)
        if kept:
            trained.replace(path)
        return digest

    def save_responses(self, part: int, responses: Sequence[Response]) -> None:
        """Save the responses to a part of the requests."""
        text = RESPONSES.dump_json(list(responses))
        problem = self._saved(f"responses-{part}.json", lambda path: path.write_bytes(text))
        if problem:
            LOG.warning(problem)

    def responses(self, part: int, eval_set: EvalSet) -> list[Response] | None:
        """Return the saved responses to a part of the requests, or None where there are none to exactly these."""
        try:
            saved = RESPONSES.validate_json((self.folder / f"responses-{part}.json").read_bytes())
        except (OSError, ValidationError):
            return None
        wanted = [(request.task, request.question, request.perturbation) for request in eval_set.requests]
        return saved if [(response.task, response.question, response.perturbation) for response in saved] == wanted else None

    def drop_responses(self) -> None:
        """Remove all responses."""
        for path in self.folder.glob("responses-*.json"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all files."""
        shutil.rmtree(self.run / ".partial", ignore_errors=True)

    def _saved(self, name: str, save: Callable[[Path], object]) -> str:
        try:
            files.keep(self.folder / name, save, self.run.parent)
        except InputError as error:
            return f"this run could not go on from here if it were interrupted: {error}"
        return ""
