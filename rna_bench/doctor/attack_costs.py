"""Hours and bytes that attacks take, from what they say of themselves and the model's dimensions; nothing here is measured."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from rna_bench.attacks.cost import AttackCost, Costed, Updates
from rna_bench.core.files import gigabytes
from rna_bench.doctor import estimates
from rna_bench.doctor.needs import BYTES, PROMPT_TOKENS, Needs
from rna_bench.doctor.outline import ReportRow, duration
from rna_bench.experiment.attack_config import NamedAttack
from rna_bench.experiment.attack_split import TEXTS
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models.architecture import Architecture

LARGEST = 80e9
"""Bytes of the largest GPU that a remark is measured by."""
FIT_SECONDS, NUMBER_SECONDS = 0.03, 5e-8
"""Of a fit of a probe, and for each number of its hidden states, on one core: 512 to 1,024 texts of width 64 to 4,096 took that."""
ADAPTER_BYTES = 16
"""Of an element of an adapter: value, gradient and both moments of Adam, in fp32."""


@dataclass(frozen=True)
class AttackNeeds:
    """Hours of updates, of answering and of what is computed on the CPU, and bytes on the device; of updates also their state."""

    updates: float
    answers: float
    fits: float
    peak: int
    state: int

    @property
    def hours(self) -> float:
        return self.updates + self.answers + self.fits


class AttackTotals(NamedTuple):
    """Hours of all attacks, one after another, and the largest peak, in bytes."""

    hours: float
    peak: int


def attack_needs(
    attack: NamedAttack, plan: ExperimentConfig, dimensions: Architecture, needs: Needs, questions: int, rate: float
) -> AttackNeeds | None:
    """Return what an attack takes that asks so many `questions`; None if it does not say."""
    if not isinstance(attack.attack, Costed):  # a user's own need not say
        return None
    cost, element = attack.attack.cost(), BYTES[plan.model.dtype]
    prompts = cost.rounds * questions + cost.reads_texts * TEXTS + cost.prompts
    state, working = _update_bytes(cost.updates, dimensions, element) if cost.updates else (0, 0)
    working = max(working, cost.backward * PROMPT_TOKENS * _token_bytes(dimensions, element))
    copied = sum(map(math.prod, dimensions.matching(cost.copied).values())) * element if cost.copied else 0
    return AttackNeeds(
        updates=estimates.hours(_update_flops(cost.updates, dimensions) if cost.updates else 0, rate),
        answers=estimates.hours(estimates.scoring_flops(dimensions, prompts * PROMPT_TOKENS), rate),
        fits=_fit_seconds(cost, dimensions) / 3600,
        peak=needs.weights + copied + state + max(working, needs.scoring),
        state=state,
    )


def attack_rows(plan: ExperimentConfig, dimensions: Architecture, needs: Needs, questions: int, rate: float) -> list[ReportRow]:
    """Return for each attack what it takes in time and memory, and whether that is more than the largest GPU has."""
    rows: list[ReportRow] = []
    for attack in plan.attacks:
        found = attack_needs(attack, plan, dimensions, needs, questions, rate)
        if found is None:
            rows.append(ReportRow(attack.name, "its cost is not known, as its class has no cost (rna_bench/attacks/cost.py)"))
            continue
        rows.append(ReportRow(attack.name, f"{_times(found, questions)}; memory {gigabytes(found.peak)}"))
        if found.peak > LARGEST and plan.model.device != "cpu":
            rows.append(ReportRow("", _too_large(attack, found)))
    copy = f"a copy of the weights, {gigabytes(needs.weights)}, is in main memory meanwhile, from which they are restored"
    return [*rows, ReportRow("", copy)] if rows else []


def attack_totals(plan: ExperimentConfig, dimensions: Architecture, needs: Needs, questions: int, rate: float) -> AttackTotals:
    """Return the hours and the peak of all attacks that say what they take."""
    found = [attack_needs(attack, plan, dimensions, needs, questions, rate) for attack in plan.attacks]
    known = [one for one in found if one]
    return AttackTotals(sum(one.hours for one in known), max((one.peak for one in known), default=0))


def _times(found: AttackNeeds, questions: int) -> str:
    parts = {"updates": found.updates, f"answers to {questions:,} questions a round": found.answers, "probes": found.fits}
    return f"{duration(found.hours)} = {' + '.join(f'{name} {duration(taken)}' for name, taken in parts.items() if taken)}"


def _too_large(attack: NamedAttack, found: AttackNeeds) -> str:
    where = f"does not fit a GPU with {LARGEST / 1e9:.0f} GB"
    if not found.state:
        return f"{where}: lower scoring.batch_tokens"
    smaller = (
        f"attack=[relearn_lora] trains adapters, {attack.key}.parameters names fewer tensors, {attack.key}.batch_size fewer texts"
    )
    return f"{where}: gradients and AdamW of what it trains take {gigabytes(found.state)}; {smaller}"


def _update_flops(updates: Updates, dimensions: Architecture) -> int:
    """Return the operations of all updates: forward, backward to the lowest layer, and of the trained weights."""
    tokens = updates.batch_size * min(updates.tokens, PROMPT_TOKENS)
    trained, last = _trained(updates, dimensions), dimensions.layers - 1
    return updates.steps * estimates.pass_flops(dimensions, tokens, 0, last, trained, reference=False, head=True)


def _update_bytes(updates: Updates, dimensions: Architecture, element: int) -> tuple[int, int]:
    """Return the bytes of gradients, moments (and adapters), and of activations with all logits, of an update."""
    trained, tokens = _trained(updates, dimensions), updates.batch_size * min(updates.tokens, PROMPT_TOKENS)
    state = trained * (ADAPTER_BYTES if updates.rank else 3 * element)
    return state, tokens * _token_bytes(dimensions, element)


def _token_bytes(dimensions: Architecture, element: int) -> int:
    """Return the bytes of a token's activations and logits in a forward and backward pass through all layers."""
    stored = estimates.whole_kept_bytes(dimensions, element, 0, dimensions.layers - 1, dimensions.layers)
    logits = (2 * element + 12) * dimensions.vocab_size  # in the weights' dtype, in fp32, log-probabilities, and both gradients
    return stored + logits + estimates.working_bytes(dimensions, element)


def _trained(updates: Updates, dimensions: Architecture) -> int:
    """Return the number of trained elements: of the tensors, or rank (n + m) for an adapter of a matrix (n, m)."""
    shapes = dimensions.matching(updates.parameters)
    if not updates.rank:
        return sum(map(math.prod, shapes.values()))
    matrices = [shape for name, shape in shapes.items() if dimensions.layer_of(name) is not None and len(shape) == 2]
    return sum(updates.rank * sum(shape) for shape in matrices)


def _fit_seconds(cost: AttackCost, dimensions: Architecture) -> float:
    return cost.fits * dimensions.layers * (FIT_SECONDS + NUMBER_SECONDS * TEXTS * dimensions.hidden_size)
