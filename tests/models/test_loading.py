import re
import shutil
from dataclasses import replace

import pytest
import torch

from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.models import loading
from rna_bench.models.config_file import read_architecture
from rna_bench.models.loading import HubModel, LocalModel, fingerprint, load_model


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


def local(path):
    return LocalModel(str(path), "tiny", Dtype.float32, "cpu")


def test_a_saved_model_is_found_with_its_name_dtype_and_device(tiny):
    assert local(tiny).folder() == ModelFolder("tiny", tiny, Dtype.float32, "cpu")


@pytest.mark.parametrize("lost", ["config.json", "*.safetensors", "tokenizer*"])
def test_a_folder_that_lacks_a_part_is_refused_by_name(copy, lost):
    for file in copy.glob(lost):
        file.unlink()
    with pytest.raises(InputError, match=re.escape(f"model.path={copy}")) as caught:
        local(copy).folder()
    assert lost.strip("*.") in str(caught.value)


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tiny):
    for path in (tiny / "nowhere", tiny / "config.json"):
        with pytest.raises(InputError, match=r"model\.path"):
            local(path).folder()


@pytest.mark.parametrize(("dtype", "expected"), [(Dtype.float32, torch.float32), (Dtype.bfloat16, torch.bfloat16)])
def test_a_model_is_loaded_in_its_dtype_and_in_evaluation_mode(tiny, dtype, expected):
    model, _ = load_model(ModelFolder("tiny", tiny, dtype, "cpu"))
    assert {parameter.dtype for parameter in model.parameters()} == {expected}
    assert not any(module.training for module in model.modules())


def test_the_saved_tokenizer_reads_as_the_one_that_was_made(source, tokenizer):
    text = "What is it?\nA. 42\nAnswer: B"
    assert load_model(source)[1](text)["input_ids"] == tokenizer(text)["input_ids"]


@pytest.mark.parametrize("device", ["toaster", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(tiny, device):
    with pytest.raises(InputError, match=r"model\.device"):
        load_model(ModelFolder("tiny", tiny, Dtype.float32, device))


def test_fingerprint_is_of_the_content_wherever_it_lies(tiny, copy):
    assert fingerprint(copy) == fingerprint(tiny)
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(tiny))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_fingerprint_changes_with_a_byte_of_any_part(tiny, copy, name):
    file = copy / name
    file.write_bytes(file.read_bytes() + b" ")
    assert fingerprint(copy) != fingerprint(tiny)


def test_fingerprint_changes_with_a_vocabulary_outside_tokenizer_json(copy):
    (copy / "tokenizer.json").unlink()  # tokenizer_config.json is left, as in a folder of GPT-2's vocab.json and merges.txt
    (copy / "vocab.json").write_text('{"a": 0, "b": 1}')
    before = fingerprint(copy)
    (copy / "vocab.json").write_text('{"a": 1, "b": 0}')
    assert fingerprint(copy) != before


def test_auto_without_accelerate_is_refused(monkeypatch, tiny):
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"model\.device=auto: needs accelerate"):
        load_model(ModelFolder("tiny", tiny, Dtype.float32, "auto"))


HUB = HubModel("org/name", "abc123", "tiny", Dtype.bfloat16, "cpu")


def test_a_hub_model_is_the_folder_of_its_revision_in_the_cache(monkeypatch, tiny):
    asked = []
    monkeypatch.setattr(loading, "fetch_snapshot", lambda repo: asked.append(repo) or tiny)
    assert HUB.folder() == ModelFolder("tiny", tiny, Dtype.bfloat16, "cpu")
    (repo,) = asked
    assert (repo.key, repo.name, repo.revision, repo.repo_type) == ("model.repo", "org/name", "abc123", "model")
    assert "*.safetensors" in repo.patterns
    assert not any("bin" in pattern or "py" in pattern for pattern in repo.patterns)


def test_what_a_hub_model_lacks_is_one_line_or_nothing(monkeypatch):
    for lines in (["is missing"], []):
        monkeypatch.setattr(loading, "missing", lambda _, lines=lines: lines)
        assert HUB.missing() == lines


def test_a_folder_of_another_model_is_refused_under_the_name_of_a_hub_model_by_the_first_dimension_that_differs(tiny):
    actual = read_architecture(tiny)
    assert actual is not None
    assert replace(HUB, path=str(tiny), architecture=actual).folder().folder == tiny
    for name, value in {"model_type": "mistral", "layers": 32, "heads": 4, "kv_heads": 1, "vocab_size": 32000}.items():
        with pytest.raises(
            InputError, match=rf"^model\.path={tiny}: is no copy of org/name \({name} .* has {value}\); say model=local "
        ):
            replace(HUB, path=str(tiny), architecture=replace(actual, **{name: value}))


def test_a_copied_folder_stands_for_the_hub_which_is_not_asked(monkeypatch, tiny, copy):
    for name in ("fetch_snapshot", "missing"):
        monkeypatch.delattr(loading, name)
    there, gone = (replace(HUB, path=str(path)) for path in (tiny, copy / "no"))
    assert there.folder() == ModelFolder("tiny", tiny, Dtype.bfloat16, "cpu")
    assert there.missing() == []
    assert there.dimensions
    assert there.dimensions.layers == 3
    assert [line.startswith(f"model.path={copy}/no: the folder lacks") for line in gone.missing()] == [True]
    assert gone.dimensions is HUB.dimensions is None
