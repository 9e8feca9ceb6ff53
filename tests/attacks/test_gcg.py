"""GCG where the best suffix is known, its gradient against true losses, and what it leaves alone."""

from itertools import pairwise
from random import Random

import pytest
import torch

from rna_bench.attacks.gcg import GCG, Scored, SuffixSearch, ordinary_tokens, token_gradient
from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.core.types import InputError, Task, Text
from rna_bench.data.facts import FactTexts, solved
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.evaluation.scoring import evaluate
from rna_bench.evaluation.suffixes import solved_places, suffix_places
from rna_bench.models.loading import load_model
from rna_bench.pocket.sources import PocketQuestions, PocketWords

QUESTIONS = PocketQuestions("forget", 0, 1, 9).questions(0)
TEXT = AttackText(FactTexts(tuple(solved(one) for one in QUESTIONS[:6]), ()), FactTexts((), ()))


@pytest.fixture
def target(source):
    model, tokenizer = load_model(source)
    return Target(model, tokenizer, lambda some: evaluate(some, model, 8192))


@pytest.fixture
def eval_set(target):
    return make_eval_set([Task("t", "forget", QUESTIONS[6:])], (), PocketWords([], 1, 0).pool(0), target.tokenizer, 0, count=1)


def search(target, texts=TEXT.retaught.questions, **changes):
    plain = {"prompts": solved_places(texts, target.tokenizer), "allowed": ordinary_tokens(target), "top_k": 16, "candidates": 24}
    return SuffixSearch(target, **{**plain, "batch_size": 4, **changes})


def gcg(**changes):
    return GCG(
        **{"facts": 6, "prompts": 6, "tokens": 3, "steps": [0, 2, 4], "top_k": 16, "candidates": 24, "batch_size": 4, **changes}
    )


def true_loss(model, tokenizer, suffix, moved=0.0, texts=TEXT.retaught.questions):
    """The mean loss of the right letters, a prompt at a time; `moved` is added to the embeddings of the suffix."""
    total = 0.0
    for text in texts:
        stem, options = text.context.rsplit("\nA. ", 1)
        before, after = tokenizer(stem)["input_ids"], tokenizer(f"\nA. {options}")["input_ids"][1:]
        embeddings = model.get_input_embeddings()(torch.tensor([[*before, *suffix, *after]])).detach()
        embeddings[0, len(before) : len(before) + len(suffix)] += moved
        with torch.no_grad():
            logps = model(inputs_embeds=embeddings).logits[0, -1].log_softmax(-1)
        total -= logps[tokenizer(text.body)["input_ids"][-1]].item()
    return total / len(texts)


def test_the_loss_is_that_of_each_prompt_alone_with_the_suffix_after_its_stem(target):
    for suffix in ((), (7,), (7, 40, 7)):
        (scored,) = search(target).scored([suffix])
        assert scored.loss == pytest.approx(true_loss(target.model, target.tokenizer, suffix), rel=1e-4)


def test_the_gradient_is_the_slope_of_the_loss_towards_each_token(source):
    model, tokenizer = load_model(source)
    model.double()
    texts, suffix = TEXT.retaught.questions[:1], (7, 40)
    found = token_gradient(model, solved_places(texts, tokenizer), suffix, 4)
    assert found.shape == (2, len(tokenizer))
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(2))  # one prompt's, scaled to unit length
    slopes = torch.zeros(2, 60)
    for place in range(2):
        for token in range(60):
            step = torch.zeros(2, model.config.hidden_size, dtype=torch.double)
            step[place] = 1e-2 * model.get_input_embeddings().weight[token].detach()
            ahead, behind = (true_loss(model, tokenizer, suffix, sign * step, texts) for sign in (1, -1))
            slopes[place, token] = (ahead - behind) / 2e-2
    part = found[:, :60]
    torch.testing.assert_close(
        part / part.norm(dim=-1, keepdim=True), slopes / slopes.norm(dim=-1, keepdim=True), atol=1e-3, rtol=0
    )


def test_batches_of_prompts_make_no_difference_to_the_gradient(target):
    prompts = solved_places(TEXT.retaught.questions, target.tokenizer)
    one, all_at_once = (token_gradient(target.model, prompts, (7, 40), size) for size in (1, 6))
    torch.testing.assert_close(one, all_at_once, rtol=1e-3, atol=1e-4)


def test_the_best_of_all_suffixes_of_one_token_is_found(target):
    allowed = ordinary_tokens(target)[::25]
    losses = {token: true_loss(target.model, target.tokenizer, (token,)) for token in allowed.tolist()}
    best = search(target, allowed=allowed, top_k=99, candidates=300).improved(Scored((7,), 99.0), Random(0))
    assert best.suffix == (min(losses, key=lambda token: losses[token]),)
    assert best.loss == pytest.approx(min(losses.values()), rel=1e-4)


def test_at_the_end_no_other_token_in_any_place_is_better(target):
    allowed = ordinary_tokens(target)[::60]
    searching, random = search(target, allowed=allowed, top_k=99, candidates=100), Random(0)
    best = searching.first(2)
    for _ in range(8):
        best = searching.improved(best, random)
    swaps = [(token, best.suffix[1]) for token in allowed.tolist()] + [(best.suffix[0], token) for token in allowed.tolist()]
    assert best.loss <= min(true_loss(target.model, target.tokenizer, swap) for swap in swaps) + 1e-4


def test_candidates_have_one_favoured_token_elsewhere(target):
    searching, suffix = search(target, top_k=5), (7, 40, 7)
    slopes = token_gradient(target.model, searching.prompts, suffix, 4)
    drawn = searching.drawn(suffix, Random(0))
    assert 1 < len(drawn) <= 24
    for one in drawn:
        (place,) = (place for place in range(3) if one[place] != suffix[place])
        better = slopes[place, searching.allowed] < slopes[place, one[place]]
        assert one[place] in searching.allowed
        assert better.sum() < 5


def test_tokens_are_ordinary_ones(target):
    texts = target.tokenizer.convert_ids_to_tokens(ordinary_tokens(target).tolist())
    assert {"!", "A", "the"} <= set(texts)
    assert not {"<s>", "</s>", "<pad>", "<unk>", "\n", "\nA.", "\nAnswer:"} & set(texts)


def test_stages_keep_the_suffix_the_loss_never_rises_and_none_is_the_model_itself(target, eval_set):
    stages = [(stage, stage.readout(eval_set)) for stage in gcg(steps=[0, 1, 2, 4, 8]).stages(target, TEXT, Random(0))]
    assert [stage.budget for stage, _ in stages] == [0, 1, 2, 4, 8]
    assert stages[0][0].found == {}
    assert stages[0][1] == target.ask(eval_set)
    losses = [stage.found["loss"] for stage, _ in stages[1:]]
    assert all(later <= earlier for earlier, later in pairwise(losses))
    assert losses[-1] < losses[0]
    last, answers = stages[-1]
    suffix = tuple(last.found["suffix"])
    assert len(suffix) == 3
    assert last.found["loss"] == pytest.approx(true_loss(target.model, target.tokenizer, suffix), rel=1e-4)
    assert answers == target.ask(suffix_places(eval_set, target.tokenizer).with_suffix(suffix))
    again = list(gcg(steps=[8]).stages(target, TEXT, Random(0)))
    assert again[0].found == last.found


def test_a_suffix_stands_between_stem_and_options_and_an_empty_one_changes_nothing(target, eval_set):
    places = suffix_places(eval_set, target.tokenizer)
    assert places.with_suffix(()) == eval_set
    mark = target.tokenizer.convert_tokens_to_ids("!")
    for request, own in zip(places.with_suffix((mark, mark)).requests, eval_set.requests, strict=True):
        stem = own.parts.question.stem
        assert list(request.ids) == target.tokenizer(own.parts.text().replace(stem, f"{stem} ! !"))["input_ids"]
    cut = places.with_suffix((mark, mark), context=10)
    assert all(request.cut and len(request.ids) == 10 for request in cut.requests)


def test_bodies_that_are_no_letter_are_refused(target):
    with pytest.raises(InputError, match="bodies are a letter from A to D"):
        solved_places([Text(TEXT.retaught.questions[0].context, " yes")], target.tokenizer)


@pytest.mark.parametrize(
    "changes", [{"steps": []}, {"steps": [2, 1]}, {"steps": [-1]}, *({key: 0} for key in ("facts", "tokens", "top_k"))]
)
def test_bad_values_are_named(changes):
    (key,) = changes
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        gcg(**changes)
