import re
import shutil

import pytest
import torch

from rna_bench.models.loading import LocalModel, check_layer, decoder_layers, fingerprint, load, policy_of
from rna_bench.schema import Dtype, InputError, ModelFolder


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
    model, _ = load(ModelFolder("tiny", tiny, dtype, "cpu"))
    assert {parameter.dtype for parameter in model.parameters()} == {expected}
    assert not any(module.training for module in model.modules())


def test_the_saved_tokenizer_reads_as_the_one_that_was_made(source, tokenizer):
    text = "What is it?\nA. 42\nAnswer: B"
    assert load(source)[1](text)["input_ids"] == tokenizer(text)["input_ids"]


@pytest.mark.parametrize("device", ["toaster", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(tiny, device):
    with pytest.raises(InputError, match=r"model\.device"):
        load(ModelFolder("tiny", tiny, Dtype.float32, device))


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
        policy_of(load(source)[0], pattern)


def test_a_pattern_that_is_no_regular_expression_is_refused(source):
    with pytest.raises(InputError, match=r"train\.parameters"):
        policy_of(load(source)[0], "model.layers.(5|6")


@pytest.mark.parametrize("layer", [-1, 3, 99])
def test_a_layer_the_model_has_not_is_refused(policy, layer):
    with pytest.raises(InputError, match=f"method.layer={layer}: the model has 3 layers; give 0 to 2"):
        check_layer("method.layer", layer, policy.layers)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_layer_the_model_has_is_accepted(policy, layer):
    check_layer("method.layer", layer, policy.layers)
