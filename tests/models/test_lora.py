import pytest
import torch

from rna_bench.core.types import InputError
from rna_bench.models import lora
from rna_bench.models.loading import load_model
from rna_bench.models.lora import Lora, adapted, linear_modules

pytest.importorskip("peft", reason="the extra lora is not installed")
IDS = torch.tensor([[3, 4, 5, 6]])


def generator():
    return torch.Generator().manual_seed(3)


def tensors(model, part="layers"):
    return [name for name, _ in model.named_parameters() if part in name]


@torch.no_grad()
def logits(model):
    return model(input_ids=IDS).logits


def test_adapters_change_nothing_at_first_and_are_w_plus_b_a_times_alpha_over_rank(source):
    model, _ = load_model(source)
    before = logits(model)
    with adapted(model, tensors(model, "layers.1.mlp.down_proj"), Lora(2, 3.0), generator()) as (a, b):
        assert (tuple(a.shape), tuple(b.shape), a.dtype) == ((2, 32), (16, 2), torch.float32)
        assert torch.equal(logits(model), before)
        b.data.normal_(generator=generator())
        changed = logits(model)
        update = (b @ a).detach() * 3.0 / 2
    assert torch.equal(logits(model), before)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight += update
    torch.testing.assert_close(logits(model), changed)
    assert not torch.allclose(changed, before)


def test_adapters_alone_are_trained_and_are_drawn_from_the_generator(source):
    model, _ = load_model(source)
    torch.manual_seed(0)
    with adapted(model, tensors(model), Lora(2, 4.0), generator()) as first:
        own = [tensor.detach().clone() for tensor in first]
        trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
        assert {id(tensor) for tensor in trained} == {id(tensor) for tensor in first}
    torch.manual_seed(1)
    with adapted(model, tensors(model), Lora(2, 4.0), generator()) as second:
        assert all(map(torch.equal, own, second))
    assert len(own) == 2 * 7 * 3  # A and B of the seven matrices of three layers


def test_the_model_is_afterwards_what_it_was_even_after_an_error(source):
    model, _ = load_model(source)
    modules, names = list(model.named_modules()), set(vars(model))
    values = [(name, tensor, tensor.detach().clone()) for name, tensor in model.named_parameters()]
    with pytest.raises(ZeroDivisionError), adapted(model, tensors(model), Lora(2, 4.0), generator()):
        raise ZeroDivisionError
    assert [(name, id(one)) for name, one in model.named_modules()] == [(name, id(one)) for name, one in modules]
    assert set(vars(model)) == names
    after = dict(model.named_parameters())
    assert list(after) == [name for name, _, _ in values]
    assert all(after[name] is tensor and torch.equal(tensor, before) for name, tensor, before in values)


def test_norms_embeddings_and_the_head_get_no_adapter(source):
    model, _ = load_model(source)
    modules = linear_modules(model, tensors(model, ""))
    assert len(modules) == 7 * 3
    assert all("layers" in name for name in modules)
    with pytest.raises(InputError, match=r"attack\.\*\.parameters=model\.norm\.weight: names no matrix of a layer"):
        linear_modules(model, ["model.norm.weight"])


@pytest.mark.parametrize(("key", "values"), [("rank", (0, 1.0)), ("alpha", (1, 0.0))])
def test_bad_values_are_named(key, values):
    with pytest.raises(InputError, match=rf"attack\.\*\.lora\.{key}="):
        Lora(*values)


def test_without_peft_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lora, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs peft; pip install 'rna_bench\[lora\]'"):
        Lora(8, 16.0)
