"""What each piece of the released code changes on pocket, world 0: `python -m tests.benchmarks.released`, 80 seconds on one core.

Each row trains twice on the same texts, without and with one piece, all else being the formula's and the noise none unless the
row says so, and compares the losses of the first step, those of 20 steps, and how far the trained tensors went. With
`--runs FOLDER` it prints a second table of whole runs that were recorded there: forget and retain accuracy, and drops, by method
and what is as released.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from torch import Tensor

from rna_bench.core.types import CLEAN, Batch, RunRecord
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.released import pieces
from rna_bench.experiment.train import topic_batches
from rna_bench.models.loading import load_model
from rna_bench.models.policies import policy_of
from rna_bench.models.segments import Policy, hidden
from rna_bench.runs.collection import collect
from rna_bench.unlearning.trainer import unlearn

STEPS = 20
LEFT, SEEN = "train.padding=included", "train.reference_attention=unmasked"


@dataclass(frozen=True)
class Row:
    """A piece, the method and words without it, and the words that add it."""

    piece: str
    method: str
    without: tuple[str, ...]
    added: tuple[str, ...]


ROWS = [
    *(Row("left padding, counted", method, (), (LEFT,)) for method in ("rmu", "rsv", "npo_kl", "npo_mse")),
    *(Row("reference without attention mask", method, (LEFT,), (SEEN,)) for method in ("npo_kl", "npo_mse")),
    *(
        Row(f"log-probabilities in bf16, nu = {nu} rms", method, (f"nu={nu}", "noise=rna"), ("retain.log_probabilities=bfloat16",))
        for method in ("npo_kl", "npo_mse")
        for nu in (0.3, 0.03)
    ),
    Row("predictions of last tokens", "npo_kl", ("noise=rna",), ("retain.positions=all",)),
    Row("RSV's direction in bf16", "rsv", (), ("method.direction=bfloat16",)),
    Row("DPO's preferred terms cancel", "dpo_kl", (), ("method.variant=released",)),
    Row("DPO's first refusals at every step", "dpo_kl", ("train.batch_size=4",), ("method.refusal_order=first",)),
    *(
        Row("likelihoods as the batch's mean", method, (), ("method.reduction=token_mean",))
        for method in ("npo_kl", "dpo_kl", "simnpo_kl")
    ),
    *(Row("transformers' AdamW", method, (), ("optimizer=transformers_adamw",)) for method in ("rmu", "npo_kl")),
    *(Row("eager attention", method, (), ("model.attention=eager",)) for method in ("rmu", "npo_kl")),
    *(Row("eager attention, padding counted", method, (LEFT,), ("model.attention=eager",)) for method in ("rmu", "npo_kl")),
    *(
        Row("all of them", method, (), ("released=true",))
        for method in ("rmu", "adaptive_rmu", "rsv", "npo_kl", "dpo_kl", "simnpo_kl")
    ),
]


class Trained(NamedTuple):
    """Forget and retain losses by step, and how far the trained tensors went."""

    forget: list[float]
    retain: list[float]
    move: Tensor


@cache
def trained(words: tuple[str, ...]) -> Trained:
    """Train pocket for some steps as the words compose."""
    experiment = experiment_config(*compose_run([*words, f"train.steps={STEPS}", "tracker=none"]))
    recipe, corpus = experiment.recipe, experiment.corpus
    assert recipe and corpus  # noqa: PT018
    model, tokenizer = load_model(experiment.model.folder())
    policy = policy_of(model, recipe.train.parameters)
    topics = topic_batches(recipe, corpus.topics(experiment.seed), tokenizer, policy)
    losses = unlearn(policy, topics, recipe, lambda _: None, lambda _: None).losses
    move = torch.cat([(tensor.detach() - policy.frozen[name]).flatten() for name, tensor in policy.trained.items()])
    return Trained([loss.forget or 0.0 for loss in losses], [loss.retain or 0.0 for loss in losses], move)


def row_text(row: Row) -> str:
    """Return a line of the table."""
    words = (
        f"method={row.method}",
        *(() if any(word.startswith("noise") for word in row.without) else ("noise=none",)),
        *row.without,
    )
    one, other = trained(words), trained((*words, *row.added))
    moved = ((other.move - one.move).norm() / one.move.norm()).item()
    cells = [row.piece, f"`{' '.join((words[0], *row.without))}`", f"`{' '.join(row.added)}`"]
    cells += [_change(one.forget[:1], other.forget[:1]), _change(one.retain[:1], other.retain[:1])]
    cells += [
        _change(one.forget, other.forget),
        _change(one.retain, other.retain),
        f"{moved:.1%}" if moved < 10 else f"x {moved:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _change(before: Sequence[float], after: Sequence[float]) -> str:
    """Return the means before and after, and where they differ by less than a hundredth, by how much."""
    one, other = fmean(before), fmean(after)
    if one == other:
        return f"{one:.4g}, same"
    relative = abs(other - one) / max(abs(one), 1e-9)
    return f"{one:.4g}, {relative:.0e} off" if relative < 0.01 else f"{one:.4g} → {other:.4g}"


def pieces_table() -> list[str]:
    """Return the table of single pieces."""
    losses = "forget loss, first step | retain loss, first step | forget loss, mean of 20 | retain loss, mean of 20"
    head = f"| piece | without it | added | {losses} | distance of the moves, of the first |"
    return [head, f"|{':--|' * 8}", *map(row_text, ROWS)]


def second_coefficient() -> str:
    """Return what is not reproduced of Adaptive RMU: the coefficient of the second topic, made after one update of the first."""
    lines = []
    for lr in ("1e-3", "5e-5"):
        words = ["method=adaptive_rmu", "released=true", "noise=none", "train.steps=1", f"train.lr={lr}", "tracker=none"]
        experiment = experiment_config(*compose_run(words))
        recipe, corpus = experiment.recipe, experiment.corpus
        assert recipe and corpus  # noqa: PT018
        model, tokenizer = load_model(experiment.model.folder())
        policy = policy_of(model, recipe.train.parameters)
        topics = topic_batches(recipe, corpus.topics(experiment.seed), tokenizer, policy)
        layer, batch = recipe.method.layer, topics[1].forget(0)
        assert layer is not None

        def norm(policy: Policy = policy, batch: Batch = batch, layer: int = layer) -> float:
            with torch.no_grad():
                return hidden(policy, batch, layer).norm(dim=-1).mean().item()

        before = norm()
        _ = unlearn(policy, topics, recipe, lambda _: None, lambda _: None)
        lines.append(f"{abs(norm() / before - 1):.1e} at lr {lr}")
    return f"Adaptive RMU's coefficient of the second topic, after one update of the first: {', '.join(lines)} off"


def runs_table(records: Sequence[RunRecord]) -> list[str]:
    """Return the table of whole runs: means over seeds, with standard deviations."""
    kinds: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.losses:
            target, retain = (record.config[name]["_target_"].rpartition(".")[2] for name in ("method", "retain"))
            kinds[f"{target} + {retain}", _way(record)].append(record)
    lines = [
        "| method | | seeds | forget accuracy | retain accuracy | drop beyond the control, mean of trigger types | collapsed |",
        f"|{':--|' * 7}",
    ]
    for (method, way), runs in sorted(kinds.items(), key=lambda pair: (pair[0][0], pair[0][1] != "formula", len(pair[0][1]))):
        columns = [
            [_accuracy(run, "forget", CLEAN) for run in runs],
            [_accuracy(run, "retain", CLEAN) for run in runs],
            list(map(_drop, runs)),
        ]
        collapsed = sum(run.status.value == "collapsed" for run in runs)
        lines.append(f"| {method} | {way} | {len(runs)} | {' | '.join(map(_spread, columns))} | {collapsed} |")
    return lines


def _way(record: RunRecord) -> str:
    """Return what of a run is as released."""
    own = pieces(record.config)
    if own["optimizer.variant"] == "transformers":
        back = {"model.attention": "eager", "method.reduction": "token_mean"}
        other = [f"`{key}={own.get(key, 'null')}`" for key, value in back.items() if key in own and own[key] != value]
        return " but for ".join(["as released", *other])
    shown = {"train.padding": "included", "train.reference_attention": "unmasked", "model.attention": "eager"}
    return ", ".join(f"`{key}={value}`" for key, value in shown.items() if own.get(key) == value) or "formula"


def _accuracy(record: RunRecord, role: str, perturbation: str) -> float:
    return fmean(score.accuracy for score in record.scores if (score.role, score.perturbation) == (role, perturbation))


def _drop(record: RunRecord) -> float:
    kinds = [score.perturbation for score in record.scores if score.perturbation.endswith("_control")]
    return fmean(
        _accuracy(record, "retain", kind) - _accuracy(record, "retain", kind.removesuffix("_control")) for kind in set(kinds)
    )


def _spread(values: Sequence[float]) -> str:
    return f"{100 * fmean(values):.1f} ± {100 * stdev(values):.1f}" if len(values) > 1 else f"{100 * values[0]:.1f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.released", description=__doc__)
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="records of whole runs, both ways, without noise")
    folder = parser.parse_args().runs
    torch.set_num_threads(1)
    for line in runs_table(collect(folder).records) if folder else [*pieces_table(), "", second_coefficient()]:
        print(line, flush=True)


if __name__ == "__main__":
    main()
