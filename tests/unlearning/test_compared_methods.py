"""Methods that others compare with, against plain loops that were written from their papers."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from rna_bench.core.types import InputError, Padding, Score
from rna_bench.unlearning.config import TopicConfig, Train, UnlearningConfig, check_topics
from rna_bench.unlearning.losses import Reduction, masked_distance, rerouting_loss
from rna_bench.unlearning.methods.circuit_breakers import CircuitBreakers
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.task_vector import TaskVector
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import CrossEntropy, HiddenL2
from rna_bench.unlearning.sharpness import ascent
from rna_bench.unlearning.trainer import unlearn
from tests.builders.plain_loop import PlainLoop, cross_entropy, distance, npo, rerouting

STEPS, LR = 6, 0.003
TRAIN = Train(STEPS, LR, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
ADAMW = AdamW([0.9, 0.999], 1e-8, 0.0)
NPO_ = NPO(0.5, Reduction.sequence_sum)
LOOK = (Score("t", "retain", "clean", 0.5, 0.5, 2),)


def recipe(method, retain, noise=None, **train):
    return UnlearningConfig(method, retain, noise, replace(TRAIN, **train), ADAMW, {}, 0)


def train(policy, topics, recipe, evaluate=lambda _: None):
    return unlearn(policy, topics, recipe, evaluate, lambda _: None)


def losses(policy, topics, recipe):
    return [(one.forget, one.retain) for one in train(policy, topics, recipe).losses]


def trained(policy):
    return {name: one.detach().clone() for name, one in policy.trained.items()}


def agrees(mine, plain, losses, expected):
    """The losses of each step, and the weights that both runs end with."""
    for one, other in zip(losses, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    for (name, ours), theirs in zip(mine.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_npo_with_sam_is_the_plain_loop(policy, two, micro_batches):
    model, frozen = deepcopy(policy.model), deepcopy(policy.model)
    loop = PlainLoop(npo(0.5), cross_entropy, lambda _t, _steps: (1.0, 2.0), LR, radius=0.3)
    expected = loop.run(model, frozen, two, STEPS)
    found = losses(policy, two, recipe(NPO_, CrossEntropy(), sharpness_radius=0.3, micro_batches=micro_batches))
    agrees(policy.model, model, found, expected)


def test_sam_differs_from_its_method_and_a_radius_of_0_does_not(fresh, two):
    plain, none, some = (losses(fresh(), two, recipe(NPO_, CrossEntropy(), **more)) for more in ({}, RADIUS_0, RADIUS))
    assert plain == none
    assert some[0][0] > plain[0][0]  # uphill
    assert some[0][1] == plain[0][1]  # the retain loss is that of the weights themselves


RADIUS_0, RADIUS = {"sharpness_radius": 0.0}, {"sharpness_radius": 0.3}


def test_the_move_uphill_is_as_long_as_the_radius_and_clears_the_gradients():
    one, other, still = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    one.grad, other.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    move = ascent([one, other, still], 0.5)
    torch.testing.assert_close(torch.stack(move), torch.tensor([[0.3, 0.0], [0.0, 0.4], [0.0, 0.0]]))
    assert one.grad is None
    assert torch.equal(ascent([still], 0.5)[0], torch.zeros(2))  # without a gradient there is no direction


def test_a_radius_below_0_is_refused():
    with pytest.raises(InputError, match=r"train\.sharpness_radius=-0\.1"):
        replace(TRAIN, sharpness_radius=-0.1)


@pytest.fixture
def nudged(policy):
    """A policy that has left the reference model: where it has not, the rerouting loss's gradient is rounding errors."""
    torch.manual_seed(1)
    frozen = deepcopy(policy.model)
    with torch.no_grad():
        for one in policy.trained.values():
            one += 0.02 * torch.randn(one.shape)
    return policy, deepcopy(policy.model), frozen


def papers_schedule(t, steps):
    """c_s and c_r, the latter times a retain weight of 2."""
    return 5.0 * (1 - t / (2 * steps)), 5.0 * t / (2 * steps) * 2.0


@pytest.mark.parametrize(("scale", "micro_batches"), [(0.0, 1), (0.0, 2), (0.4, 1)])
@pytest.mark.parametrize("layers", [[1], [0, 1]])
def test_circuit_breakers_are_the_plain_loop(nudged, two, layers, scale, micro_batches):
    policy, model, frozen = nudged
    loop = PlainLoop(rerouting(*layers), distance(*layers, noised=1, scale=scale), papers_schedule, LR)
    expected = loop.run(model, frozen, two, STEPS)
    noise = RNA(scale, Unit.absolute, 1) if scale else None
    made = recipe(CircuitBreakers(layers, 5.0), HiddenL2(layers), noise, micro_batches=micro_batches)
    agrees(policy.model, model, losses(policy, two, made), expected)


def test_the_schedule_begins_with_rerouting_and_ends_with_both_alike():
    method = CircuitBreakers([1], 5.0)
    assert method.loss_weights(1 / 150) == pytest.approx((5 * (1 - 1 / 300), 5 / 300))
    assert method.loss_weights(1.0) == (2.5, 2.5)


def test_the_rerouting_loss_is_1_where_nothing_turned_and_0_from_a_right_angle_on():
    reference = torch.tensor([[[[1.0, 0.0]] * 4]])
    turned = torch.tensor([[[[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]]]])
    one = rerouting_loss(turned, reference, torch.ones(1, 4))
    assert one.item() == pytest.approx((1 + 0 + 0 + 0.5**0.5) / 4)
    assert rerouting_loss(turned, reference, torch.tensor([[1.0, 1.0, 0.0, 0.0]])).item() == pytest.approx(0.5)


def test_the_distance_is_a_mean_of_lengths_over_layers_and_tokens_with_no_gradient_where_nothing_moved():
    states = torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]], [[[0.0, 1.0], [0.0, 0.0]]]], requires_grad=True)
    loss = masked_distance(states, torch.zeros(2, 1, 2, 2), torch.ones(1, 2))
    assert loss.item() == pytest.approx((5 + 0 + 1 + 0) / 4)
    loss.backward()
    assert torch.equal(states.grad[:, :, 1], torch.zeros(2, 1, 2))


def test_states_of_several_layers_are_those_of_single_ones_and_none_lies_above_the_methods(policy, one):
    train(policy, one, recipe(CircuitBreakers([0, 1], 5.0), HiddenL2([0, 1])))
    for layers, problem in (([], r"method\.layers"), ([1, 1], "none twice"), ([-1], "from 0 on")):
        with pytest.raises(InputError, match=problem):
            CircuitBreakers(layers, 5.0)
    with pytest.raises(InputError, match=r"method\.layer=1: a loss reads hidden states of layer 2"):
        train(policy, one, recipe(CircuitBreakers([1], 5.0), HiddenL2([2])))


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_a_negated_task_vector_is_the_plain_fine_tuning_gone_the_other_way(policy, two, alpha):
    model, before = deepcopy(policy.model), trained(policy)
    loop = PlainLoop(cross_entropy, None, lambda _t, _steps: (1.0, 0.0), LR)
    expected = loop.run(model, model, two, STEPS)
    assert expected[-2][0] < expected[0][0]  # fine-tuning learns the text
    found = losses(policy, two, recipe(TaskVector(alpha), None))
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    for name, tuned in model.named_parameters():
        if name in before:
            torch.testing.assert_close(policy.trained[name].detach(), (1 + alpha) * before[name] - alpha * tuned.detach())


def test_eval_steps_of_a_task_vector_score_the_negated_model_and_leave_training_as_it_is(fresh, two):
    seen = []
    policy = fresh()

    def look(step):
        seen.append((step, policy.trained[next(iter(policy.trained))].detach().clone()))
        return LOOK

    log = train(policy, two, recipe(TaskVector(2.0), None), look)
    assert [(one.forget, one.retain) for one in log.losses] == losses(fresh(), two, recipe(TaskVector(2.0), None))
    assert torch.equal(seen[0][1], next(iter(fresh().trained.values())))  # nothing is trained yet
    assert torch.equal(seen[-1][1], next(iter(policy.trained.values())))  # the last one is of the model that the run ends with
    assert log.eval_points[-1].forget_loss > log.eval_points[0].forget_loss
    assert log.losses[-2].forget < log.losses[0].forget


def test_a_task_vectors_alpha_is_above_0_and_the_same_for_all_topics():
    with pytest.raises(InputError, match=r"method\.alpha=0"):
        TaskVector(0.0)
    own = replace(recipe(TaskVector(1.0), None), topics={"cyber": TopicConfig(TaskVector(2.0), TRAIN)})
    with pytest.raises(InputError, match=r"topics\.cyber\.method"):
        check_topics(own, ["bio", "cyber"])
