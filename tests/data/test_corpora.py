import re
from dataclasses import replace

import pytest
import torch

from rna_bench.data.corpora import Batches, TextFiles, fingerprint, pad
from rna_bench.schema import InputError, Topic


def batches(tokenizer, texts, size=2, most=16):
    return Batches(texts, tokenizer, size, most, torch.device("cpu"))


def test_pad_puts_zeros_on_the_right_and_masks_them():
    batch = pad([[5, 6, 7], [8]], "cpu")
    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]


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
    expected = (Topic("z", ("one", "two"), ("four",)), Topic("a", ("three",), ("four",)))
    assert files.topics(0) == files.topics(1) == expected


def test_lines_are_stripped_and_short_ones_left_out(write):
    file = write("f", "  abcd \nabc\n\n\tabcde\r\n")
    (topic,) = TextFiles({"t": file}, file, 4).topics(0)
    assert topic.forget == ("abcd", "abcde")


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
    assert TextFiles({"t": file}, file, 0).topics(0)[0].forget == ("one", "two")


TOPIC = Topic("bio", ("f1", "f2"), ("r1", "r2"))


@pytest.mark.parametrize(
    "change",
    [{"name": "cyber"}, {"forget": ("f2", "f1")}, {"forget": ("f1f2",)}, {"retain": ("r1",)}, {"forget": ("f1", "f2", "r1")}],
)
def test_fingerprint_changes_with_any_text_name_or_order(change):
    assert fingerprint([TOPIC]) == fingerprint((replace(TOPIC),)) != fingerprint([replace(TOPIC, **change)])


def test_a_text_moved_from_forget_to_retain_changes_the_fingerprint():
    assert fingerprint([Topic("t", ("a", "b"), ("c",))]) != fingerprint([Topic("t", ("a",), ("b", "c"))])


def test_fingerprint_tells_where_a_topic_ends():
    left = [Topic("x", ("a",), ("b",)), Topic("c", ("d", "e"), ("f",))]
    right = [Topic("x", ("a",), ("b", "c")), Topic("d", ("e",), ("f",))]
    assert fingerprint(left) != fingerprint(right)
