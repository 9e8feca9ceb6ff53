import string

import pytest
from transformers import AutoTokenizer

from rna_bench.core.types import TriggerType
from rna_bench.data.prompts import prompt, solved_prompt
from rna_bench.data.triggers import perturbations
from rna_bench.pocket.sources import PocketCorpus, PocketQuestions, PocketWords
from rna_bench.pocket.tokenizer import FRAME, make_tokenizer
from rna_bench.pocket.world import make_world

WORLD = make_world(0)

INSERTED = [one for one in TriggerType if one is not TriggerType.given]


def tokens(tokenizer, text):
    return tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])


def test_every_word_of_the_world_is_one_token(tokenizer):
    assert tokens(tokenizer, " ".join(WORLD.words())) == ["<s>", *WORLD.words()]


def test_the_fixed_parts_of_a_question_are_one_token_each(tokenizer):
    for part in FRAME:
        assert tokens(tokenizer, part) == ["<s>", part]


def test_a_prompt_in_tokens(tokenizer):
    question = PocketQuestions("retain", 0, 0, 1).questions(0)[0]
    found = tokens(tokenizer, prompt(question))
    a, b, c, d = question.choices
    options = ["\nA.", a, "\nB.", b, "\nC.", c, "\nD.", d, "\nAnswer:"]
    head = ["<s>", "The following are multiple choice questions (with answers) about", question.subject, ".", "\n\n"]
    assert found[:5] == head
    assert found[-9:] == options
    assert "<unk>" not in found


def test_an_answer_is_one_token_more_than_its_prompt(tokenizer):
    for question in PocketQuestions("retain", 0, 0, 20).questions(0):
        for asked in perturbations(question, INSERTED, PocketWords([], 1, 0).pool(0), 0).values():
            assert tokens(tokenizer, solved_prompt(asked)) == [*tokens(tokenizer, prompt(asked)), "ABCD"[asked.answer]]


def test_pocket_text_has_no_unknown_and_no_spelled_word(tokenizer):
    for topic in PocketCorpus(0, 50, 0.5, 0.5, 0.5).topics(0):
        for text in (*topic.forget, *topic.retain):
            assert not [
                token for token in tokens(tokenizer, text.context + text.body) if token == "<unk>" or token.startswith("##")
            ]


def test_other_words_are_spelled_out_and_numbers_go_digit_by_digit(tokenizer):
    assert tokens(tokenizer, "Qqzz 407") == ["<s>", "Q", "##q", "##z", "##z", "4", "0", "7"]


def test_printable_ascii_is_never_unknown(tokenizer):
    assert "<unk>" not in tokens(tokenizer, string.printable)


@pytest.mark.parametrize("text", ["ü", "日", "—", "²"])
def test_characters_outside_ascii_are_unknown(tokenizer, text):
    assert tokens(tokenizer, text) == ["<s>", "<unk>"]


def test_spaces_are_not_kept(tokenizer):
    assert tokens(tokenizer, "is   of\tthe ") == tokens(tokenizer, "is of the")


def test_a_text_begins_with_its_start_and_an_empty_one_is_nothing_else(tokenizer):
    assert tokens(tokenizer, "") == ["<s>"]


def test_ids_are_one_for_each_entry_and_special_ones_come_first(tokenizer):
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<s>", "</s>", "<unk>"]


def test_a_saved_tokenizer_reads_the_same(tokenizer, tiny):
    saved = AutoTokenizer.from_pretrained(tiny)
    texts = [prompt(question) for question in PocketQuestions("retain", 0, 0, 10).questions(0)]
    assert saved(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert (saved.pad_token, saved.bos_token, saved.eos_token, saved.unk_token) == ("<pad>", "<s>", "</s>", "<unk>")


def test_a_world_gives_one_vocabulary(tokenizer):
    assert make_tokenizer(make_world(0)).get_vocab() == tokenizer.get_vocab()
    assert make_tokenizer(make_world(1)).get_vocab() != tokenizer.get_vocab()
