import pytest
import torch
from safetensors import safe_open

from rna_bench.core.types import Dtype, InputError
from rna_bench.experiment.shared import restore
from rna_bench.models.delta import apply_delta, save_delta

DOWN = "model.layers.1.mlp.down_proj.weight"


def moved(policy):
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.trained.values():
            parameter.add_(torch.randn(parameter.shape, generator=source).to(parameter.dtype))
    return policy


def state(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) and left[name].dtype == right[name].dtype for name in left)


@pytest.mark.parametrize("dtype", Dtype)
@pytest.mark.parametrize("pattern", [r"model\.layers\.1\..*weight", r".*(embed_tokens|layers\.2\.mlp\.up_proj)\.weight"])
def test_a_delta_on_the_base_model_is_the_trained_model_to_the_bit(fresh, tmp_path, pattern, dtype):
    policy, base = moved(fresh(pattern, dtype)), fresh(pattern, dtype).model
    assert not same(state(policy.model), state(base))
    save_delta(tmp_path / "delta", policy.trained, {"base_model": "tiny"})
    apply_delta(tmp_path / "delta", base)
    assert same(state(policy.model), state(base))
    ids = torch.arange(8)[None]
    assert torch.equal(policy.model(input_ids=ids).logits, base(input_ids=ids).logits)


def test_a_delta_holds_the_trained_tensors_and_what_it_belongs_on(policy, tmp_path):
    save_delta(tmp_path / "delta", policy.trained, {"base_model": "tiny", "base_revision": "abc"})
    with safe_open(tmp_path / "delta", framework="pt") as saved:
        assert set(saved.keys()) == set(policy.trained)
        assert saved.metadata() == {"base_model": "tiny", "base_revision": "abc"}


def test_a_delta_of_an_untrained_model_changes_nothing(fresh, tmp_path):
    policy = moved(fresh())
    restore(policy)
    before = state(policy.model)
    save_delta(tmp_path / "delta", policy.trained, {})
    apply_delta(tmp_path / "delta", policy.model)
    assert same(before, state(policy.model))


def nothing(path):
    """No file at all."""


def cut(path):
    save_delta(path, {DOWN: torch.ones(16, 32)}, {})
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "write",
    [
        nothing,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no tensors\n" * 9),
        cut,
        lambda path: save_delta(path, {"model.layers.9.mlp.down_proj.weight": torch.ones(16, 32)}, {}),
        lambda path: save_delta(path, {DOWN: torch.ones(3, 3)}, {}),
        lambda path: save_delta(path, {DOWN: torch.ones(32)}, {}),  # would spread over all rows
    ],
    ids=["missing", "folder", "empty", "text", "cut short", "other name", "other shape", "fewer dimensions"],
)
def test_a_wrong_file_is_refused_in_one_line(fresh, tmp_path, write):
    write(tmp_path / "delta")
    with pytest.raises(InputError, match="delta=") as caught:
        apply_delta(tmp_path / "delta", fresh().model)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_refused_leaves_the_model_as_it_was(fresh, tmp_path):
    model = fresh().model
    before = state(model)
    save_delta(tmp_path / "delta", {"model.layers.0.mlp.down_proj.weight": torch.ones(16, 32), DOWN: torch.ones(3, 3)}, {})
    with pytest.raises(InputError, match="delta="):
        apply_delta(tmp_path / "delta", model)
    assert same(before, state(model))
