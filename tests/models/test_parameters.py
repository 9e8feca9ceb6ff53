"""`train.parameters`: a regular expression, or a list of names with *."""

import re

import pytest

from rna_bench.core.types import InputError
from rna_bench.models.architecture import check_names, named_layers, parameters_text, tensor_pattern

NAMES = [f"model.layers.{i}.{name}.weight" for i in range(12) for name in ("mlp.up_proj", "mlp.down_proj", "self_attn.q_proj")]


def matched(parameters):
    pattern = tensor_pattern(parameters)
    return [name for name in NAMES if pattern.fullmatch(name)]


def test_a_list_of_names_matches_what_the_same_regular_expression_does():
    names = ["model.layers.1.mlp.*", "model.layers.2.mlp.down_proj.weight"]
    assert matched(names) == matched(r"model\.layers\.(1\.mlp\..*|2\.mlp\.down_proj\.weight)")
    assert matched(names) == [NAMES[3], NAMES[4], NAMES[7]]


def test_only_the_star_is_special_in_a_name_and_the_whole_name_must_match():
    assert matched(["model.layers.1*.mlp.up_proj.weight"]) == [NAMES[3], NAMES[30], NAMES[33]]  # 1, 10 and 11
    assert matched(["model?layers.1.mlp.*"]) == matched(["layers.1.mlp.*"]) == matched(["model.layers.[1].mlp.*"]) == []


def test_the_layers_that_a_list_spells_out_are_known_before_a_model_is_loaded():
    assert named_layers(["model.layers.1.mlp.*", "model.layers.12.mlp.down_proj.weight", "model.layers.*.norm"]) == [1, 12]


@pytest.mark.parametrize("wrong", [[], [""], [3], None, {"a": 1}, 7])
def test_anything_else_is_refused_with_the_key(wrong):
    with pytest.raises(InputError, match=re.escape("train.parameters=")):
        tensor_pattern(wrong)


def test_a_name_that_matches_nothing_is_named():
    with pytest.raises(InputError, match=r"1\.mpl\.down_proj\.weight matches no tensor of the model; one is called x"):
        check_names([NAMES[0], "model.layers.1.mpl.down_proj.weight"], NAMES, "x")
    check_names([NAMES[0]], NAMES, "x")


def test_it_is_shown_as_it_is_typed():
    assert parameters_text([NAMES[0], "*"]) == f"[{NAMES[0]},*]"
    assert parameters_text(r"model\..*") == r"model\..*"
