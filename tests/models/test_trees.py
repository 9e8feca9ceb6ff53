"""Prompts that share a prefix get the same log-likelihoods as when run separately."""

from copy import deepcopy
from random import Random

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, MistralConfig

from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.evaluation.scoring import MIN_PREFIX, bundles, evaluate, sharing_problem
from rna_bench.models import trees
from rna_bench.models.trees import build_tree, build_trees, common_prefix
from tests.builders.models import CONFIGS, MIXED, SIZES, WINDOW

WIDE = SIZES | {"max_position_embeddings": 256}


def made(config):
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config).eval()


def eval_set(subjects=2, questions=3, prefix=MIN_PREFIX + 6, cut=False):
    """Questions of two subjects, each under perturbations that share a stem; a subject's begin with `prefix` tokens in common."""
    random = Random(5)
    items = []
    for subject in range(subjects):
        head = [random.randrange(3, 61) for _ in range(prefix)]
        for question in range(questions):
            stem = [random.randrange(3, 61) for _ in range(6 + question)]
            tails = [[random.randrange(3, 61) for _ in range(3 + perturbation)] for perturbation in range(3)]
            rows = [[*head, *stem, *tail] for tail in tails] + [[*head, 9, *stem, *tails[0]]]
            for perturbation, row in enumerate(rows):
                items.append(Request("t", "retain", str(subject), f"{subject}/{question}", str(perturbation), tuple(row), 0, cut))
    return EvalSet(tuple(items), (3, 7, 11, 60))


def test_a_tree_has_each_shared_token_once_in_the_order_of_a_walk():
    # 5 6 7, 5 6 8 9 and 5 1: the walk takes the smallest ids first
    tree = build_tree([(10, [5, 6, 8, 9]), (11, [5, 1]), (12, [5, 6, 7])])
    assert tree.ids == [5, 1, 6, 7, 8, 9]
    assert tree.depth == [0, 1, 1, 2, 2, 3]
    assert tree.ends == [5, 1, 5, 3, 5, 5]
    assert tree.leaves == [(11, 1), (12, 3), (10, 5)]
    assert tree.branched


def test_one_prompt_or_one_within_another_is_no_branch():
    assert not build_tree([(0, [4, 5])]).branched
    tree = build_tree([(0, [4, 5, 6]), (1, [4, 5]), (2, [4, 5, 6])])
    assert (tree.ids, tree.leaves, tree.branched) == ([4, 5, 6], [(1, 1), (0, 2), (2, 2)], False)


def test_a_token_attends_to_its_own_prompt_alone():
    rows = [(0, [5, 6, 8, 9]), (1, [5, 1]), (2, [5, 6, 7])]
    tree = build_tree(rows)
    model = made(CONFIGS["llama"])
    seen = trees._attention([tree], 2, model)[0, 0] == 0
    assert seen[:, :2].all()  # the prefix is seen by all
    own = dict(rows)
    for number, leaf in tree.leaves:
        assert [tree.ids[i] for i in range(len(tree.ids)) if seen[leaf, 2 + i]] == own[number]


def test_what_shares_less_than_half_stands_in_a_tree_of_its_own():
    grown = build_trees([(0, [1, 2, 3, 4]), (1, [1, 2, 3, 5]), (2, [1, 9, 9, 9])], 100)
    assert [sorted(number for number, _ in tree.leaves) for tree in grown] == [[0, 1], [2]]
    assert common_prefix([1, 2, 3], [1, 2]) == 2
    assert common_prefix([], [1]) == 0


@pytest.mark.parametrize("architecture", CONFIGS)
def test_sharing_gives_what_each_prompt_alone_gives(architecture):
    """Few-shot prefixes in a cache, stems in trees, and what is longer than a sliding window alone."""
    config = deepcopy(CONFIGS[architecture])
    text = config.get_text_config()
    text.max_position_embeddings = 256
    model, asked = made(config), eval_set()
    windowed = bool(text.to_dict().get("sliding_window"))
    assert sharing_problem(model) == ("its sliding window has 6 tokens" if windowed else "")
    for budget in (1, 300, 10**6):
        for found, wanted in zip(evaluate(asked, model, budget), evaluate(asked, model, budget, sharing=False), strict=True):
            assert found.logps == pytest.approx(wanted.logps, abs=1e-4)
            assert (found.question, found.perturbation, found.subject) == (wanted.question, wanted.perturbation, wanted.subject)


@pytest.mark.parametrize(
    "config",
    [MistralConfig(**WIDE, sliding_window=200), Gemma3TextConfig(**WIDE, head_dim=8, sliding_window=200, layer_types=MIXED)],
)
def test_a_window_wider_than_the_prompts_does_not_hinder_sharing(config):
    model, asked = made(config), eval_set()
    assert len(bundles(asked.requests, 200, 10**6)) == 2
    for found, wanted in zip(evaluate(asked, model, 300), evaluate(asked, model, 300, sharing=False), strict=True):
        assert found.logps == pytest.approx(wanted.logps, abs=1e-4)


def test_a_prompt_longer_than_the_window_or_cut_stands_alone():
    for grown in (bundles(eval_set().requests, WINDOW["sliding_window"], 10**6), bundles(eval_set(cut=True).requests, None, 10**6)):
        (bundle,) = grown
        assert len(bundle.prefix) == 0
        assert not any(tree.branched for tree in bundle.trees)


def test_a_common_prefix_is_cached_from_a_minimal_length_and_run_once():
    short, long = (bundles(eval_set(prefix=length).requests, None, 10**6) for length in (MIN_PREFIX - 10, MIN_PREFIX))
    assert [len(bundle.prefix) for bundle in short] == [0]
    assert [len(bundle.prefix) >= MIN_PREFIX for bundle in long] == [True, True]
    model, widths = made(CONFIGS["llama"]), []
    model.get_decoder().register_forward_pre_hook(lambda _, __, given: widths.append(given["input_ids"].shape[1]), with_kwargs=True)
    evaluate(eval_set(prefix=MIN_PREFIX), model, 10**6)
    assert sum(width >= MIN_PREFIX for width in widths) == 2  # each subject's, once


def test_a_model_that_ignores_our_mask_is_reported(monkeypatch):
    model = made(CONFIGS["llama"])
    monkeypatch.setattr(
        trees, "_attention", lambda grown, start, model: torch.zeros(1, 1, len(grown[0].ids), start + len(grown[0].ids))
    )
    assert sharing_problem(model) == "prompts that share a prefix get different log-likelihoods than when run separately"
    monkeypatch.setattr(trees, "prefix_cache", lambda *_: (_ for _ in ()).throw(TypeError("no cache")))
    assert "fails (TypeError: no cache)" in sharing_problem(model)


def test_scoring_leaves_training_flags_as_they_were():
    model = made(CONFIGS["llama"])
    model.base_model.layers[2].training = True
    evaluate(eval_set(), model, 300)
    assert [module for module in model.modules() if module.training] == [model.base_model.layers[2]]


def test_bf16_counts_few_predictions_that_batches_change():
    """In bf16 sums in another order round otherwise: predictions may differ, and are few."""
    model, asked = made(CONFIGS["llama"]).to(torch.bfloat16), eval_set(questions=20)
    one, other = (evaluate(asked, model, budget) for budget in (1, 10**6))
    differing = sum(a.logps.index(max(a.logps)) != b.logps.index(max(b.logps)) for a, b in zip(one, other, strict=True))
    assert differing <= len(one) // 20
