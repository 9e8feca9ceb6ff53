import resource

import pytest
import torch

from rna_bench.core.types import InputError
from rna_bench.data.batches import pad, pad_included
from rna_bench.models.store import NULL_STORE, Reuse, Store

BATCH = pad([[1, 5, 6], [1, 7]], "cpu")
MEGABYTE = 2**18  # numbers in fp32


def counting(store, name="hidden 1", batch=BATCH, made=None):
    """Ask twice: what came, and how often it was made."""
    calls = []
    tensor = torch.randn(2, 3) if made is None else made
    came = [store.get(name, batch, lambda: calls.append(0) or tensor) for _ in range(2)]
    assert all(torch.equal(tensor, each) and tensor.dtype == each.dtype for each in came)
    return len(calls)


def files(folder):
    return [*folder.rglob("*.safetensors")]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("room", [(1, 0), (0, 1)])
def test_what_fits_is_computed_once_and_returned_bit_for_bit(tmp_path, room, dtype):
    store = Store(Reuse(*room, str(tmp_path)))
    assert counting(store, made=torch.randn(2, 3, 4).to(dtype).transpose(0, 1)) == 1
    assert store.hits == 1
    assert len(files(tmp_path)) == room[1]


def test_what_does_not_fit_is_computed_again():
    store = Store(Reuse(1, 0, None))
    assert counting(store, made=torch.ones(MEGABYTE + 1)) == 2
    assert counting(store, made=torch.ones(MEGABYTE)) == 1
    assert counting(store, "hidden 2", made=torch.ones(1)) == 2
    assert store.hits == 1


def test_what_does_not_fit_in_memory_goes_to_disk_and_small_tensors_still_fit():
    store = Store(Reuse(1, 1, None))
    assert counting(store, "a", made=torch.ones(MEGABYTE - 10)) == 1
    assert counting(store, "b", made=torch.ones(MEGABYTE - 10)) == 1
    assert counting(store, "c", made=torch.ones(11)) == 2
    assert counting(store, "d", made=torch.ones(10)) == 1
    store.close()


def test_closing_frees_memory_and_the_folder(tmp_path):
    store = Store(Reuse(0, 1, str(tmp_path)))
    counting(store)
    assert len(files(tmp_path)) == 1
    store.close()
    assert [*tmp_path.iterdir()] == []
    assert counting(store) == 2
    assert [*tmp_path.iterdir()] == []


def test_the_null_store_stores_nothing():
    assert counting(NULL_STORE) == 2
    assert NULL_STORE.hits == 0


@pytest.mark.parametrize(
    "other",
    [
        ("hidden 2", BATCH),
        ("hidden 1", pad([[1, 5, 6], [1, 8]], "cpu")),
        ("hidden 1", pad([[1, 5, 6], [1, 7]], "cpu", [2, 0])),
        ("hidden 1", pad([[1, 5, 6]], "cpu")),
        ("hidden 1", pad([[1, 5], [6, 1], [7, 0]], "cpu")),
        ("hidden 1", pad_included([[1, 5, 6], [1, 7]], [0, 0], 2, "cpu")),
    ],
)
def test_another_name_text_target_shape_or_padding_is_another_thing(other):
    store = Store(Reuse(1, 0, None))
    store.get("hidden 1", BATCH, lambda: torch.zeros(1))
    assert store.get(*other, lambda: torch.ones(1)).item() == 1.0


def test_the_same_text_in_another_batch_is_the_same_thing():
    store = Store(Reuse(1, 0, None))
    store.get("hidden 1", BATCH, lambda: torch.zeros(1))
    assert store.get("hidden 1", pad([[1, 5, 6], [1, 7]], "cpu"), lambda: torch.ones(1)).item() == 0.0


@pytest.mark.parametrize("key", ["memory_mb", "disk_mb"])
def test_a_negative_size_is_refused(key):
    with pytest.raises(InputError, match=f"reuse.{key}=-1"):
        Reuse(**{"memory_mb": 0, "disk_mb": 0, "folder": None, key: -1})


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    store = Store(Reuse(0, 1, str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match=r"reuse\.folder"):
        counting(store)


def test_a_full_disk_ends_storing_and_leaves_no_partial_file(tmp_path, capsys):
    store = Store(Reuse(0, 64, str(tmp_path)))
    first = torch.randn(2, 3)
    assert counting(store, "hidden 1", made=first) == 1
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # stands for what is left of the disk
    try:
        assert counting(store, "hidden 2", made=torch.randn(10_000)) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "no more activations are stored there" in capsys.readouterr().err
    assert len(files(tmp_path)) == 1
    assert counting(store, "hidden 3") == 2
    assert counting(store, "hidden 1", made=first) == 0
