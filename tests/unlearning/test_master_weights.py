"""fp32 copies of bf16 weights: what adds up in them, and that nothing else changes."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from rna_bench.core.types import Dtype
from rna_bench.doctor.estimates import master_state_bytes, state_bytes
from rna_bench.models.policies import checkpoint_layers
from rna_bench.unlearning.checkpoint import load_state, save_state
from rna_bench.unlearning.log import TrainingLog
from rna_bench.unlearning.master_weights import MasterWeights
from rna_bench.unlearning.optimizers import AdamW, AdamWVariant
from rna_bench.unlearning.trainer import unlearn
from tests.unlearning.test_checkpoint import KL, PREFERENCE, RECIPE

MAKERS = [partial(AdamW, variant=variant) for variant in AdamWVariant]
BETAS = [0.9, 0.999]


def parameter(values, dtype=torch.bfloat16):
    return torch.nn.Parameter(torch.as_tensor(values).to(dtype, copy=True))


def course(weight, optimizer, gradients):
    """The weight after each step."""
    values = []
    for gradient in gradients:
        weight.grad = gradient.to(weight.dtype)
        optimizer.step()
        values.append(weight.detach().clone())
    return torch.stack(values)


@pytest.mark.parametrize("make", MAKERS)
def test_steps_that_round_away_add_up_by_hand(make):
    # Adam's step is lr where gradients stay the same. Above 1 bf16 numbers lie 2^-7 = 0.0078 apart: of 0.001 each is lost, and
    # four of them are more than half of it.
    gradients = [torch.tensor([-1.0])] * 12
    lost, kept = parameter([1.0]), parameter([1.0])
    plain = course(lost, make(BETAS, 0.0, 0.0).make([lost], 0.001), gradients)
    master = course(kept, make(BETAS, 0.0, 0.0, master_weights=True).make([kept], 0.001), gradients)
    assert plain.flatten().tolist() == [1.0] * 12
    assert master.flatten().tolist() == [1.0] * 3 + [1 + 2**-7] * 8 + [1 + 2**-6]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_weights_are_those_that_fp32_trains_rounded(make, decay):
    source = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(50, generator=source).bfloat16(), torch.randn(20, 50, generator=source).bfloat16()
    exact, rounded = parameter(start, torch.float32), parameter(start)
    trained = course(exact, make(BETAS, 1e-6, decay).make([exact], 0.003), gradients)
    ours = course(rounded, make(BETAS, 1e-6, decay, master_weights=True).make([rounded], 0.003), gradients)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, trained.bfloat16())


@pytest.mark.parametrize("make", MAKERS)
def test_on_fp32_weights_copies_change_nothing(make):
    source = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(50, generator=source), torch.randn(20, 50, generator=source)
    one, other = parameter(start, torch.float32), parameter(start, torch.float32)
    plain = make(BETAS, 1e-6, 0.1)
    copied = MasterWeights([other], lambda copies: plain.make(copies, 0.003))
    assert torch.equal(course(one, plain.make([one], 0.003), gradients), course(other, copied, gradients))


def same_state(one, other):
    left, right = (optimizer.state_dict()["state"] for optimizer in (one, other))
    assert left.keys() == right.keys()
    pairs = [(left[number], right[number]) for number in left]
    return all(a.keys() == b.keys() and all(torch.equal(*map(torch.as_tensor, (a[key], b[key]))) for key in a) for a, b in pairs)


def trained(policy, topics, recipe):
    losses = unlearn(policy, topics, recipe, lambda _: None, lambda _: None).losses
    weights = {name: tensor.detach().clone() for name, tensor in policy.trained.items()}
    return losses, weights


def with_masters(recipe):
    return replace(recipe, optimizer=replace(recipe.optimizer, master_weights=True))


def same(one, other):
    return one[0] == other[0] and all(torch.equal(one[1][name], tensor) for name, tensor in other[1].items())


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, method=PREFERENCE[0], retain=KL())])
def test_a_run_in_fp32_is_the_same_to_the_bit(fresh, two, recipe):
    assert same(trained(fresh(), two, with_masters(recipe)), trained(fresh(), two, recipe))
    assert not isinstance(with_masters(recipe).optimizer.make([parameter([1.0], torch.float32)], 0.1), MasterWeights)


def test_a_run_in_bf16_differs_and_stays_in_bf16(fresh, two):
    one, other = (trained(fresh(dtype=Dtype.bfloat16), two, recipe) for recipe in (RECIPE, with_masters(RECIPE)))
    assert not same(one, other)
    assert {tensor.dtype for tensor in other[1].values()} == {torch.bfloat16}


def test_recomputed_activations_change_nothing(fresh, two):
    kept, recomputed = fresh(dtype=Dtype.bfloat16), fresh(dtype=Dtype.bfloat16)
    checkpoint_layers(recomputed)
    assert same(trained(kept, two, with_masters(RECIPE)), trained(recomputed, two, with_masters(RECIPE)))


def test_gradients_of_micro_batches_add_up_as_they_do_without(fresh, two):
    split = replace(RECIPE, train=replace(RECIPE.train, steps=1, batch_size=2, micro_batches=2))
    plain, master = (fresh(dtype=Dtype.bfloat16) for _ in range(2))
    unlearn(plain, two, split, lambda _: None, lambda _: None)
    unlearn(master, two, with_masters(split), lambda _: None, lambda _: None)
    for name, weight in plain.trained.items():
        assert torch.equal(master.trained[name].grad, weight.grad)


def test_the_state_has_the_copies_in_fp32_and_comes_back_to_the_bit(tmp_path):
    source = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(9, generator=source).bfloat16(), torch.randn(8, 9, generator=source).bfloat16()
    made = AdamW(BETAS, 1e-6, 0.0, master_weights=True)
    whole, first, second = (parameter(start) for _ in range(3))
    uninterrupted = made.make([whole], 0.001)
    expected = course(whole, uninterrupted, gradients)
    optimizer = made.make([first], 0.001)
    course(first, optimizer, gradients[:4])
    save_state(tmp_path / "state", {"w": first}, optimizer, TrainingLog())
    saved = load_file(tmp_path / "state")
    assert saved["optimizer/0/master"].dtype == saved["optimizer/0/exp_avg"].dtype == torch.float32
    assert torch.equal(saved["optimizer/0/master"].bfloat16(), saved["trained/w"])
    assert not torch.equal(saved["optimizer/0/master"], saved["trained/w"].float())
    again = made.make([second], 0.001)
    assert load_state(tmp_path / "state", {"w": second}, again) == TrainingLog()
    assert torch.equal(course(second, again, gradients[4:])[-1], expected[-1])
    assert same_state(again, uninterrupted)


@pytest.mark.parametrize("make", MAKERS)
def test_a_weight_without_gradient_stays_and_its_state_comes_back(make, tmp_path):
    weights = {"a": parameter([1.0, 0.3]), "b": parameter([0.7])}
    made = make(BETAS, 1e-6, 0.5, master_weights=True)
    optimizer = made.make(weights.values(), 0.1)
    weights["b"].grad = torch.ones(1, dtype=torch.bfloat16)
    optimizer.step()
    assert torch.equal(weights["a"], parameter([1.0, 0.3]))
    assert weights["b"].item() < 0.7
    save_state(tmp_path / "state", weights, optimizer, TrainingLog())
    again = made.make(weights.values(), 0.1)
    assert load_state(tmp_path / "state", weights, again)
    assert same_state(again, optimizer)


def test_gradients_are_cleared_as_of_any_optimizer():
    weight = parameter([1.0])
    optimizer = AdamW(BETAS, 1e-6, 0.0, master_weights=True).make([weight], 0.1)
    weight.grad = torch.ones(1, dtype=torch.bfloat16)
    optimizer.zero_grad()
    assert weight.grad is None


def test_the_estimate_of_the_state_is_what_is_kept_between_steps():
    weight, plain = parameter(torch.ones(1000)), parameter(torch.ones(1000))
    for one, masters, expected in ((weight, True, master_state_bytes(1000, 2)), (plain, False, state_bytes(1000, 2))):
        optimizer = AdamW(BETAS, 1e-6, 0.0, master_weights=masters).make([one], 0.1)
        one.grad = torch.ones_like(one)
        optimizer.step()
        state = [tensor for tensor in optimizer.state_dict()["state"][0].values() if tensor.ndim]
        frozen_and_gradient = 2 * one.nbytes
        assert sum(tensor.nbytes for tensor in state) + frozen_and_gradient == expected
