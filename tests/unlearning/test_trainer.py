import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from rna_bench.core.seeds import generator
from rna_bench.core.types import Padding, Score
from rna_bench.data.batches import TopicBatches
from rna_bench.models.segments import hidden
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.losses import unit_vector
from rna_bench.unlearning.methods.adaptive_rmu import AdaptiveRMU
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import HiddenMSE
from rna_bench.unlearning.trainer import unlearn

TRAIN = Train(4, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
ADAMW = AdamW([0.9, 0.999], 1e-8, 0.01)
QUIET = None
RECIPE = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), QUIET, TRAIN, ADAMW, {}, 0)
LOOK = (Score("t", "retain", "clean", 0.5, 0.5, 2),)


def never(_):
    return None


def always(_):
    return LOOK


def run(policy, topics, recipe=RECIPE, watch=never):
    return unlearn(policy, topics, recipe, watch, lambda _: None)


def state(policy):
    return {name: parameter.detach().clone() for name, parameter in policy.model.named_parameters()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("watch", [always, never])
@pytest.mark.parametrize("noise", [QUIET, RNA(0.5, Unit.absolute, 1)])
def test_loop_is_a_naive_one_with_a_second_model_and_full_forwards(policy, two, noise, watch):
    model, frozen = deepcopy(policy.model), deepcopy(policy.model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01, weight_decay=0.01)
    naive = []
    for step in range(4):
        topic, index = two[step % 2], step // 2
        forget, retain = topic.forget(index), topic.retain(index)

        def layer_1(which, batch):
            return which(input_ids=batch.input_ids, attention_mask=batch.mask, output_hidden_states=True).hidden_states[2]

        target = 3.0 * unit_vector(16, generator("cpu", 0, "target", topic.name))
        clean = layer_1(frozen, retain).detach()
        noisy = clean + (noise.scale if noise else 0.0) * torch.randn(clean.shape, generator=generator("cpu", 0, "noise", step))
        forget_loss = (layer_1(model, forget) - target)[forget.mask.bool()].square().mean()
        retain_loss = (layer_1(model, retain) - noisy)[retain.mask.bool()].square().mean()
        optimizer.zero_grad()
        (forget_loss + 2.0 * retain_loss).backward()
        optimizer.step()
        naive.append((forget_loss.item(), retain_loss.item()))
    history = run(policy, two, replace(RECIPE, noise=noise), watch)
    for loss, expected in zip(history.losses, naive, strict=True):
        assert (loss.forget, loss.retain) == pytest.approx(expected, rel=1e-3, abs=1e-6)
    for (name, ours), theirs in zip(policy.model.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("watch", [always, never])
def test_first_update_moves_each_weight_by_the_learning_rate(policy, one, watch):
    # Adam's first step is -lr * g / (|g| + eps): without decay, and with eps near 0, lr in size wherever there is a gradient.
    # At step 0 the retain loss is 0, so all of the gradient is the forget loss's.
    before = state(policy)
    run(policy, one, replace(RECIPE, train=replace(TRAIN, steps=1), optimizer=AdamW([0.9, 0.999], 1e-20, 0.0)), watch)
    for name, parameter in policy.trained.items():
        reached = parameter.grad != 0
        assert reached.float().mean() > 0.9, name
        torch.testing.assert_close((parameter - before[name])[reached], -0.01 * parameter.grad[reached].sign(), rtol=1e-3, atol=0)


def test_only_the_trained_tensors_change(policy, one):
    before = state(policy)
    run(policy, one)
    changed = {name for name, value in state(policy).items() if not torch.equal(value, before[name])}
    assert changed == set(policy.trained)


def test_topics_alternate_and_steps_are_numbered(policy, two):
    history = run(policy, two, replace(RECIPE, train=replace(TRAIN, steps=5)))
    assert [loss.step for loss in history.losses] == [0, 1, 2, 3, 4]
    assert [loss.topic for loss in history.losses] == ["bio", "cyber", "bio", "cyber", "bio"]


def test_retain_loss_of_step_0_is_zero_without_noise(policy, one):
    assert run(policy, one).losses[0].retain == 0.0


def test_retain_loss_of_step_0_is_the_mean_square_of_its_noise(policy, one):
    batch = one[0].retain(0)
    z = torch.randn(*batch.input_ids.shape, 16, generator=generator("cpu", 0, "noise", 0))
    loss = run(policy, one, replace(RECIPE, noise=RNA(0.5, Unit.absolute, 1))).losses[0].retain
    assert loss == pytest.approx((0.5 * z)[batch.mask.bool()].square().mean().item(), rel=1e-4)


def test_noise_is_fresh_at_every_step(policy, one):
    # lr is too small to move the model: what differs between steps 0 and 1, which read the same retain texts, is the noise
    train = replace(TRAIN, steps=2, lr=1e-12)
    losses = run(policy, one, replace(RECIPE, noise=RNA(0.5, Unit.absolute, 1), train=train)).losses
    assert losses[0].retain != pytest.approx(losses[1].retain, rel=1e-3)


def test_statistics_tell_the_noise_in_both_units(policy, two):
    # rms over both topics' first retain batches, first positions left out: the root of the mean of the two mean squares
    squares = []
    for topic in two:
        batch = topic.retain(0)
        squares.append(hidden(policy, batch, 1)[:, 1:][batch.mask[:, 1:].bool()].square().mean().item())
    rms = math.sqrt(sum(squares) / 2)
    statistics = run(policy, two, replace(RECIPE, noise=RNA(0.5, Unit.rms, 1))).statistics
    assert statistics == pytest.approx({"hidden_rms": rms, "noise_absolute": 0.5 * rms, "noise_rms": 0.5}, rel=1e-5)


def test_noise_in_rms_is_the_same_as_its_absolute_value(fresh, one):
    def history(noise):
        return run(fresh(), one, replace(RECIPE, noise=noise))

    first = history(RNA(0.5, Unit.rms, 1))
    assert history(RNA(first.statistics["noise_absolute"], Unit.absolute, 1)).losses == first.losses


def test_same_seed_gives_the_same_run_bit_for_bit_and_another_seed_another(fresh, two):
    def final(seed):
        policy = fresh()
        history = run(policy, two, replace(RECIPE, noise=RNA(1.0, Unit.rms, 0), seed=seed))
        return history.losses, state(policy)

    (losses, weights), (again, weights_again), (other, _) = final(1), final(1), final(2)
    assert losses == again
    assert same(weights, weights_again)
    assert losses != other


def test_watch_is_called_before_the_first_step_and_after_each(policy, one):
    seen = []
    run(policy, one, watch=seen.append)
    assert seen == [0, 1, 2, 3, 4]


def test_a_look_is_recorded_when_there_are_scores(policy, one):
    history = run(policy, one, watch=lambda step: LOOK if step in (0, 4) else None)
    assert [(look.step, look.scores) for look in history.eval_points] == [(0, LOOK), (4, LOOK)]
    assert history.eval_points[0].forget_loss == history.losses[0].forget  # both before any update, on the first batch


def test_forget_loss_of_a_look_is_the_mean_over_topics_on_their_first_batches(policy, two):
    history = run(policy, two, watch=always)
    policy_loss = []
    for topic in two:
        batch, target = topic.forget(0), 3.0 * unit_vector(16, generator("cpu", 0, "target", topic.name))
        policy_loss.append((hidden(policy, batch, 1) - target)[batch.mask.bool()].square().mean().item())
    assert history.eval_points[-1].forget_loss == pytest.approx(sum(policy_loss) / 2, rel=1e-5)


def losses(method, fresh, topics, watch):
    recipe = replace(RECIPE, method=method, noise=RNA(0.5, Unit.rms, 1))
    return run(fresh(r"model\.layers\.[01]\..*"), topics, recipe, watch).losses


def test_looking_does_not_change_a_run_of_rmu(fresh, two):
    assert losses(RMU(1, 3.0), fresh, two, always) == losses(RMU(1, 3.0), fresh, two, never)


@pytest.mark.parametrize("method", [RMU(1, 3.0), AdaptiveRMU(1, 3.0)])
def test_looking_more_often_does_not_change_a_run(fresh, two, method):
    once = losses(method, fresh, two, lambda step: LOOK if step == 0 else None)
    assert losses(method, fresh, two, always) == once


def test_second_topics_target_of_adaptive_rmu_does_not_depend_on_looking(fresh, two):
    # its target is 3 * mean norm * u, the norm that of the model before the first step
    seen: list[torch.Tensor] = []

    class Spy(AdaptiveRMU):
        def control_vector(self, first, generator):
            seen.append(super().control_vector(first, generator))
            return seen[-1]

    for watch in (always, never):
        policy = fresh(r"model\.layers\.[01]\..*")
        run(policy, two, replace(RECIPE, method=Spy(1, 3.0), noise=RNA(0.5, Unit.rms, 1)), watch)
    assert torch.equal(seen[1], seen[3])


def test_progress_is_told_of_every_step(policy, one):
    told = []
    history = unlearn(policy, one, RECIPE, never, told.append)
    assert told == history.losses
    assert len(told) == 4


def test_a_loss_that_is_not_finite_stops_the_run_before_its_update(policy, one):
    before = state(policy)
    history = run(policy, one, replace(RECIPE, method=RMU(1, 1e30)))  # (1e30)^2 is above fp32's 3.4e38
    assert same(before, state(policy))
    assert len(history.losses) == 1
    assert history.losses[0].forget is None
    assert history.diverged == "the forget loss (RMU) of step 0 is not finite, before any update"


def test_a_run_that_diverges_later_keeps_its_finite_losses(policy, one):
    history = run(policy, one, replace(RECIPE, train=replace(TRAIN, lr=1e30)))
    assert math.isfinite(history.losses[0].forget)
    assert len(history.losses) == 2
    assert "step 1" in history.diverged


def test_a_last_update_that_ruins_the_model_is_called_diverged(policy, one):
    history = run(policy, one, replace(RECIPE, train=replace(TRAIN, steps=1, lr=1e30)), always)
    assert history.eval_points[-1].forget_loss is None
    assert history.diverged


def test_a_finite_run_is_not_called_diverged(policy, one):
    assert run(policy, one).diverged == ""


def test_texts_of_one_token_do_not_make_the_plain_method_diverge(policy, batches):
    topic = TopicBatches("bio", batches("What", max_tokens=1), batches("is", max_tokens=1))
    assert run(policy, [topic]).losses[0].retain == 0.0
