from copy import deepcopy

import pytest
import torch

from rna_bench.data.corpora import pad
from rna_bench.models.passes import Augmentation, Passes, hidden_at, reference_hidden_at

FORGET = pad([[1, 20, 30, 40, 50, 60], [1, 21, 31]], "cpu")
RETAIN = pad([[1, 70, 71, 72], [1, 80, 81, 82, 83]], "cpu")


def noise(scale, layer, seed=7):
    return Augmentation(scale, layer, torch.Generator().manual_seed(seed))


def passes(policy, layer=1, scale=0.0, noise_layer=1):
    return Passes(policy, layer, FORGET, RETAIN, noise(scale, noise_layer))


def train(policy, steps):
    optimizer = torch.optim.AdamW(policy.trained.values(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        hidden_at(policy, 1, FORGET).hidden.square().mean().backward()
        optimizer.step()


def counted(policy):
    """How often each layer ran, then the final norm and the output matrix: a list that goes on counting."""
    runs = [0] * 5
    for index, module in enumerate([*policy.layers, policy.model.model.norm, policy.model.lm_head]):
        module.register_forward_hook(lambda *_, index=index: runs.__setitem__(index, runs[index] + 1))
    return runs


@pytest.mark.parametrize("layer", [0, 1])
def test_hidden_at_is_the_hidden_state_of_a_full_forward(policy, layer):
    full = policy.model(input_ids=FORGET.input_ids, attention_mask=FORGET.mask, output_hidden_states=True)
    naive = full.hidden_states[layer + 1]  # entry 0 is the embedding
    tokens = FORGET.mask.bool()
    torch.testing.assert_close(hidden_at(policy, layer, FORGET).hidden[tokens], naive[tokens])


def test_hidden_at_the_last_layer_is_before_the_final_norm(policy):
    # a full forward's last hidden state is normed, the output of model.layers[2] is not
    full = policy.model(input_ids=FORGET.input_ids, output_hidden_states=True).hidden_states[-1]
    torch.testing.assert_close(policy.model.model.norm(hidden_at(policy, 2, FORGET).hidden), full)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_nothing_above_the_layer_is_run(policy, layer):
    runs = counted(policy)
    hidden_at(policy, layer, FORGET)
    reference_hidden_at(policy, layer, RETAIN)
    assert runs == [2] * (layer + 1) + [0] * (4 - layer)


def test_each_pass_runs_once_and_only_when_it_is_read(policy):
    runs = counted(policy)
    made = passes(policy)
    assert runs[0] == 0
    assert made.forget is made.forget
    assert runs[0] == 1
    assert made.retain is made.retain
    assert made.reference_retain is made.reference_retain
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
    before = hidden_at(policy, 1, RETAIN).hidden
    reference_hidden_at(policy, 1, RETAIN)
    assert torch.equal(hidden_at(policy, 1, RETAIN).hidden, before)


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
        together = hidden_at(policy, 2, batch).hidden
        for row, ids, mask in zip(together, *batch, strict=True):
            length = int(mask.sum())
            torch.testing.assert_close(row[:length], hidden_at(policy, 2, pad([ids[:length].tolist()], "cpu")).hidden[0])


def test_the_id_of_padding_changes_nothing(policy):
    other = FORGET._replace(input_ids=FORGET.input_ids.masked_fill(FORGET.mask == 0, 99))
    tokens = FORGET.mask.bool()
    torch.testing.assert_close(hidden_at(policy, 2, other).hidden[tokens], hidden_at(policy, 2, FORGET).hidden[tokens])


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
    clean = hidden_at(policy, 0, RETAIN).hidden
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(7))
    rotary = model.rotary_emb(noisy, torch.arange(noisy.shape[1])[None])
    naive = model.layers[1](noisy, attention_mask=None, position_embeddings=rotary)
    torch.testing.assert_close(passes(policy, layer=1, scale=0.3, noise_layer=0).reference_retain.hidden, naive)


def test_noise_of_scale_zero_is_no_noise_bit_for_bit(policy):
    train(policy, 1)
    assert torch.equal(passes(policy, scale=0.0).reference_retain.hidden, reference_hidden_at(policy, 1, RETAIN).hidden)


def test_an_error_inside_the_model_is_raised_and_leaves_no_hook(policy):
    with pytest.raises(IndexError):
        hidden_at(policy, 1, pad([[10**6]], "cpu"))
    made = Passes(policy, 1, FORGET, pad([[10**6]], "cpu"), noise(1.0, 0))
    with pytest.raises(IndexError):
        _ = made.reference_retain
    assert not any(module._forward_hooks for module in policy.layers)
    assert policy.model(input_ids=FORGET.input_ids).logits.shape[:2] == FORGET.input_ids.shape
