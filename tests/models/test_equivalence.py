"""Passes against a naive step: two whole models, full forwards, gradients of every tensor, noise added by a hook.

Passes cut the model, share the layers below the trained ones, leave the model early and make logits in chunks.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from rna_bench.core.types import Batch
from rna_bench.data.batches import pad, pad_included
from rna_bench.models import chunks as rows
from rna_bench.models import segments
from rna_bench.models.policies import checkpoint_layers, policy_of
from rna_bench.models.segments import Policy
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.methods.simnpo import SimNPO
from rna_bench.unlearning.retain_losses import KL, HiddenMSE, LogProbabilityMSE
from tests.builders.models import CONFIGS, SIZES
from tests.builders.passes import REFUSALS, passes_of, rna_draw, vector_of

LAYERS_1_AND_2 = r"(?!.*vision_tower).*layers\.(1|2)\..*weight"

# Rows of 17 and 11 tokens, of 15 and 20, of 9 and 14; targets begin after a context in some.
ROWS = {
    "forget": ([list(range(3, 20)), list(range(30, 41))], [4, 0]),
    "retain": ([list(range(20, 35)), list(range(40, 60))], [0, 7]),
    "preferred": ([list(range(3, 12)), list(range(40, 54))], [4, 0]),
}
BATCHES = {name: pad(rows, "cpu", starts) for name, (rows, starts) in ROWS.items()}
COUNTED = {name: pad_included(rows, starts, 2, "cpu") for name, (rows, starts) in ROWS.items()}

PAIRS = {
    "rmu": (RMU(2, 3.0), HiddenMSE()),
    "rsv": (RSV(2, 3.0), HiddenMSE()),
    "npo_kl": (NPO(0.1, Reduction.sequence_sum), KL()),
    "dpo_kl": (DPO(0.1, Reduction.sequence_mean, Variant.formula, REFUSALS), KL()),
    "simnpo_mse": (SimNPO(0.1, 0.5, Reduction.token_mean), LogProbabilityMSE()),
}
# Noise and its layer: none; below the trained layers, at the first, at the last. For losses on logits also above, and at the top.
NOISES = [(0.0, 0), (0.3, 0), (0.3, 1), (0.3, 2)]
CASES = [
    pytest.param(name, noise, id=f"{name}, {noise[0]} at {noise[1]}")
    for name, (_, retain) in PAIRS.items()
    for noise in ([*NOISES, (0.3, 3), (0.3, 4)] if retain.reads_logits else NOISES)
]


@dataclass(frozen=True)
class Step:
    """Forget loss, retain loss, and the gradients of forget + 2 * retain by name."""

    forget: torch.Tensor
    retain: torch.Tensor
    gradients: dict[str, torch.Tensor]


@dataclass(frozen=True)
class Models:
    """A policy in the midst of training, and two whole models: it and its reference."""

    policy: Policy
    updated: PreTrainedModel
    frozen: PreTrainedModel


def models(model: PreTrainedModel, pattern: str = LAYERS_1_AND_2) -> Models:
    frozen = deepcopy(model)
    policy = policy_of(model, pattern)
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.trained.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=source))
    return Models(policy, deepcopy(model).requires_grad_(), frozen)


def made(config) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@lru_cache
def of(architecture: str) -> Models:
    return models(made(CONFIGS[architecture]))


def fast(policy: Policy, name: str, noise: tuple[float, int], batches: dict[str, Batch] = BATCHES) -> Step:
    method, retain_loss = PAIRS[name]
    policy.model.zero_grad()
    forget, retain = batches["forget"], batches["retain"]
    passes = passes_of(policy, method.layer, forget, retain, rna_draw(*noise, seed=5), lambda answers, anew: batches["preferred"])
    target = vector_of(method, passes, torch.Generator().manual_seed(6))
    losses = method.forget_loss(passes, target), retain_loss.retain_loss(passes)
    losses[0].backward()
    (2 * losses[1]).backward()
    gradients = {key: p.grad.clone() for key, p in policy.model.named_parameters() if p.grad is not None}
    return Step(*(loss.detach() for loss in losses), gradients)


def naive(both: Models, name: str, noise: tuple[float, int], batches: dict[str, Batch] = BATCHES) -> Step:
    both.updated.zero_grad()
    loss = {"rmu": steering, "rsv": steering}.get(name, preference)(both, name, batches["forget"], batches["preferred"])
    other = difference(both, name, noise, batches["retain"])
    (loss + 2 * other).backward()
    gradients = {key: p.grad.clone() for key, p in both.updated.named_parameters() if p.grad is not None}
    return Step(loss.detach(), other.detach(), gradients)


def whole(model: PreTrainedModel, batch: Batch):
    attention = batch.mask if batch.attention is None else batch.attention
    return model(input_ids=batch.input_ids, attention_mask=attention, output_hidden_states=True)


def steering(both: Models, name: str, forget: Batch, _: Batch):
    """Mean square distance of hidden states after layer 2 (entry 0 is the embedding) to a target of length 3."""
    draw = torch.rand if name == "rmu" else torch.randn
    direction = draw(16, generator=torch.Generator().manual_seed(6))
    target = 3 * direction / direction.norm()
    if name == "rsv":
        target = target + whole(both.frozen, forget).hidden_states[3].detach()
    square = (whole(both.updated, forget).hidden_states[3] - target).square()
    return square[forget.mask.bool()].mean()


def nll(model: PreTrainedModel, batch: Batch):
    """Each target's -log p, from the position before it (b, t - 1); and the mask of targets."""
    log_p = whole(model, batch).logits.log_softmax(-1)[:, :-1]
    counts = batch.label_mask[:, 1:]
    return -log_p.gather(-1, batch.input_ids[:, 1:, None])[..., 0] * counts, counts


def preference(both: Models, name: str, forget: Batch, preferred: Batch):
    def side(model, batch):
        values, counts = nll(model, batch)
        if name == "npo_kl":
            return values.sum(1)
        return values.sum(1) / counts.sum(1) if name == "dpo_kl" else values.sum() / counts.sum()

    won = side(both.updated, forget)
    if name == "simnpo_mse":
        return -(2 / 0.1) * F.logsigmoid(0.1 * won - 0.5)
    won = won - side(both.frozen, forget).detach()
    if name == "dpo_kl":
        won = won + side(both.frozen, preferred).detach() - side(both.updated, preferred)
    return -(2 / 0.1) * F.logsigmoid(0.1 * won).mean()


def difference(both: Models, name: str, noise: tuple[float, int], retain: Batch):
    """The reference has noise at the output of a layer, which travels on."""
    (scale, layer), steered = noise, name in ("rmu", "rsv")
    z = scale * torch.randn(*retain.input_ids.shape, 16, generator=torch.Generator().manual_seed(5))
    text = (module for name, module in both.frozen.named_modules() if "vision_tower" not in name)
    stack = next(m for m in text if isinstance(m, torch.nn.ModuleList) and len(m) == 5)
    with torch.no_grad():
        if steered and layer == 2:
            expected = whole(both.frozen, retain).hidden_states[3] + z
        else:
            hook = stack[layer].register_forward_hook(
                lambda _m, _i, output: (output[0] + z, *output[1:]) if isinstance(output, tuple) else output + z
            )
            reference = whole(both.frozen, retain)
            hook.remove()
            expected = reference.hidden_states[3] if steered else reference.logits.log_softmax(-1)
    updated = whole(both.updated, retain)
    if steered:
        return (updated.hidden_states[3] - expected).square()[retain.mask.bool()].mean()
    p, q = (log_p[:, :-1][retain.label_mask[:, 1:].bool()] for log_p in (expected, updated.logits.log_softmax(-1)))
    return (p - q).square().mean() if name == "simnpo_mse" else (p.exp() * (p - q)).sum(-1).mean()


def assert_same(step: Step, expected: Step, trained) -> None:
    """Losses within 1e-5, each trained tensor's gradient within 1e-5 of its norm, and no gradient anywhere else."""
    torch.testing.assert_close(step.forget, expected.forget, rtol=1e-5, atol=0)
    torch.testing.assert_close(step.retain, expected.retain, rtol=1e-5, atol=0)
    assert set(step.gradients) == set(trained)
    for name, gradient in step.gradients.items():
        theirs = expected.gradients[name]
        assert (gradient - theirs).norm() <= 1e-5 * theirs.norm(), name
        assert theirs.norm() > 0, name


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize(("name", "noise"), CASES)
def test_passes_are_a_naive_step(architecture, name, noise):
    both = of(architecture)
    assert (both.policy.unsplittable, both.policy.first) == ("", 1)
    assert_same(fast(both.policy, name, noise), naive(both, name, noise), both.policy.trained)


@lru_cache
def top_trained() -> Models:
    return models(made(CONFIGS["gemma3"]), r".*layers\.(3|4)\..*weight")


@pytest.mark.parametrize("layer", range(5))
@pytest.mark.parametrize("name", ["npo_kl", "simnpo_mse"])
def test_noise_may_enter_far_below_the_trained_layers(name, layer):
    both, noise = top_trained(), (0.3, layer)
    assert (both.policy.unsplittable, both.policy.first) == ("", 3)
    assert_same(fast(both.policy, name, noise), naive(both, name, noise), both.policy.trained)


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma3", "neox"])
@pytest.mark.parametrize("name", PAIRS)
def test_padding_that_is_counted_is_a_naive_step_on_padding_to_the_left(architecture, name):
    both, noise = of(architecture), (0.3, 1)
    assert_same(fast(both.policy, name, noise, COUNTED), naive(both, name, noise, COUNTED), both.policy.trained)


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "neox"])
@pytest.mark.parametrize("name", ["rmu", "dpo_kl"])
def test_recomputed_activations_give_the_same_step(architecture, name):
    policy, ran = models(made(CONFIGS[architecture])).policy, []
    kept = fast(policy, name, (0.3, 2))
    policy.layers[1].mlp.register_forward_pre_hook(lambda *_: ran.append(torch.is_grad_enabled()))
    checkpoint_layers(policy)
    assert_same(fast(policy, name, (0.3, 2)), kept, policy.trained)
    assert sum(ran) == {"rmu": 4, "dpo_kl": 6}[name]  # each of the policy's passes twice


@pytest.mark.parametrize("name", ["npo_kl", "dpo_kl", "simnpo_mse"])
@pytest.mark.parametrize("chunk", [2, 7])
def test_logits_in_chunks_are_the_whole(monkeypatch, name, chunk):
    policy = of("gemma2").policy
    whole_step = fast(policy, name, (0.3, 1))
    monkeypatch.setattr(rows, "CHUNK_ELEMENTS", chunk * 61 + 60)
    sizes = []
    hook = policy.model.lm_head.register_forward_hook(lambda _m, inputs, _o: sizes.append(inputs[0].shape[1]))
    chunked = fast(policy, name, (0.3, 1))
    hook.remove()
    assert max(sizes) == chunk
    assert_same(chunked, whole_step, policy.trained)


@lru_cache
def embedding_trained() -> Models:
    """The output matrix is the embedding: what is trained stands below the layers and above them."""
    return models(made(LlamaConfig(**SIZES, tie_word_embeddings=True)), r".*(embed_tokens|layers\.1\.mlp\.\w+)\.weight")


@pytest.mark.parametrize(("name", "noise"), CASES)
def test_a_model_whose_embedding_is_trained_is_run_whole(name, noise):
    both = embedding_trained()
    assert both.policy.unsplittable
    assert_same(fast(both.policy, name, noise), naive(both, name, noise), both.policy.trained)


def fail(logits):
    raise TypeError("no head")


@pytest.mark.parametrize(("name", "noise"), [("rsv", (0.3, 1)), ("rmu", (0.3, 2)), ("npo_kl", (0.0, 0)), ("dpo_kl", (0.3, 3))])
@pytest.mark.parametrize("wrong", [lambda logits: logits + 1, fail], ids=["other", "error"])
def test_a_model_whose_segments_give_other_logits_or_none_is_run_whole(monkeypatch, name, noise, wrong):
    head = segments.head
    with monkeypatch.context() as patched:
        patched.setattr(segments, "head", lambda policy, rows: wrong(head(policy, rows)))
        both = models(made(CONFIGS["mistral"]))
    assert both.policy.unsplittable.startswith("running it in segments")
    assert both.policy.first == 0
    assert_same(fast(both.policy, name, noise), naive(both, name, noise), both.policy.trained)
