"""Evaluating a model: eval steps along the run on some questions, and all of them at its end, part by part."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.cache import Recent
from rna_bench.core.log import progress_bar
from rna_bench.core.types import Response, Score
from rna_bench.evaluation.requests import EvalSet, make_eval_set
from rna_bench.evaluation.scores import scores
from rna_bench.evaluation.scoring import Scoring, evaluate, sharing_problem
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.resume import ResumeState
from rna_bench.models.loading import context_length

LOG = logging.getLogger(__name__)
EVAL_SETS: Recent[EvalSet] = Recent(2**25, lambda eval_set: sum(len(request.ids) for request in eval_set.requests))
"""Evaluation sets of the runs of this process, up to so many tokens."""


@dataclass(frozen=True)
class Evaluator:
    """An evaluation set and the model that answers it; `sharing` says whether prompts can share their common beginnings."""

    eval_set: EvalSet
    model: PreTrainedModel
    scoring: Scoring
    sharing: bool

    def eval_step(self) -> tuple[Score, ...]:
        """Return scores on the first questions of each task."""
        subset = self.eval_set.first(self.scoring.questions)
        return scores(evaluate(subset, self.model, self.scoring.batch_tokens, sharing=self.sharing))


@dataclass(frozen=True)
class Responses:
    """All responses of a run, and how many of them were made by this process and not read back, or taken from the run `of`."""

    all: Sequence[Response]
    new: int
    of: str = ""


def evaluate_all(evaluator: Evaluator, state: ResumeState) -> Responses:
    """Return the responses to all requests. Each part is saved when it is done; parts that were saved before are read back."""
    responses: list[Response] = []
    new = 0
    with progress_bar("scoring", "questions", len(evaluator.eval_set.requests)) as bar:
        for number, part in enumerate(evaluator.eval_set.parts(evaluator.scoring.part)):
            saved = state.responses(number, part)
            if saved is None:
                tokens = evaluator.scoring.batch_tokens
                saved = evaluate(part, evaluator.model, tokens, bar.update, sharing=evaluator.sharing)
                state.save_responses(number, saved)
                new += len(saved)
            else:
                bar.update(len(saved))
            responses += saved
    return Responses(responses, new)


def make_evaluator(
    experiment: ExperimentConfig, inputs: Inputs, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> Evaluator:
    """Return the evaluator of the experiment's questions; what is cut or cannot be shared is logged."""
    trigger, scoring, context = experiment.trigger, experiment.scoring, context_length(model, tokenizer)
    sources = [inputs.fingerprints["questions"], inputs.fingerprints["model"], experiment.config["trigger"], experiment.seed]
    eval_set = EVAL_SETS.get(
        json.dumps([*sources, scoring.newlines, context]),
        lambda: make_eval_set(
            inputs.tasks,
            trigger.types,
            trigger.pool(experiment.seed),
            tokenizer,
            experiment.seed,
            count=trigger.count,
            newlines=scoring.newlines,
            context=context,
        ),
    )
    cut = sum(request.cut for request in eval_set.requests)
    if cut:
        LOG.warning(
            "%d of %d prompts exceed the model's context of %d: their beginning is cut off", cut, len(eval_set.requests), context
        )
    problem = sharing_problem(model)
    if problem:
        LOG.warning("each prompt is run whole, which is slower: %s", problem)
    return Evaluator(eval_set, model, scoring, sharing=not problem)
