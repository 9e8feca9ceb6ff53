"""What an interrupted run had done: its training so far, or all of it, and the answers of each part of the exam that was scored."""

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
from rna_bench.unlearning.checkpoint import TRAINING_LOG, load_state, save_state
from rna_bench.unlearning.trainer import TrainingLog

STATE = "training.safetensors"
ANSWERS = TypeAdapter(list[Response])


@dataclass(frozen=True)
class ResumeState:
    """Files in the folder `.partial` of a run's folder; each is written whole or not at all, and all go when the record is there.

    They belong to the code as it is, to the line, and to its packages: what other code has left is not used. A run goes on
    when they cannot be written.
    """

    run: Path

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.run / ".partial" / record.code_state()

    def keep_state(self, policy: Policy, optimizer: torch.optim.Optimizer, history: TrainingLog) -> str:
        """Keep the state that training is in, in place of the last one; return why it could not be done, or ""."""
        return self._kept(STATE, lambda path: save_state(path, policy.trained, optimizer, history))

    def state(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None:
        """Put the last state that was kept into policy and optimiser and return its history, or None where there is none."""
        return load_state(self.folder / STATE, policy.trained, optimizer)

    def keep_training(self, policy: Policy, history: TrainingLog, base: dict[str, str]) -> None:
        """Keep the trained tensors, and then the history, which says that they are there; then no state is needed any more."""
        text = TRAINING_LOG.dump_json(history)
        problem = self._kept(record.DELTA, lambda path: save_delta(path, policy.trained, base)) or self._kept(
            "history.json", lambda path: path.write_bytes(text)
        )
        if problem:
            print(problem)
        else:
            (self.folder / STATE).unlink(missing_ok=True)

    def training(self, model: PreTrainedModel) -> TrainingLog | None:
        """Put the trained tensors into the model and return the history, or None where there is none."""
        try:
            history = TRAINING_LOG.validate_json((self.folder / "history.json").read_bytes())
            apply_delta(self.folder / record.DELTA, model)
        except (OSError, ValidationError, InputError):
            return None
        return history

    def place_delta(self, path: Path, *, kept: bool) -> None:
        """Move the trained tensors to where they stay, when they are to be kept; none of an earlier try stay there."""
        path.unlink(missing_ok=True)
        if kept and (self.folder / record.DELTA).is_file():
            (self.folder / record.DELTA).replace(path)

    def keep_answers(self, part: int, answers: Sequence[Response]) -> None:
        """Keep the answers of a part of the exam."""
        text = ANSWERS.dump_json(list(answers))
        problem = self._kept(f"answers-{part}.json", lambda path: path.write_bytes(text))
        if problem:
            print(problem)

    def answers(self, part: int, exam: EvalSet) -> list[Response] | None:
        """Return the answers of a part of the exam, or None where there are none of just its questions."""
        try:
            known = ANSWERS.validate_json((self.folder / f"answers-{part}.json").read_bytes())
        except (OSError, ValidationError):
            return None
        wanted = [(item.task, item.question, item.perturbation) for item in exam.requests]
        return known if [(answer.task, answer.question, answer.perturbation) for answer in known] == wanted else None

    def drop_answers(self) -> None:
        """Remove answers: they are another training's."""
        for path in self.folder.glob("answers-*.json"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all."""
        shutil.rmtree(self.run / ".partial", ignore_errors=True)

    def _kept(self, name: str, save: Callable[[Path], object]) -> str:
        try:
            files.keep(self.folder / name, save, self.run.parent)
        except InputError as error:
            return f"this run could not go on from here if it were interrupted: {error}"
        return ""
