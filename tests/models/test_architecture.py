import json
import math
import re

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from rna_bench.core.schemas import build
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.resolvers import config_folder
from rna_bench.models.architecture import Architecture
from rna_bench.models.config_file import first_difference, read_architecture
from rna_bench.models.policies import decoder_layers, policy_of

TOY = Architecture("llama", 2, 4, 6, 2, 1, 2, 10, 64, tied_embeddings=False)  # q = 4, k = 2
HUB = sorted(path.stem for path in (config_folder("conf") / "model").glob("*.yaml") if "repo:" in path.read_text())
# As remembered from the hub, not read there. Gemma-3 agrees with keras-hub: 11,765,788,416 of text at 262,144 words.
KNOWN = {
    "zephyr_7b": 7_241_732_096,
    "mistral_7b": 7_241_732_096,
    "llama3_8b": 8_030_261_248,
    "llama3_8b_instruct": 8_030_261_248,
    "qwen3_8b": 8_190_735_360,
    "gemma3_12b": 12_187_325_040,
}
SIGLIP = {  # Gemma-3's vision_config
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
    "vision_use_head": False,
}


def stated(name: str) -> Architecture:
    found = build("model", compose_run([f"model={name}"])[0].model).dimensions
    assert found
    return found


def text_config(a: Architecture) -> dict:
    return {
        "num_hidden_layers": a.layers,
        "hidden_size": a.hidden_size,
        "intermediate_size": a.intermediate_size,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "head_dim": a.head_dim,
        "vocab_size": a.vocab_size,
        "max_position_embeddings": a.context,
        "sliding_window": a.sliding_window,
        "tie_word_embeddings": a.tied_embeddings,
    }


def made(a: Architecture) -> PreTrainedModel:
    """The model that transformers makes of the dimensions, without memory for its weights."""
    text = text_config(a)
    own = {"text_config": text, "vision_config": SIGLIP} if a.model_type == "gemma3" else text
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(a.model_type, **own))


def test_a_count_is_known_of_every_hub_model():
    assert set(KNOWN) == set(HUB)


@pytest.mark.parametrize("name", HUB)
def test_names_shapes_and_number_of_parameters_are_those_of_transformers(name):
    a = stated(name)
    model = made(a)
    shapes = {key: tuple(parameter.shape) for key, parameter in model.named_parameters()}
    mine = a.tensors()
    assert {key: shapes[key] for key in shapes if key in mine} == mine
    assert sum(math.prod(shapes[key]) for key in shapes if key not in mine) == a.other_parameters
    assert a.parameters == sum(map(math.prod, shapes.values())) == KNOWN[name]
    assert f"{decoder_layers(model)[3].mlp.down_proj.weight.shape}" == f"{torch.Size((a.hidden_size, a.intermediate_size))}"
    assert len(decoder_layers(model)) == a.layers


@pytest.mark.parametrize("name", HUB)
@pytest.mark.parametrize(
    "method", ["rmu", "adaptive_rmu", "rsv", "npo_kl", "npo_mse", "dpo_kl", "dpo_mse", "simnpo_kl", "simnpo_mse"]
)
def test_every_method_trains_down_proj_of_layers_5_6_and_7(name, method):
    a = stated(name)
    found = a.matching(compose_run([f"model={name}", f"method={method}"])[0].train.parameters)
    assert list(found) == [f"{a.decoder}.layers.{i}.mlp.down_proj.weight" for i in (5, 6, 7)]
    assert set(found.values()) == {(a.hidden_size, a.intermediate_size)}
    assert [a.layer_of(key) for key in found] == [5, 6, 7]


def test_revisions_are_whole_commits():
    for name in HUB:
        assert re.fullmatch("[0-9a-f]{40}", compose_run([f"model={name}"])[0].model.revision)


def test_a_layers_parameters_are_counted_by_hand():
    # 2 d q + 2 d k + 3 d f + 2 d = 32 + 16 + 72 + 8
    assert TOY.layer_parameters == 128
    # two layers, the last norm, embeddings and head
    assert TOY.parameters == 2 * 128 + 4 + 2 * 40


@pytest.mark.parametrize(
    ("change", "parameters"),
    [
        ({"tied_embeddings": True}, 300),
        ({"qk_norm": True}, 340 + 2 * 2 * 2),
        ({"norms": 4}, 340 + 2 * 2 * 4),
        ({"other_parameters": 7}, 347),
    ],
)
def test_parameters_specific_to_a_family_are_counted(change, parameters):
    assert Architecture(**(vars(TOY) | change)).parameters == parameters


def test_tensors_outside_the_layers_belong_to_none():
    assert {TOY.layer_of(name) for name in TOY.matching(r".*(embed_tokens|lm_head|norm)\.weight") if "layers" not in name} == {None}


def test_dimensions_are_read_from_a_saved_model(tiny):
    a = read_architecture(tiny)
    assert a
    model = AutoModelForCausalLM.from_pretrained(tiny)
    assert a.tensors() == {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    assert (a.heads, a.kv_heads, a.head_dim, a.tied_embeddings) == (2, 2, 8, True)


def test_dimensions_are_read_from_a_saved_multimodal_model(tmp_path):
    a = stated("gemma3_12b")
    AutoConfig.for_model("gemma3", text_config=text_config(a), vision_config=SIGLIP).save_pretrained(tmp_path)
    read = read_architecture(tmp_path)
    assert read
    assert read.tensors() == a.tensors()


GEMMA3 = {"hidden_size": 3840, "intermediate_size": 15360, "num_attention_heads": 16, "num_hidden_layers": 48}
GEMMA3 |= {"model_type": "gemma3_text", "num_key_value_heads": 8, "sliding_window": 1024}


def test_what_a_config_leaves_out_is_what_transformers_takes_for_its_type(tmp_path):
    """Gemma-3's head_dim is not hidden_size / heads, its embeddings are tied, and its config.json need not say so."""
    config = {"model_type": "gemma3", "text_config": GEMMA3, "vision_config": SIGLIP}
    (tmp_path / "config.json").write_text(json.dumps(config))
    read, declared = read_architecture(tmp_path), stated("gemma3_12b")
    assert read
    assert (read.head_dim, read.tied_embeddings, read.vocab_size) == (256, True, 262208)
    assert read.tensors() == declared.tensors()
    assert first_difference(declared, tmp_path) == ""
    (tmp_path / "config.json").write_text(json.dumps(config | {"text_config": GEMMA3 | {"num_hidden_layers": 34}}))
    assert first_difference(declared, tmp_path) == "layers 34 in its config.json, where the model has 48"


@pytest.mark.parametrize(
    ("left_out", "key"), [(["head_dim"], "head_dim"), (["tie_word_embeddings"], "tie_word_embeddings"), ([], "")]
)
def test_nothing_is_guessed_for_a_type_that_transformers_does_not_know(tmp_path, left_out, key):
    config = text_config(TOY) | {"model_type": "mine"}
    (tmp_path / "config.json").write_text(json.dumps({name: value for name, value in config.items() if name not in left_out}))
    if not key:
        assert read_architecture(tmp_path) == Architecture(**(vars(TOY) | {"model_type": "mine"}))
        return
    with pytest.raises(InputError, match=rf"^model\.path=.*: its config.json has no {key}, .* model_type mine .*; add it there$"):
        read_architecture(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"model_type": "llama", "hidden_size": None})])
def test_a_configuration_that_does_not_say_them_gives_none(tmp_path, text):
    assert read_architecture(tmp_path) is None
    (tmp_path / "config.json").write_text(text)
    assert read_architecture(tmp_path) is None


def test_the_text_layers_of_a_multimodal_model_are_found_and_it_is_split_there():
    text = {"num_hidden_layers": 3, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
    text |= {"head_dim": 8, "vocab_size": 64}
    vision = {"num_hidden_layers": 3, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    vision |= {"image_size": 28, "patch_size": 14, "vision_use_head": False}
    config = AutoConfig.for_model("gemma3", text_config=text, vision_config=vision, mm_tokens_per_image=4)
    torch.manual_seed(0)
    policy = policy_of(
        AutoModelForCausalLM.from_config(config).eval(), r"model.language_model\.layers\.(1|2)\.mlp\.down_proj\.weight"
    )
    assert hasattr(policy.layers[0], "pre_feedforward_layernorm")
    assert (policy.first, policy.unsplittable) == (1, "")
