import pytest
import torch

from rna_bench.core.types import Dtype, InputError
from rna_bench.models.loading import load_model
from rna_bench.models.policies import checkpoint_layers, decoder_layers, policy_of


def test_decoder_layers_are_in_order(policy):
    layers = decoder_layers(policy.model)
    assert list(layers) == list(policy.model.model.layers)


def test_policy_trains_the_tensors_that_match_and_freezes_the_others(policy):
    names = {name for name, _ in policy.model.named_parameters()}
    expected = {name for name in names if name.startswith(("model.layers.0.", "model.layers.1."))}
    assert set(policy.trained) == expected
    assert {name for name, parameter in policy.model.named_parameters() if parameter.requires_grad} == expected


def test_policy_keeps_copies_that_share_no_memory_with_the_model(policy):
    for name, parameter in policy.trained.items():
        assert torch.equal(policy.frozen[name], parameter)
        assert policy.frozen[name].data_ptr() != parameter.data_ptr()
        assert not policy.frozen[name].requires_grad


@pytest.mark.parametrize("pattern", ["", r"model\.layers\.1", r"layers\.1\.mlp\.down_proj\.weight", r"model\.layers\.3\..*"])
def test_a_pattern_that_matches_no_whole_name_is_refused(source, pattern):
    with pytest.raises(InputError, match=r"train\.parameters"):
        policy_of(load_model(source)[0], pattern)


def test_an_invalid_regular_expression_is_refused(source):
    with pytest.raises(InputError, match=r"train\.parameters"):
        policy_of(load_model(source)[0], "model.layers.(5|6")


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        (r"model\.layers\.0\..*", 0),
        (r"model\.layers\.1\..*", 1),
        (r"model\.layers\.(1|2)\.mlp\.down_proj\.weight", 1),
        (".*s.2.*", 2),
    ],
)
@pytest.mark.parametrize("dtype", Dtype)
def test_a_model_is_split_below_its_lowest_trained_layer(fresh, pattern, first, dtype):
    policy = fresh(pattern, dtype)
    assert (policy.first, policy.unsplittable) == (first, "")


@pytest.mark.parametrize("pattern", [".*", ".*embed_tokens.*", r"model\.norm\.weight", r"model\.(norm|layers\.2\..*)\.weight"])
def test_a_model_with_a_trained_tensor_outside_its_layers_is_not_split(fresh, pattern):
    policy = fresh(pattern)
    assert (policy.first, policy.unsplittable) == (0, "a trained tensor is outside the decoder layers")


def test_trying_a_model_changes_nothing_of_it(fresh):
    policy = fresh()
    again = fresh()
    assert all(torch.equal(p, q) for p, q in zip(policy.model.parameters(), again.model.parameters(), strict=True))
    assert not any(module.training or module._forward_hooks or "forward" in vars(module) for module in policy.model.modules())


def test_recomputing_layers_are_in_training_and_nothing_in_them_is(fresh):
    policy = fresh()
    checkpoint_layers(policy)
    assert {name for name, module in policy.model.named_modules() if module.training} == {"model.layers.1", "model.layers.2"}


def test_an_architecture_that_cannot_recompute_is_refused(monkeypatch, policy):
    monkeypatch.setattr("rna_bench.models.policies.GradientCheckpointingLayer", str)
    with pytest.raises(InputError, match=r"train\.gradient_checkpointing=True"):
        checkpoint_layers(policy)
