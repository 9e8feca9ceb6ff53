"""Runs with released=true against a plain loop, written from the description of the released code, on texts of unequal lengths."""

from dataclasses import replace

import pytest
import torch

from rna_bench.core.attention import AttentionKernel, ReferenceAttention
from rna_bench.core.types import Dtype, ModelFolder, Text
from rna_bench.core.types import Topic as TextTopic
from rna_bench.data.batches import pad_included
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.train import topic_batches
from rna_bench.models.loading import load_model
from rna_bench.models.policies import policy_of
from rna_bench.models.store import NULL_STORE, Reuse, Store
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import kl_divergence
from rna_bench.unlearning.noise import NO_NOISE
from rna_bench.unlearning.reference import CleanStates
from rna_bench.unlearning.trainer import unlearn
from tests.builders.released_loop import Pieces, ReleasedLoop, Topic, differences, far, moves

FORGET = {
    "bio": ["What is it?", "A 1 2 3 4 5 6", "this", "For the is 4 5"],
    "cyber": ["7 8 9", "about B", "C D 1 2 3 4", "Which has it"],
}
RETAIN = ["For the", "is 4 5 6 and that", "C D", "this and that is 7 8"]
STEPS, NU = 6, 0.3
METHODS = {
    "rmu": 3.0,
    "adaptive_rmu": 3.0,
    "rsv": 3.0,
    "npo_kl": 0.1,
    "npo_mse": 0.1,
    "dpo_kl": 0.1,
    "dpo_mse": 0.1,
    "simnpo_kl": 0.1,
    "simnpo_mse": 0.1,
}
STRENGTH = {"rmu": "steering_coefficient", "adaptive_rmu": "scale", "rsv": "scale"}
AS_RELEASED = Pieces()
REFUSALS = ["this", "that is it", "about"]
BF16_GRADIENTS = 2e-2
"""How far final weights may differ, relative to the move, where gradients pass through bf16: a loss's scale enters its rounding."""


@pytest.fixture(scope="module")
def eager(tiny):
    def make():
        return load_model(ModelFolder("tiny", tiny, Dtype.float32, "cpu", AttentionKernel.eager))

    return make


def recipe_of(method, nu, *words, released=True):
    """The recipe that the command line composes, with settings of the tests."""
    steers = method in STRENGTH
    given = [f"method.{STRENGTH[method]}={METHODS[method]}", "method.layer=1"] if steers else [f"method.beta={METHODS[method]}"]
    noise = [f"noise.scale={nu}", "noise.unit=absolute", "noise.layer=1"] if nu else ["noise=none"]
    tensors = [f"model.layers.{layer}.mlp.down_proj.weight" for layer in (1, 2)][: 1 if steers else 2]
    sizes = ["train.batch_size=2", "train.max_tokens=6", "train.retain_max_tokens=6", "train.lr=0.01", f"train.steps={STEPS}"]
    training = [*sizes, f"train.parameters=[{','.join(tensors)}]", "train.retain_weight=2"]
    released_word = ["released=true"] if released else []
    cfg, choices = compose_run([f"method={method}", *released_word, *training, *given, *noise, *words])
    made = experiment_config(cfg, choices).recipe
    assert made is not None
    return made, tensors


def ours(recipe, tensors, eager):
    model, tokenizer = eager()
    policy = policy_of(model, tensors)
    retain = tuple(Text("", text) for text in RETAIN)
    topics = [TextTopic(name, tuple(Text("", text) for text in texts), retain) for name, texts in FORGET.items()]
    log = unlearn(policy, topic_batches(recipe, topics, tokenizer, policy), recipe, lambda _: None, lambda _: None)
    return model, [(loss.forget, loss.retain) for loss in log.losses]


def theirs(method, tensors, nu, eager, pieces=AS_RELEASED, layer=1):
    model, tokenizer = eager()
    name, _, retain = method.rpartition("_") if method not in STRENGTH else (method, "", "hidden_mse")
    loop = ReleasedLoop(model, tokenizer, name, retain, METHODS[method], layer, tensors, 0.01, 2, 6, 0, nu, REFUSALS, pieces)
    topics = [Topic(topic, texts * 2, RETAIN * 2, 2.0) for topic, texts in FORGET.items()]
    return model, loop.run(topics, STEPS)


def agreement(method, nu, recipe, tensors, eager, pieces=AS_RELEASED, layer=1):
    """The largest relative difference of a loss, and the distance of the moves of both runs relative to theirs."""
    mine, losses = ours(recipe, tensors, eager)
    other, expected = theirs(method, tensors, nu, eager, pieces, layer)
    before = {name: parameter.detach() for name, parameter in eager()[0].named_parameters() if name in tensors}
    return max(differences(losses, expected)), far(*moves(before, mine, other))


@pytest.mark.parametrize("nu", [0, NU])
@pytest.mark.parametrize("method", METHODS)
def test_a_run_as_released_is_the_plain_loop(method, nu, eager):
    losses, weights = agreement(method, nu, *recipe_of(method, nu), eager)
    assert losses < (5e-3 if method.endswith(("kl", "mse")) else 1e-5)
    assert weights < (BF16_GRADIENTS if method.endswith(("kl", "mse")) else 1e-5)


UNROUNDED = "retain.log_probabilities=float32"
PIECES = [  # a method, the words that take one piece back, the plain loop without it
    ("npo_kl", [UNROUNDED], replace(AS_RELEASED, rounded=False)),
    ("npo_mse", [UNROUNDED], replace(AS_RELEASED, rounded=False)),
    ("npo_kl", ["train.reference_attention=masked", UNROUNDED], replace(AS_RELEASED, rounded=False, reference_masked=True)),
    ("simnpo_mse", ["train.reference_attention=masked", UNROUNDED], replace(AS_RELEASED, rounded=False, reference_masked=True)),
    ("simnpo_kl", ["retain.positions=labels", UNROUNDED], replace(AS_RELEASED, rounded=False, last_position=False)),
    ("rsv", ["method.direction=float32"], replace(AS_RELEASED, bf16_direction=False)),
    ("dpo_mse", ["method.variant=formula", UNROUNDED], replace(AS_RELEASED, rounded=False, dpo_cancels=False)),
    ("rmu", ["optimizer=adamw"], replace(AS_RELEASED, transformers_adamw=False)),
]


@pytest.mark.parametrize(("method", "words", "pieces"), PIECES, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_without_a_piece_a_run_is_the_plain_loop_without_it_and_another_one(method, words, pieces, eager):
    recipe, tensors = recipe_of(method, NU, *words, f"method.refusals={REFUSALS}" if method == "dpo_mse" else "seed=0")
    losses, weights = agreement(method, NU, recipe, tensors, eager, pieces)
    assert losses < 1e-5
    assert weights < 1e-4
    assert max(agreement(method, NU, *recipe_of(method, NU), eager, pieces)) > 1e-4


@pytest.mark.parametrize("layer", [0, 2])
def test_noise_enters_the_unmasked_reference_below_and_above_the_first_trained_layer(layer, eager):
    recipe, tensors = recipe_of("npo_kl", NU, f"noise.layer={layer}", UNROUNDED)
    losses, weights = agreement("npo_kl", NU, recipe, tensors, eager, replace(AS_RELEASED, rounded=False), layer)
    assert losses < 1e-5
    assert weights < 1e-4


def test_the_first_retain_loss_is_not_0_as_the_reference_attends_to_padding(eager):
    off, tensors = recipe_of("npo_kl", 0, "train.reference_attention=masked", UNROUNDED)
    assert ours(off, tensors, eager)[1][0][1] == pytest.approx(0, abs=1e-6)
    assert ours(recipe_of("npo_kl", 0, UNROUNDED)[0], tensors, eager)[1][0][1] > 0.01


@pytest.mark.parametrize("words", [["train.micro_batches=2"], ["train.gradient_checkpointing=true"]])
@pytest.mark.parametrize("method", ["rsv", "simnpo_kl", "dpo_mse"])
def test_micro_batches_and_checkpointing_change_nothing_as_released(method, words, eager):
    more = [] if method == "rsv" else [UNROUNDED, "method.reduction=sequence_mean"]
    (recipe, tensors), (other, _) = recipe_of(method, NU, *more), recipe_of(method, NU, *more, *words)
    (_, one), (_, same) = ours(recipe, tensors, eager), ours(other, tensors, eager)
    assert max(differences(one, same)) < 1e-4


def test_policy_and_reference_share_the_layers_below_only_where_both_have_the_same_mask(eager):
    model, _ = eager()
    policy = policy_of(model, ["model.layers.2.mlp.down_proj.weight"])
    runs = []
    model.model.layers[0].mlp.register_forward_hook(lambda *_: runs.append(0))
    batch = pad_included([[1, 20, 30, 40], [1, 21]], [0, 0], 2, "cpu")
    for attention, expected in ((ReferenceAttention.masked, 1), (ReferenceAttention.unmasked, 2)):
        runs.clear()
        clean = CleanStates(policy, NULL_STORE, attention)
        passes = Passes(policy, None, 2, batch, batch, lambda _texts, _anew: batch, NO_NOISE, clean)
        _ = passes.retain_divergence(kl_divergence), passes.forget_nll, passes.reference_forget_nll
        assert len(runs) == expected


def test_the_store_keeps_what_the_reference_sees_with_and_without_a_mask_apart(eager):
    model, _ = eager()
    policy = policy_of(model, ["model.layers.2.mlp.down_proj.weight"])
    store = Store(Reuse(8, 0, None))
    batch = pad_included([[1, 20, 30, 40], [1, 21]], [0, 0], 2, "cpu")

    def likelihoods(attention, shelf):
        clean = CleanStates(policy, shelf, attention)
        return Passes(policy, None, 2, batch, batch, lambda _texts, _anew: batch, NO_NOISE, clean).reference_forget_nll.values

    for attention in (*ReferenceAttention, *ReferenceAttention):
        assert torch.equal(likelihoods(attention, store), likelihoods(attention, NULL_STORE))
    assert not torch.equal(*(likelihoods(attention, NULL_STORE) for attention in ReferenceAttention))
