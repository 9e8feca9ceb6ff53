from copy import deepcopy

import pytest
import torch

from rna_bench.core.types import InputError
from rna_bench.data.batches import pad
from rna_bench.models import segments
from rna_bench.models.store import NULL_STORE
from rna_bench.unlearning.losses import Reduction, kl_divergence
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.methods.simnpo import SimNPO
from rna_bench.unlearning.reference import reference_hidden
from rna_bench.unlearning.retain_losses import KL, CrossEntropy, HiddenMSE
from tests.builders.passes import REFUSALS, passes_of, rna_draw, vector_of

FORGET = pad([[1, 20, 30, 40, 50, 60], [1, 21, 31]], "cpu")
RETAIN = pad([[1, 70, 71, 72], [1, 80, 81, 82, 83]], "cpu")
PREFERRED = pad([[1, 90, 91], [1, 92]], "cpu")
TOO_LARGE = pad([[10**6]], "cpu")


def passes(policy, layer=1, scale=0.0, noise_layer=1, answered=lambda answers, anew: PREFERRED, retain=RETAIN):
    return passes_of(policy, layer, FORGET, retain, rna_draw(scale, noise_layer), answered)


def train(policy, steps):
    optimizer = torch.optim.AdamW(policy.trained.values(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        segments.hidden(policy, FORGET, 1).square().mean().backward()
        optimizer.step()


def counted(policy):
    """How often each layer ran, then the final norm and the output matrix: a list that goes on counting.

    A layer that is skipped answers without running what is in it.
    """
    runs = [0] * 5
    inside = [*(layer.mlp for layer in policy.layers), policy.model.model.norm, policy.model.lm_head]
    for index, module in enumerate(inside):
        module.register_forward_hook(lambda *_, index=index: runs.__setitem__(index, runs[index] + 1))
    return runs


@pytest.mark.parametrize("layer", [0, 1])
def test_hidden_is_the_hidden_state_of_a_full_forward(policy, layer):
    full = policy.model(input_ids=FORGET.input_ids, attention_mask=FORGET.mask, output_hidden_states=True)
    naive = full.hidden_states[layer + 1]  # entry 0 is the embedding
    tokens = FORGET.mask.bool()
    torch.testing.assert_close(segments.hidden(policy, FORGET, layer)[tokens], naive[tokens])


def test_hidden_of_the_last_layer_is_before_the_final_norm(policy):
    # a full forward's last hidden state is normed, the output of model.layers[2] is not
    full = policy.model(input_ids=FORGET.input_ids, output_hidden_states=True).hidden_states[-1]
    torch.testing.assert_close(policy.model.model.norm(segments.hidden(policy, FORGET, 2)), full)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_nothing_above_the_layer_is_run(policy, layer):
    runs = counted(policy)
    segments.hidden(policy, FORGET, layer)
    reference_hidden(policy, RETAIN, layer, NULL_STORE)
    assert runs[:3] == [2] * (layer + 1) + [0] * (2 - layer)
    assert runs[3:] == [2 * (layer == 2), 0]  # the last layer is left after the final norm, never by way of the head


def test_each_pass_runs_once_and_only_when_it_is_read(policy):
    runs = counted(policy)
    made = passes(policy)
    assert runs[0] == 0
    assert made.forget.hidden is made.forget.hidden
    assert runs[0] == 1
    assert made.retain.hidden is made.retain.hidden
    assert made.reference_retain.hidden is made.reference_retain.hidden
    assert runs[0] == 3


def test_policy_and_reference_are_the_same_before_training(policy):
    made = passes(policy)
    assert torch.equal(made.retain.hidden, made.reference_retain.hidden)


def test_reference_after_optimiser_steps_is_an_untouched_copy_of_the_model(policy):
    untouched = deepcopy(policy.model)
    train(policy, 3)
    naive = untouched(input_ids=RETAIN.input_ids, output_hidden_states=True).hidden_states[2]
    made = passes(policy)
    assert torch.equal(made.reference_retain.hidden, naive)
    assert not torch.allclose(made.retain.hidden, naive, atol=1e-3)


def test_reading_the_reference_leaves_the_policy_as_it_was(policy):
    train(policy, 1)
    before = segments.hidden(policy, RETAIN, 1)
    reference_hidden(policy, RETAIN, 1, NULL_STORE)
    assert torch.equal(segments.hidden(policy, RETAIN, 1), before)


def test_gradients_reach_the_trained_tensors_and_no_other(policy):
    made = passes(policy, scale=0.5)
    (made.forget.hidden.sum() + (made.retain.hidden - made.reference_retain.hidden).square().sum()).backward()
    reached = {name for name, parameter in policy.model.named_parameters() if parameter.grad is not None}
    assert reached == set(policy.trained)
    assert all(name.startswith(("model.layers.0.", "model.layers.1.")) for name in reached)


def test_no_gradient_flows_through_the_reference(policy):
    assert not passes(policy, scale=0.5).reference_retain.hidden.requires_grad


def test_padding_changes_nothing(policy):
    # both rows of each batch, alone and unpadded
    for batch in (FORGET, RETAIN):
        together = segments.hidden(policy, batch, 2)
        for row, ids, mask in zip(together, batch.input_ids, batch.mask, strict=True):
            length = int(mask.sum())
            torch.testing.assert_close(row[:length], segments.hidden(policy, pad([ids[:length].tolist()], "cpu"), 2)[0])


def test_the_id_of_padding_changes_nothing(policy):
    other = FORGET._replace(input_ids=FORGET.input_ids.masked_fill(FORGET.mask == 0, 99))
    tokens = FORGET.mask.bool()
    torch.testing.assert_close(segments.hidden(policy, other, 2)[tokens], segments.hidden(policy, FORGET, 2)[tokens])


def test_outputs_carry_the_mask_of_their_batch(policy):
    made = passes(policy)
    assert torch.equal(made.forget.mask, FORGET.mask)
    assert torch.equal(made.retain.mask, RETAIN.mask)
    assert torch.equal(made.reference_retain.mask, RETAIN.mask)


def test_noise_acts_on_reference_retain_alone(policy):
    quiet, noisy = passes(policy), passes(policy, scale=1.0)
    assert torch.equal(quiet.forget.hidden, noisy.forget.hidden)
    assert not torch.equal(quiet.reference_retain.hidden, noisy.reference_retain.hidden)
    assert torch.equal(quiet.retain.hidden, noisy.retain.hidden)  # read last: no noise is left behind in the model


def test_noise_at_the_steered_layer_is_added_to_the_clean_hidden_state(policy):
    made = passes(policy, scale=0.3)
    z = torch.randn(made.retain.hidden.shape, generator=torch.Generator().manual_seed(7))
    assert torch.equal(made.reference_retain.hidden, made.retain.hidden + 0.3 * z)


def test_noise_below_the_steered_layer_propagates(policy):
    model = policy.model.model
    clean = segments.hidden(policy, RETAIN, 0)
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(7))
    rotary = model.rotary_emb(noisy, torch.arange(noisy.shape[1])[None])
    naive = model.layers[1](noisy, attention_mask=None, position_embeddings=rotary)
    torch.testing.assert_close(passes(policy, layer=1, scale=0.3, noise_layer=0).reference_retain.hidden, naive)


def test_noise_of_scale_zero_is_no_noise_bit_for_bit(policy):
    train(policy, 1)
    assert torch.equal(passes(policy, scale=0.0).reference_retain.hidden, reference_hidden(policy, RETAIN, 1, NULL_STORE))


@pytest.fixture
def upper(fresh):
    """The tiny model with layer 1 trained, which has a layer below and one above."""
    policy = fresh()
    assert (policy.first, policy.unsplittable) == (1, "")
    with torch.no_grad():
        for parameter in policy.trained.values():
            parameter.mul_(1.1)
    return policy


def test_likelihoods_are_those_of_a_full_forward_at_each_targets_own_position(upper):
    log_p = upper.model(input_ids=FORGET.input_ids).logits.log_softmax(-1)
    nll = passes(upper).forget_nll
    for row, column in FORGET.mask.nonzero().tolist():
        expected = -log_p[row, column - 1, FORGET.input_ids[row, column]].item() if column else 0.0
        assert nll.values[row, column].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(nll.mask, FORGET.label_mask)
    assert not nll.values[FORGET.label_mask == 0].any()


def test_divergence_stands_at_the_position_of_the_token_that_is_predicted(upper):
    frozen = deepcopy(upper.model)
    frozen.load_state_dict(dict(upper.frozen), strict=False)
    p, q = (model(input_ids=RETAIN.input_ids).logits.log_softmax(-1) for model in (frozen, upper.model))
    made = passes(upper).retain_divergence(kl_divergence)
    for row, column in RETAIN.label_mask.nonzero().tolist():
        expected = (p[row, column - 1].exp() * (p - q)[row, column - 1]).sum().item()
        assert made.values[row, column].item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(made.mask, RETAIN.label_mask)
    assert not made.values[RETAIN.label_mask == 0].any()


def test_padding_changes_no_likelihood_and_no_divergence(upper):
    def alone(batch, row):
        return pad([batch.input_ids[row][batch.mask[row].bool()].tolist()], "cpu")

    together = passes(upper)
    for row in (0, 1):
        single = passes_of(upper, 1, alone(FORGET, row), alone(RETAIN, row))
        for ours, theirs in (
            (together.forget_nll, single.forget_nll),
            (together.reference_forget_nll, single.reference_forget_nll),
            (together.retain_divergence(kl_divergence), single.retain_divergence(kl_divergence)),
        ):
            torch.testing.assert_close(ours.values[row][ours.mask[row] == 1], theirs.values[0][theirs.mask[0] == 1])


def test_no_gradient_flows_through_the_references_likelihoods(upper):
    made = passes(upper)
    assert made.forget_nll.values.requires_grad
    assert made.answers_nll(("no",)).values.requires_grad
    assert not made.reference_forget_nll.values.requires_grad
    assert not made.reference_answers_nll(("no",)).values.requires_grad


# Runs of layers 0 (below the trained one), 1 (trained) and 2, and of the output matrix. Layer 0 runs once a batch, the others
# once for the policy and once for the reference, where method and retain loss read them.
RUNS = [
    (RMU(1, 3.0), HiddenMSE(), 0.0, 1, [2, 3, 0, 0]),
    (RMU(1, 3.0), HiddenMSE(), 0.3, 0, [2, 3, 0, 0]),
    (RMU(1, 3.0), HiddenMSE(), 0.3, 1, [2, 3, 0, 0]),
    (RSV(1, 3.0), HiddenMSE(), 0.3, 1, [2, 4, 0, 0]),
    (RMU(0, 3.0), HiddenMSE(), 0.3, 0, [2, 0, 0, 0]),
    (RMU(2, 3.0), HiddenMSE(), 0.3, 1, [2, 3, 3, 0]),
    (NPO(0.1, Reduction.sequence_sum), KL(), 0.0, 1, [2, 4, 4, 4]),
    (NPO(0.1, Reduction.sequence_sum), KL(), 0.3, 0, [2, 4, 4, 4]),
    (NPO(0.1, Reduction.sequence_sum), KL(), 0.3, 2, [2, 4, 4, 4]),
    (SimNPO(0.1, 0.0, Reduction.token_mean), KL(), 0.3, 1, [2, 3, 3, 3]),
    (SimNPO(0.1, 0.0, Reduction.token_mean), CrossEntropy(), 0.0, 1, [2, 2, 2, 2]),
    (DPO(0.1, Reduction.token_mean, Variant.formula, REFUSALS), KL(), 0.3, 1, [3, 6, 6, 6]),
    (DPO(0.1, Reduction.token_mean, Variant.released, REFUSALS), KL(), 0.3, 1, [2, 4, 4, 4]),
]


@pytest.mark.parametrize(("method", "retain", "scale", "layer", "expected"), RUNS)
def test_each_layer_runs_as_often_as_it_must(upper, method, retain, scale, layer, expected):
    runs, made = counted(upper), passes(upper, method.layer, scale, layer)
    method.forget_loss(made, vector_of(method, made, torch.Generator().manual_seed(7)))
    retain.retain_loss(made)
    assert [*runs[:3], runs[4]] == expected


def test_layers_below_the_trained_ones_run_once_a_batch_wherever_the_noise_enters(fresh):
    policy = fresh(r"model\.layers\.2\..*weight")
    runs, made = counted(policy), passes(policy, 2, 0.3, 0)
    KL().retain_loss(made)
    assert runs[0] == 1
    assert runs[1] == 2  # clean for the policy, with noise for the reference


def test_released_dpo_never_makes_the_preferred_batch(upper):
    def refuse(answers, anew):
        raise AssertionError("the preferred batch was made")

    made = passes(upper, None, answered=refuse)
    DPO(0.1, Reduction.token_mean, Variant.released, REFUSALS).forget_loss(made, None)
    with pytest.raises(AssertionError, match="preferred"):
        DPO(0.1, Reduction.token_mean, Variant.formula, REFUSALS).forget_loss(made, None)


def test_a_layer_below_the_trained_ones_is_read_there(fresh):
    policy = fresh(r"model\.layers\.2\..*weight")
    naive = policy.model(input_ids=FORGET.input_ids, output_hidden_states=True).hidden_states
    for layer in (0, 1):
        torch.testing.assert_close(passes(policy, layer).forget.hidden, naive[layer + 1])


def test_hidden_states_of_a_method_that_steers_no_layer_are_refused(policy):
    with pytest.raises(InputError, match=r"method\.layer=None: a loss reads hidden states"):
        _ = passes(policy, layer=None).retain


def traces(policy):
    """What running pieces of a model may leave in it."""
    modules = [*policy.model.modules()]
    hooked = [type(module).__name__ for module in modules if module._forward_hooks or module._forward_pre_hooks]
    return hooked + [type(module).__name__ for module in modules if "forward" in vars(module)]


@pytest.mark.parametrize(
    "run",
    [
        lambda policy: segments.hidden(policy, FORGET, 1),
        lambda policy: segments.hidden(policy, FORGET, 1, reference=True, start=1, entry=torch.ones(2, 6, 16)),
        lambda policy: segments.hidden(policy, FORGET, 2, edits={0: torch.tanh}),
        lambda policy: segments.final(policy, FORGET, reference=True),
        lambda policy: segments.final(policy, FORGET, start=1, entry=torch.ones(2, 6, 16)),
        lambda policy: segments.logits(policy, FORGET, reference=True, edits={0: torch.tanh, 1: torch.tanh}),
        lambda policy: passes(policy, 1, 1.0, 0).reference_retain,
        lambda policy: KL().retain_loss(passes(policy, None, 1.0, 0)),
    ],
)
@pytest.mark.parametrize("error", [False, True])
def test_pieces_leave_the_model_as_it_was_also_after_an_error_in_a_layer(monkeypatch, upper, run, error):
    before, values = traces(upper), {name: p.detach().clone() for name, p in upper.model.named_parameters()}
    whole = upper.model(input_ids=FORGET.input_ids).logits
    assert before == []
    if error:
        with monkeypatch.context() as patched:
            patched.setattr(type(upper.layers[1].mlp), "forward", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run(upper)
    else:
        run(upper)
    assert traces(upper) == []
    assert all(torch.equal(values[name], p) for name, p in upper.model.named_parameters())
    assert dict(upper.model.named_parameters())["model.layers.1.mlp.up_proj.weight"].requires_grad
    assert torch.equal(upper.model(input_ids=FORGET.input_ids).logits, whole)


def test_an_error_in_the_head_leaves_the_model_as_it_was(upper):
    with pytest.raises(RuntimeError):
        segments.head(upper, torch.ones(2, 17))  # it reads 16 numbers
    assert traces(upper) == []


def test_a_token_the_model_has_not_is_an_error_and_leaves_no_hook(policy):
    for made in (passes(policy, 1, 1.0, 0, retain=TOO_LARGE), passes(policy, None, 1.0, 0, retain=TOO_LARGE)):
        with pytest.raises(IndexError):
            _ = made.retain_divergence(kl_divergence)
    with pytest.raises(IndexError):
        segments.hidden(policy, TOO_LARGE, 1)
    assert traces(policy) == []
    assert policy.model(input_ids=FORGET.input_ids).logits.shape[:2] == FORGET.input_ids.shape


def test_a_forward_that_a_library_put_in_place_stays(upper):
    placed = upper.layers[0].forward
    upper.layers[0].forward = placed  # as accelerate does when it spreads a model over devices
    segments.hidden(upper, FORGET, 1, start=1, entry=torch.ones(2, 6, 16))
    assert vars(upper.layers[0])["forward"] is placed
