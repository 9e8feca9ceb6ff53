"""What holds for a run of every method: its losses to 1e-5, and the ways to run it that must not change them."""

from dataclasses import replace

import pytest
import torch

from rna_bench.core.types import Dtype, InputError, Padding
from rna_bench.data.batches import TopicBatches, pad
from rna_bench.experiment.shared import restore
from rna_bench.models.policies import checkpoint_layers, policy_of
from rna_bench.models.store import NULL_STORE, Reuse, Store
from rna_bench.unlearning.config import TopicConfig, Train, UnlearningConfig
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.adaptive_rmu import AdaptiveRMU
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rmu_lat import RMULAT
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.methods.simnpo import SimNPO
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW, AdamWVariant
from rna_bench.unlearning.retain_losses import KL, HiddenMSE, LogProbabilityMSE
from rna_bench.unlearning.trainer import unlearn

QUIET, NOISY = None, RNA(0.5, Unit.rms, 1)
TRAIN = Train(4, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
STILL = replace(TRAIN, lr=1e-12)  # so small that no weight moves
ADAMW = AdamW([0.9, 0.999], 1e-8, 0.01)

NPO_, DPO_ = NPO(0.1, Reduction.sequence_sum), DPO(0.1, Reduction.sequence_mean, Variant.formula, ["I don't know.", "not 1"])
SIMNPO = SimNPO(0.1, 0.5, Reduction.sequence_mean)
METHODS = {
    "rmu": (RMU(1, 3.0), HiddenMSE()),
    "adaptive_rmu": (AdaptiveRMU(1, 3.0), HiddenMSE()),
    "rmu_lat": (RMULAT(1, 3.0, 0, 0.5, 3, 0.05), HiddenMSE()),
    "rsv": (RSV(1, 3.0), HiddenMSE()),
    "npo_kl": (NPO_, KL()),
    "npo_mse": (NPO_, LogProbabilityMSE()),
    "dpo_kl": (DPO_, KL()),
    "dpo_mse": (DPO_, LogProbabilityMSE()),
    "simnpo_kl": (SIMNPO, KL()),
    "simnpo_mse": (SIMNPO, LogProbabilityMSE()),
}

# Forget and retain loss of four steps, the topics in turn, with RNA; between processors they differ from the sixth digit on.
# After a change that is meant to move them, run `pytest tests/unlearning/test_invariants.py -k pinned -vv` and copy what it found.
# By hand at step 0: RSV has the square of its scale over 16 dimensions, 9 / 16; NPO and DPO, policy and reference being equal,
# 20 log 2.
PINNED = {
    "rmu": [(7.760223, 1.711475), (6.389958, 1.837335), (5.303452, 2.467209), (4.293084, 2.464685)],
    "adaptive_rmu": [(58.02962, 1.711475), (50.83569, 1.837091), (51.84758, 2.489281), (40.973, 2.486486)],
    "rsv": [(0.5625, 1.711475), (0.7943317, 1.84868), (0.549481, 2.064603), (0.5269786, 1.977689)],
    "npo_kl": [(13.86294, 0.1734141), (13.85177, 0.1157807), (13.65922, 0.1965687), (12.83941, 0.1655415)],
    "npo_mse": [(13.86294, 0.3615098), (13.84955, 0.2123466), (13.63262, 0.4026919), (12.8313, 0.3846967)],
    "dpo_kl": [(13.86294, 0.1734141), (13.79824, 0.1139553), (13.0017, 0.1965598), (13.19597, 0.221621)],
    "dpo_mse": [(13.86294, 0.3615098), (13.80304, 0.20418), (13.10009, 0.3933342), (13.2572, 0.4336165)],
    "simnpo_kl": [(11.70504, 0.1734141), (12.23446, 0.103137), (11.24318, 0.2000253), (11.88497, 0.1693354)],
    "simnpo_mse": [(11.70504, 0.3615098), (12.21465, 0.1839256), (11.27144, 0.4096873), (11.90736, 0.3971262)],
}


def recipe(name, train=TRAIN, noise=NOISY, seed=0):
    method, retain = METHODS[name]
    return UnlearningConfig(method, retain, noise, train, ADAMW, {}, seed)


@pytest.fixture
def topics(batches):
    return [
        TopicBatches("bio", batches("What is it?\nAnswer:| B", "Which has it", "A 1 2 3"), batches("For the", "is 4 5 6")),
        TopicBatches("cyber", batches("7 8 9", "about B"), batches("C D", "What is this?\nAnswer:| C")),
    ]


def run(policy, topics, recipe, store=NULL_STORE):
    return unlearn(policy, topics, recipe, lambda _: None, lambda _: None, store).losses


def gradients(policy):
    return {name: p.grad.clone() for name, p in policy.model.named_parameters() if p.grad is not None}


def weights(policy):
    return {name: p.detach().clone() for name, p in policy.model.named_parameters()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def moved(policy):
    """The policy in the midst of training: at step 0 the retain loss has a gradient, too."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.trained.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=source))
    return policy


@pytest.mark.parametrize("name", PINNED)  # not rmu_lat, whose adversary's first update is the sign of each gradient, however small
def test_losses_of_four_steps_are_pinned(fresh, topics, name):
    found = [(float(f"{loss.forget:.7g}"), float(f"{loss.retain:.7g}")) for loss in run(fresh(), topics, recipe(name))]
    assert found == [pytest.approx(pair, rel=1e-5) for pair in PINNED[name]], found


@pytest.mark.parametrize("name", METHODS)
def test_a_run_is_repeated_to_the_bit(fresh, topics, name):
    first, second = fresh(), fresh()
    assert run(first, topics, recipe(name)) == run(second, topics, recipe(name))
    assert same(weights(first), weights(second))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("optimizer", [ADAMW, AdamW([0.9, 0.999], 1e-6, 0.0, AdamWVariant.transformers)])
def test_a_run_in_bfloat16_is_finite_and_moves_its_tensors_alone(fresh, topics, name, optimizer):
    policy = fresh(dtype=Dtype.bfloat16)
    before = weights(policy)
    losses = run(policy, topics, replace(recipe(name), optimizer=optimizer))
    assert len(losses) == 4
    assert None not in [value for loss in losses for value in (loss.forget, loss.retain)]
    assert {p.dtype for p in policy.model.parameters()} == {torch.bfloat16}
    assert {key for key, p in weights(policy).items() if not torch.equal(p, before[key])} == set(policy.trained)


@pytest.mark.parametrize("name", ["adaptive_rmu", "dpo_kl"])
def test_three_topics_take_turns_each_with_its_own_texts(fresh, topics, batches, name):
    three = [*topics, TopicBatches("other", batches("1 2 3", "For B"), batches("4 5", "C has it"))]
    still = recipe(name, replace(STILL, steps=7), QUIET)
    losses = run(fresh(), three, still)
    assert [loss.topic for loss in losses] == ["bio", "cyber", "other"] * 2 + ["bio"]
    for number, topic in enumerate(three):  # as the model does not move, each topic is as if it were alone
        alone = run(fresh(), [topic], still)
        assert [loss.forget for loss in losses[number::3]] == [loss.forget for loss in alone[: len(losses[number::3])]]


# Micro-batches.

FOUR = ("What is it?\nAnswer:| B", "Which has it", "A 1 2 3", "B C D 1 2 3 4 5", "6", "is it this?", "7 8 9", "about B")


@pytest.mark.parametrize("name", ["rmu", "adaptive_rmu", "rsv", "npo_kl", "npo_mse", "dpo_kl", "simnpo_mse"])
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("padding", Padding)
def test_micro_batches_add_up_to_the_batch(fresh, batches, name, count, padding):
    def step(micro_batches):
        topic = TopicBatches("bio", batches(*FOUR, size=4, padding=padding), batches(*FOUR[::-1], size=4, padding=padding))
        train = replace(TRAIN, steps=1, batch_size=4, micro_batches=micro_batches, padding=padding)
        policy = moved(fresh())
        return run(policy, [topic], recipe(name, train, QUIET))[0], gradients(policy)

    (whole, expected), (parts, found) = step(1), step(count)
    assert (parts.forget, parts.retain) == pytest.approx((whole.forget, whole.retain), rel=1e-5)
    assert found.keys() == expected.keys()
    for key in found:
        assert (found[key] - expected[key]).norm() <= 1e-5 * expected[key].norm(), key


@pytest.mark.parametrize("method", [NPO(0.1, Reduction.token_mean), SimNPO(0.1, 0.0, Reduction.token_mean)])
def test_micro_batches_of_a_loss_of_the_batchs_mean_are_refused(fresh, topics, method):
    chosen = replace(recipe("npo_kl"), method=method)
    assert len(run(fresh(), topics, chosen)) == 4
    with pytest.raises(InputError, match=r"method\.reduction=token_mean.*train\.micro_batches=1"):
        run(fresh(), topics, replace(chosen, train=replace(TRAIN, micro_batches=2)))


@pytest.mark.parametrize("name", ["npo_kl", "dpo_mse"])
@pytest.mark.parametrize("side", ["forget", "retain"])
def test_a_micro_batch_without_targets_is_no_error_where_the_batch_has_some(fresh, batches, name, side):
    short = batches("What is it?\nWhat is it?\nAnswer:| B", "1 2 3", max_tokens=6)  # the first one's target is cut off
    topic = replace(TopicBatches("bio", batches("7 8 9", "about B"), batches("C D", "this and that")), **{side: short})
    whole, parts = (
        run(moved(fresh()), [topic], recipe(name, replace(TRAIN, steps=1, micro_batches=count), QUIET))[0] for count in (1, 2)
    )
    assert (parts.forget, parts.retain) == pytest.approx((whole.forget, whole.retain), rel=1e-5)


SHORT = replace(TRAIN, max_tokens=3, retain_max_tokens=4)


@pytest.mark.parametrize("name", ["npo_kl", "dpo_mse"])
@pytest.mark.parametrize(("side", "key"), [("forget", r"train\.max_tokens=3"), ("retain", r"train\.retain_max_tokens=4")])
def test_a_batch_without_targets_is_refused_where_likelihoods_are_read(fresh, topics, batches, name, side, key):
    short = replace(topics[0], **{side: batches("What is it?\nAnswer:| B", max_tokens=3)})
    with pytest.raises(InputError, match=key):
        run(fresh(), [short], recipe(name, SHORT))


@pytest.mark.parametrize("name", ["rmu", "rmu_lat"])
def test_a_batch_without_targets_is_enough_where_hidden_states_are_read(fresh, batches, name):
    short = batches("What is it?\nAnswer:| B", max_tokens=3)
    assert len(run(fresh(), [TopicBatches("bio", short, short)], recipe(name, SHORT))) == 4


# Ways to run that cost more time and less memory.


@pytest.mark.parametrize("name", METHODS)
def test_recomputed_activations_change_nothing(fresh, topics, name):
    kept, recomputed = fresh(), fresh()
    checkpoint_layers(recomputed)
    assert run(kept, topics, recipe(name)) == run(recomputed, topics, recipe(name))
    assert same(gradients(kept), gradients(recomputed))
    assert same(weights(kept), weights(recomputed))


@pytest.mark.parametrize("name", METHODS)
def test_a_model_that_is_spread_over_devices_runs_as_one_that_is_not(fresh, topics, name):
    accelerate = pytest.importorskip("accelerate")
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "cpu", "model.layers.2": "cpu"}
    places |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    whole = fresh()
    model = accelerate.dispatch_model(fresh().model, places, force_hooks=True)
    assert "forward" in vars(model.model.layers[1])
    spread = policy_of(model, r"model\.layers\.1\..*weight")
    assert (spread.first, spread.unsplittable) == (1, "")
    assert run(spread, topics, recipe(name)) == run(whole, topics, recipe(name))
    assert same(weights(spread), weights(whole))
    assert "forward" in vars(model.model.layers[1])


def test_a_model_that_is_run_whole_runs_as_one_that_is_cut(fresh, topics):
    for name in METHODS:
        cut, whole = fresh(), replace(fresh(), first=0, unsplittable="for this test")
        for ours, theirs in zip(run(cut, topics, recipe(name)), run(whole, topics, recipe(name)), strict=True):
            assert (ours.forget, ours.retain) == pytest.approx((theirs.forget, theirs.retain), rel=1e-4), name


# Settings of one topic.


def step_of(fresh, topics, chosen, steps):
    """Losses, and gradients of the last step."""
    policy = moved(fresh())
    losses = run(policy, topics, replace(chosen, train=replace(STILL, steps=steps)))
    return losses, gradients(policy)


@pytest.mark.parametrize(
    ("name", "other"), [("rmu", RMU(1, 9.0)), ("adaptive_rmu", AdaptiveRMU(1, 5.0)), ("npo_kl", NPO(0.5, Reduction.sequence_sum))]
)
def test_a_topics_own_method_and_weight_act_on_it_alone(fresh, topics, name, other):
    base = recipe(name)
    everywhere = {topic: TopicConfig(other, replace(STILL, retain_weight=7.0)) for topic in ("bio", "cyber")}
    own = replace(base, topics={"cyber": everywhere["cyber"]})
    for steps, expected in ((1, base), (2, replace(base, topics=everywhere))):  # the last step is bio's, then cyber's
        losses, found = step_of(fresh, topics, own, steps)
        naive, theirs = step_of(fresh, topics, expected, steps)
        assert losses[-1] == naive[-1]
        assert same(found, theirs)
    assert losses[0] != naive[0]


@pytest.mark.parametrize("name", ["rmu", "npo_kl"])
def test_settings_that_all_topics_share_are_the_recipes(fresh, topics, name):
    train = replace(TRAIN, retain_weight=7.0)
    shared = {topic.name: TopicConfig(METHODS[name][0], train) for topic in topics}
    assert run(fresh(), topics, replace(recipe(name), topics=shared)) == run(fresh(), topics, recipe(name, train))


# Activations shared by the runs of a process.


def filled(memory_mb, left, folder=None):
    """A store with room for `left` bytes in memory."""
    store = Store(Reuse(memory_mb, 0 if folder is None else 1, folder))
    store.get("filler", pad([[0]], "cpu"), lambda: torch.zeros(memory_mb * 2**20 - left, dtype=torch.uint8))
    return store


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("room", ["memory", "little memory", "disk"])
def test_runs_that_share_a_store_are_those_that_do_not_to_the_bit(fresh, topics, tmp_path, name, room):
    store = {
        "memory": lambda: filled(1, 2**20),
        "little memory": lambda: filled(1, 2000),  # what finds no room is dropped
        "disk": lambda: filled(1, 2000, str(tmp_path)),
    }[room]()
    policy = fresh()
    for noise in (QUIET, NOISY):
        hits, alone = store.hits, fresh()
        assert run(policy, topics, recipe(name, noise=noise), store) == run(alone, topics, recipe(name, noise=noise))
        assert same(weights(policy), weights(alone))
        assert store.hits > hits
        restore(policy)
        assert same(weights(policy), weights(fresh()))
    assert bool([*tmp_path.rglob("*.safetensors")]) is (room == "disk")
    store.close()
    assert [*tmp_path.iterdir()] == []


def test_runs_that_train_other_layers_share_a_store(fresh, topics):
    store = filled(1, 2**20)
    for pattern in (r"model\.layers\.1\..*weight", r"model\.layers\.2\..*weight", r"model\.layers\.[01]\..*weight"):
        for name in ("npo_kl", "dpo_mse"):
            assert run(fresh(pattern), topics, recipe(name), store) == run(fresh(pattern), topics, recipe(name)), (pattern, name)
    assert store.hits > 0
