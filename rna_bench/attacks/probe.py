"""Linear probes: is the right letter read off the hidden states after a layer, though the model does not say it?

Li et al., "The WMDP Benchmark" (arXiv 2403.03218), whose unlearned models four-way linear probes of the letter read at chance,
trained on one half of the questions and judged on the other. Deviations: trained on questions about the accessible facts and
judged on the others, so that no probe can learn a fact; the strength of the penalty is chosen by cross-validation in which no
fact is on both sides; features are standardised.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.layer_stages import layer_stages
from rna_bench.attacks.protocol import AttackStage, AttackText, Target
from rna_bench.core.types import LETTERS, InputError
from rna_bench.data.facts import FactTexts
from rna_bench.evaluation.layer_scoring import layer_states
from rna_bench.evaluation.requests import Request
from rna_bench.models.loading import context_length

if TYPE_CHECKING:
    from sklearn.model_selection import GridSearchCV

Array: TypeAlias = "numpy.ndarray[Any, Any]"
BEST = "best layer"
LEAST = -80.0
"""The lowest log-probability of a letter that is recorded; probes that separate well give some no probability at all."""


@dataclass(frozen=True)
class Probe:
    """Fit a four-way logistic regression of the letter to hidden states after each layer, a variant each; the budget is questions.

    They are fitted at the last token of questions about the facts that are taught again. The inverse strength of the penalty is
    that of `inverse_penalties` (scikit-learn's C, in rising order) with the best accuracy in as many `folds`; of equals the first.
    """

    facts: int
    inverse_penalties: list[float]
    folds: int
    max_iterations: int
    batch_tokens: int

    def __post_init__(self) -> None:
        if not self.inverse_penalties or any(not one > 0 for one in self.inverse_penalties):
            raise InputError("attack.*.inverse_penalties", self.inverse_penalties, "give numbers above 0, as [0.01,1.0]")
        for key, least in {"facts": 2, "folds": 2, "max_iterations": 1, "batch_tokens": 1}.items():
            if vars(self)[key] < least:
                raise InputError(f"attack.*.{key}", vars(self)[key], f"give {least} or more")

    def cost(self) -> AttackCost:
        """Return what it takes: all questions are run once, whatever the layers."""
        return AttackCost(1, reads_texts=True, fits=len(self.inverse_penalties) * self.folds + 1)

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each layer, and again the one with the best accuracy in cross-validation, as "best layer"."""
        asked = self._requests(text.retaught, target)
        states = layer_states(asked, target.model, self.batch_tokens)
        facts, answers = text.retaught.fact_names(), numpy.array([one.correct for one in asked])
        probes = [self._fit(_features(layer), answers, facts) for layer in states]

        def read(states: Tensor, letters: Sequence[int]) -> Tensor:
            return torch.stack([_logps(probe, _features(layer)) for probe, layer in zip(probes, states, strict=True)])

        stages = layer_stages(target.model, len(asked), self.batch_tokens, read)
        accuracies = [-1.0 if probe is None else float(probe.best_score_) for probe in probes]
        yield from (*stages, stages[accuracies.index(max(accuracies))]._replace(variant=BEST))

    def _requests(self, texts: FactTexts, target: Target) -> list[Request]:
        """Return the questions as requests; too few letters or facts to cross-validate with raise InputError."""
        answers = [LETTERS.index(text.body.strip()) for text in texts.questions]
        pairs = set(zip(answers, texts.fact_names(), strict=True))
        counts = Counter(answer for answer, _ in pairs)
        if any(counts[number] < 2 for number in range(len(LETTERS))):
            remedy = "each letter must be the answer to questions about two facts or more; give more facts"
            raise InputError("attack.*.facts", self.facts, remedy)
        rows = _prompts(
            target.tokenizer, [text.context for text in texts.questions], context_length(target.model, target.tokenizer)
        )
        return [
            Request("", "", "", str(number), "", ids, answer, cut=False)
            for number, (ids, answer) in enumerate(zip(rows, answers, strict=True))
        ]

    def _fit(self, features: Array, answers: Array, facts: Sequence[str]) -> "GridSearchCV | None":
        """Return a probe, fitted with one thread, so that all machines give the same; None where features are not finite."""
        from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, GroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits

        if not numpy.isfinite(features).all():
            return None
        model = make_pipeline(StandardScaler(), LogisticRegression(solver="lbfgs", max_iter=self.max_iterations))
        folds = GroupKFold(min(self.folds, len(set(facts))))
        tried = {"logisticregression__C": self.inverse_penalties}
        search = GridSearchCV(model, tried, scoring="accuracy", cv=folds, error_score=0.0)
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # early stopping penalises, too; cross-validation judges it
            warnings.simplefilter("ignore", FitFailedWarning)  # of a part of few facts that all have one letter
            return search.fit(features, answers, groups=facts)


def _features(states: Tensor) -> Array:
    return states.double().cpu().numpy()


def _logps(probe: "GridSearchCV | None", features: Array) -> Tensor:
    """Return log-probabilities (n, 4) of the letters; NaN, which is never right, where they cannot be read."""
    logps = numpy.full((len(features), len(LETTERS)), numpy.nan)
    readable = numpy.isfinite(features).all(axis=1)
    if probe is not None and readable.any():
        logps[readable] = numpy.maximum(probe.predict_log_proba(features[readable]), LEAST)
    return torch.from_numpy(logps).float()


def _prompts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], context: int | None) -> list[tuple[int, ...]]:
    """Return token ids, the beginning cut off where they are longer than `context`, as of the questions that are judged."""
    return [tuple(ids[-context:] if context else ids) for ids in tokenizer(list(texts))["input_ids"]]
