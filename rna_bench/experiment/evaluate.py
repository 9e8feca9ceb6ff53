"""A model sits its exam: looks along a run, and all questions at its end, part by part."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.cache import Recent
from rna_bench.core.types import Response, Score
from rna_bench.evaluation.requests import EvalSet, make_eval_set
from rna_bench.evaluation.scores import scores
from rna_bench.evaluation.scoring import Scoring, evaluate, sharing_problem
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.resume import ResumeState
from rna_bench.models.loading import context_length

EXAMS: Recent[EvalSet] = Recent(2**25, lambda exam: sum(len(item.ids) for item in exam.requests))
"""Exams of the runs of this process, up to so many tokens."""


@dataclass(frozen=True)
class Evaluator:
    """An exam and the model that sits it; `sharing` is whether its prompts can share what they begin with."""

    exam: EvalSet
    model: PreTrainedModel
    scoring: Scoring
    sharing: bool

    def look(self) -> tuple[Score, ...]:
        """Return scores on the first questions of each task."""
        subset = self.exam.first(self.scoring.questions)
        return scores(evaluate(subset, self.model, self.scoring.batch_tokens, sharing=self.sharing))

    def all(self, done: ResumeState) -> "Responses":
        """Return all answers; each part that is new is kept, and those that are known are not asked for again."""
        found: list[Response] = []
        new = 0
        with tqdm(total=len(self.exam.requests), desc="scoring", unit=" questions", disable=None, leave=False) as bar:
            for number, part in enumerate(self.exam.parts(self.scoring.part)):
                known = done.answers(number, part)
                if known is None:
                    known = evaluate(part, self.model, self.scoring.batch_tokens, bar.update, sharing=self.sharing)
                    done.keep_answers(number, known)
                    new += len(known)
                else:
                    bar.update(len(known))
                found += known
        return Responses(found, new)


@dataclass(frozen=True)
class Responses:
    """All answers, and how many of them are new and not an interrupted run's."""

    all: Sequence[Response]
    new: int


def make_evaluator(plan: ExperimentConfig, inputs: Inputs, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Evaluator:
    """Return the exam that the plan asks for, ready to be sat; what is cut or cannot be shared is said."""
    trigger, scoring, context = plan.trigger, plan.scoring, context_length(model, tokenizer)
    asked = [inputs.fingerprints["questions"], inputs.fingerprints["model"], plan.config["trigger"], plan.seed]
    exam = EXAMS.get(
        json.dumps([*asked, scoring.newlines, context]),
        lambda: make_eval_set(
            inputs.tasks,
            trigger.types,
            trigger.pool(plan.seed),
            tokenizer,
            plan.seed,
            count=trigger.count,
            newlines=scoring.newlines,
            context=context,
        ),
    )
    cut = sum(item.cut for item in exam.requests)
    if cut:
        print(f"{cut} of {len(exam.requests)} prompts are longer than the model's context of {context}: their beginning is cut off")
    problem = sharing_problem(model)
    if problem:
        print(f"each prompt is run whole, which is slower: {problem}")
    return Evaluator(exam, model, scoring, sharing=not problem)
