from dataclasses import replace

import torch

from rna_bench.core.types import Dtype
from rna_bench.data.batches import pad
from rna_bench.experiment.shared import ProcessCache, restore
from rna_bench.models.policies import checkpoint_layers, policy_of
from rna_bench.models.store import NULL_STORE, Reuse

BATCH = pad([[1, 5, 6]], "cpu")


def test_a_trained_model_is_restored_to_the_bit(fresh):
    policy = fresh()
    before = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
    checkpoint_layers(policy)
    logits = policy.model(input_ids=BATCH.input_ids).logits
    logits.square().sum().backward()
    torch.optim.SGD(policy.trained.values(), lr=0.1).step()
    assert not all(torch.equal(before[name], p) for name, p in policy.model.named_parameters())
    restore(policy)
    assert all(torch.equal(before[name], p) for name, p in policy.model.named_parameters())
    assert all(p.grad is None for p in policy.model.parameters())
    assert not any(module.training for module in policy.model.modules())
    assert torch.equal(policy.model(input_ids=BATCH.input_ids).logits, logits)


def test_a_restored_model_takes_another_choice_of_tensors(fresh):
    policy = fresh()
    restore(policy)
    again = policy_of(policy.model, r"model\.layers\.2\..*weight")
    assert {name for name, p in again.model.named_parameters() if p.requires_grad} == set(again.trained)
    assert all(name.startswith("model.layers.2.") for name in again.trained)


def test_the_last_model_is_loaded_once(source):
    shared = ProcessCache()
    model, tokenizer = shared.model(source, "a")
    assert shared.model(source, "a") == (model, tokenizer)
    for other, fingerprint in ((source, "b"), (replace(source, dtype=Dtype.bfloat16), "b"), (source, "a")):
        again, _ = shared.model(other, fingerprint)
        assert again is not model
        model = again


def test_a_store_belongs_to_its_model_and_its_room(source):
    shared, reuse = ProcessCache(), Reuse(1, 0, None)
    shared.model(source, "a")
    store = shared.store(reuse)
    store.get("hidden 1", BATCH, lambda: torch.zeros(1))
    assert shared.store(reuse) is store
    store.get("hidden 1", BATCH, lambda: torch.ones(1))
    assert shared.hits == 1
    assert shared.store(Reuse(2, 0, None)) is not store
    shared.model(source, "b")
    other = shared.store(reuse)
    assert other is not store
    assert other.get("hidden 1", BATCH, lambda: torch.ones(1)).item() == 1.0


def test_forgetting_drops_model_and_store(source, tmp_path):
    shared = ProcessCache()
    model, _ = shared.model(source, "a")
    shared.store(Reuse(0, 1, str(tmp_path))).get("hidden 1", BATCH, lambda: torch.zeros(1))
    assert [*tmp_path.iterdir()]
    shared.clear()
    assert [*tmp_path.iterdir()] == []
    assert shared.hits == NULL_STORE.hits == 0
    assert shared.model(source, "a")[0] is not model
