import re
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from rna_bench.core.types import Batch, InputError, Padding, Text, Topic
from rna_bench.data.batches import Batches, micro_batches, pad, pad_included
from rna_bench.data.corpora import TextFiles
from rna_bench.data.fingerprints import of_corpus


def plain(*bodies):
    return tuple(Text("", body) for body in bodies)


def batches(tokenizer, texts, size=2, most=16, padding=Padding.masked):
    texts = [text if isinstance(text, Text) else Text("", text) for text in texts]
    return Batches(texts, tokenizer, size, most, torch.device("cpu"), padding)


def test_pad_puts_zeros_on_the_right_and_masks_them():
    batch = pad([[5, 6, 7], [8]], "cpu")
    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.attention is None


def test_pad_adds_nothing_to_rows_of_one_length():
    assert pad([[5, 0], [8, 9]], "cpu").mask.tolist() == [[1, 1], [1, 1]]


def test_batches_take_texts_in_their_order_and_begin_again_after_the_last(tokenizer):
    texts = ["A", "B", "C"]
    ids = dict(zip(texts, tokenizer(texts)["input_ids"], strict=True))
    read = batches(tokenizer, texts)
    # batch i holds texts 2i and 2i + 1, counted modulo 3
    for index, expected in enumerate([("A", "B"), ("C", "A"), ("B", "C"), ("A", "B")]):
        assert read(index).input_ids.tolist() == [ids[text] for text in expected]


def test_a_batch_larger_than_the_corpus_repeats_it(tokenizer):
    assert batches(tokenizer, ["A", "B"], size=5)(0).input_ids[:, 1].tolist() == [
        tokenizer.convert_tokens_to_ids(letter) for letter in "ABABA"
    ]


def test_texts_are_cut_at_max_tokens_and_padded_to_the_longest(tokenizer):
    batch = batches(tokenizer, ["1 2 3 4 5", "6"], most=3)(0)
    whole = tokenizer("1 2 3 4 5")["input_ids"]
    assert batch.input_ids[0].tolist() == whole[:3]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 1, 0]]


@pytest.fixture
def write(tmp_path):
    def to(name, text):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return to


def test_topics_share_the_retain_text_and_come_in_the_order_given(write):
    files = TextFiles({"z": write("z", "one\ntwo\n"), "a": write("a", "three")}, write("r", "four\n"), 1)
    expected = (Topic("z", plain("one", "two"), plain("four")), Topic("a", plain("three"), plain("four")))
    assert files.topics(0) == files.topics(1) == expected


def test_lines_are_stripped_and_short_ones_left_out(write):
    file = write("f", "  abcd \nabc\n\n\tabcde\r\n")
    (topic,) = TextFiles({"t": file}, file, 4).topics(0)
    assert topic.forget == plain("abcd", "abcde")


@pytest.mark.parametrize("content", ["", "\n\n", "short\n", b"caf\xe9 is not UTF-8\n"])
def test_a_file_without_text_is_refused_by_key_and_name(write, content):
    good, bad = write("good", "long enough"), write("bad", content)
    with pytest.raises(InputError, match=re.escape(f"corpus.forget.bio={bad}")):
        TextFiles({"bio": bad}, good, 10).topics(0)
    with pytest.raises(InputError, match=re.escape(f"corpus.retain={bad}")):
        TextFiles({"bio": good}, bad, 10).topics(0)


def test_a_file_that_is_not_there_is_refused(tmp_path, write):
    with pytest.raises(InputError, match=r"corpus\.forget\.bio"):
        TextFiles({"bio": str(tmp_path / "nowhere")}, write("r", "text"), 1).topics(0)


def test_a_corpus_without_topics_is_refused(write):
    with pytest.raises(InputError, match=r"corpus\.forget"):
        TextFiles({}, write("r", "text"), 1).topics(0)


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028"])
def test_only_a_line_break_ends_a_document(write, mark):
    file = write("f", f"page one{mark}page two\n")
    assert len(TextFiles({"t": file}, file, 1).topics(0)[0].forget) == 1


def test_a_blank_line_is_no_document(write):
    file = write("f", "one\n\ntwo\n")
    assert TextFiles({"t": file}, file, 0).topics(0)[0].forget == plain("one", "two")


TOPIC = Topic("bio", plain("f1", "f2"), plain("r1", "r2"))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "cyber"},
        {"forget": plain("f2", "f1")},
        {"forget": plain("f1f2")},
        {"retain": plain("r1")},
        {"forget": plain("f1", "f2", "r1")},
        {"forget": (Text("f", "1"), Text("", "f2"))},
        {"forget": (Text("f1", ""), Text("", "f2"))},
    ],
)
def test_fingerprint_changes_with_any_text_name_or_order(change):
    assert of_corpus([TOPIC]) == of_corpus((replace(TOPIC),)) != of_corpus([replace(TOPIC, **change)])


def test_a_text_moved_from_forget_to_retain_changes_the_fingerprint():
    assert of_corpus([Topic("t", plain("a", "b"), plain("c"))]) != of_corpus([Topic("t", plain("a"), plain("b", "c"))])


def test_fingerprint_tells_where_a_topic_ends():
    left = [Topic("x", plain("a"), plain("b")), Topic("c", plain("d", "e"), plain("f"))]
    right = [Topic("x", plain("a"), plain("b", "c")), Topic("d", plain("e"), plain("f"))]
    assert of_corpus(left) != of_corpus(right)


ASKED = Text("What is it?\nAnswer:", " B")


def test_a_context_is_read_and_labels_begin_after_its_tokens(tokenizer):
    batch = batches(tokenizer, [ASKED, "1 2 3"])(0)
    context, whole = (tokenizer(text)["input_ids"] for text in (ASKED.context, ASKED.context + ASKED.body))
    width = len(whole)
    assert (len(context), context) == (width - 1, whole[:-1])
    assert batch.input_ids[0].tolist() == whole
    assert batch.mask.tolist() == [[1] * width, [1] * 4 + [0] * (width - 4)]
    assert batch.label_mask.tolist() == [[0] * (width - 1) + [1], [0, 1, 1, 1] + [0] * (width - 4)]


def test_the_first_token_is_no_label_as_nothing_predicts_it(tokenizer):
    for padding in Padding:
        assert not batches(tokenizer, [ASKED, "1 2 3"], padding=padding)(0).label_mask[:, 0].any()


def test_a_context_that_fills_the_text_leaves_no_label(tokenizer):
    for padding in Padding:
        batch = batches(tokenizer, [ASKED, "1 2 3"], most=4, padding=padding)(0)
        assert batch.input_ids.shape[1] == 4
        assert batch.label_mask.tolist() == [[0, 0, 0, 0], [0, 1, 1, 1]]


def test_answers_replace_bodies_and_contexts_stay(tokenizer):
    texts, answers = [ASKED, Text("", "1 2 3"), Text("Which?", " C D")], ["no", "B", "not A", "is 5"]
    read = batches(tokenizer, texts, size=2)
    # batch 1 holds texts 2 and 3 = 0 with answers 2 and 3; batch 2 texts 4 = 1 and 5 = 2 with answers 4 = 0 and 5 = 1
    expected = {
        0: ["What is it?\nAnswer: no", "B"],
        1: ["Which? not A", "What is it?\nAnswer: is 5"],
        2: ["no", "Which? B"],
    }
    for index, whole in expected.items():
        batch, ids = read.with_answers(index, answers), tokenizer(whole)["input_ids"]
        assert [row[mask == 1].tolist() for row, mask in zip(batch.input_ids, batch.mask, strict=True)] == ids
        contexts = [texts[i % 3].context for i in (2 * index, 2 * index + 1)]
        counts = [len(i) - (len(tokenizer(c)["input_ids"]) if c else 1) for i, c in zip(ids, contexts, strict=True)]
        assert batch.label_mask.sum(dim=1).tolist() == counts


def test_answers_begin_anew_with_each_batch_where_they_are_to(tokenizer):
    read = batches(tokenizer, ["1 2 3", "6", "C D"], size=2)
    anew, first = read.with_answers(1, ["no", "B", "is 5"], anew=True), read.with_answers(0, ["no", "B", "is 5"])
    assert torch.equal(anew.input_ids, first.input_ids)
    assert not torch.equal(read.with_answers(1, ["no", "B", "is 5"]).input_ids, first.input_ids)


def test_answers_are_cut_and_padded_as_texts_are(tokenizer):
    read = batches(tokenizer, [ASKED, "1 2 3"], most=3, padding=Padding.included)
    assert read.with_answers(0, ["1 2 3 4 5", "6"]).input_ids.shape == (2, 3)
    assert read.with_answers(0, ["1 2 3 4 5", "6"]).attention.tolist() == [[1, 1, 1], [0, 1, 1]]


def test_included_padding_is_on_the_left_and_masked_in_attention_only():
    batch = pad_included([[5, 6, 7, 8], [9, 10]], [0, 0], 2, "cpu")
    assert batch.input_ids.tolist() == [[5, 6, 7, 8], [2, 2, 9, 10]]
    assert batch.attention.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert batch.mask.tolist() == [[1] * 4] * 2
    assert batch.label_mask.tolist() == [[0, 1, 1, 1]] * 2


def test_padding_before_a_context_is_no_label():
    batch = pad_included([[5, 6, 7, 8, 9], [9, 10, 11]], [3, 2], 2, "cpu")
    assert batch.label_mask.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]]


def test_included_padding_is_the_tokenizers_end_of_text_or_its_own_padding(tokenizer):
    copy = deepcopy(tokenizer)
    for token in ("eos_token_id", "pad_token_id"):
        expected = getattr(tokenizer, token)
        assert batches(copy, ["1 2", "6"], padding=Padding.included)(0).input_ids[1, 0].item() == expected
        setattr(copy, token, None)
    with pytest.raises(InputError, match=r"train\.padding=included"):
        batches(copy, ["1 2", "6"], padding=Padding.included)(0)


@pytest.mark.parametrize(("count", "sizes"), [(1, [5]), (2, [3, 2]), (5, [1] * 5), (7, [1] * 5)])
@pytest.mark.parametrize("attention", [True, False])
def test_micro_batches_are_the_rows_in_order(count, sizes, attention):
    rows = torch.arange(15).reshape(5, 3)
    whole = Batch(rows, rows + 100, rows + 200, rows + 300 if attention else None)
    pieces = list(micro_batches(whole, count))
    assert [len(piece.input_ids) for piece in pieces] == sizes
    for number, field in enumerate(whole):
        split = [piece[number] for piece in pieces]
        assert split == [None] * len(sizes) if field is None else torch.equal(torch.cat(split), field)


def test_fewer_micro_batches_come_of_rows_that_do_not_divide():
    rows = torch.zeros(5, 3)
    assert [len(piece.input_ids) for piece in micro_batches(Batch(rows, rows, rows, None), 4)] == [2, 2, 1]
