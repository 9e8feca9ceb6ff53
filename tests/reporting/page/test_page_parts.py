import base64
import math

import numpy
import pytest

from rna_bench.core.types import Response, StepLoss, TriggerType
from rna_bench.data.triggers import perturbations
from rna_bench.pocket.sources import PocketQuestions, PocketWords
from rna_bench.reporting.page.curves import POINTS, loss_curve
from rna_bench.reporting.page.pool import Pool, flat_text, rounded
from rna_bench.reporting.page.responses import ResponseReader, bits, order_json, subject_counts, thinned
from rna_bench.reporting.page.summary import MARKDOWN
from rna_bench.reporting.page.texts import TextSets, texts
from rna_bench.runs import record
from tests.builders.records import RIGHT, WRONG, make_record


def graded(tmp_path, given):
    record.write(
        tmp_path,
        make_record(1),
        [Response(task, "retain", name, perturbation, logps, 0, subject) for task, subject, name, perturbation, logps in given],
    )
    return ResponseReader().read(tmp_path)


SOME = [
    ("mmlu", "law", "law/2", "clean", RIGHT),
    ("mmlu", "law", "law/2", "option", WRONG),
    ("mmlu", "art", "art/1", "clean", WRONG),
    ("mmlu", "art", "art/1", "option", RIGHT),
    ("mmlu", "law", "law/1", "clean", RIGHT),
    ("wmdp", "bio", "bio/1", "clean", (math.nan, -2.0, -3.0, -4.0)),
]


def test_responses_are_ordered_by_perturbation_and_name_whatever_the_files_order(tmp_path):
    responses = graded(tmp_path / "a", SOME)
    assert responses.order.questions == (
        ("mmlu", "art", "art/1"),
        ("mmlu", "law", "law/1"),
        ("mmlu", "law", "law/2"),
        ("wmdp", "bio", "bio/1"),
    )
    assert responses.order.perturbations == (("clean", (0, 1, 2, 3)), ("option", (0, 2)))
    assert responses.right.tolist() == [False, True, True, False, True, False]
    again = graded(tmp_path / "b", sorted(SOME, key=lambda row: row[2]))
    assert (again.order, again.right.tolist()) == (responses.order, responses.right.tolist())


@pytest.mark.parametrize(
    "logps", [(-1.0, -1.0, -2.0, -3.0), (-2.0, -1.0, -1.0, -3.0), (0.0, math.inf, 0.0, 0.0), (0.0, 0.0, 0.0, -math.inf)]
)
def test_right_is_what_the_scores_call_right(tmp_path, logps):
    expected = Response("mmlu", "retain", "law/1", "clean", logps, 0).right
    assert graded(tmp_path, [("mmlu", "law", "law/1", "clean", logps)]).right.tolist() == [expected]


def test_subjects_are_counted_by_perturbation(tmp_path):
    # art, law, bio: asked 1, 2, 1 clean of which 0, 2, 0 right; with a trigger 1, 1, 0 of which 1, 0, 0
    assert subject_counts(graded(tmp_path, SOME)) == {"clean": [[1, 2, 1], [0, 2, 0]], "option": [[1, 1, 0], [1, 0, 0]]}


def test_bits_begin_in_the_highest_place():
    assert base64.b64decode(bits(numpy.array([1, 0, 0, 0, 0, 0, 1, 1, 1], dtype=bool))) == bytes([0b10000011, 0b10000000])


def test_an_order_is_written_in_groups_and_spans(tmp_path):
    assert order_json(graded(tmp_path, SOME).order) == {
        "groups": [["mmlu", "art", ["art/1"]], ["mmlu", "law", ["law/1", "law/2"]], ["wmdp", "bio", ["bio/1"]]],
        "perturbations": {"clean": [[0, 4]], "option": [[0, 1], [2, 1]]},
    }


def test_beyond_the_budget_one_question_in_k_stays_under_all_its_perturbations(tmp_path):
    responses = graded(tmp_path, SOME)
    assert thinned([responses, responses], 12) == (1, [responses, responses])
    every, (thin, _) = thinned([responses, responses], 11)  # 12 responses: every second question of art/1, law/1, law/2, bio/1
    assert every == 2
    assert [name for _, _, name in thin.order.questions] == ["art/1", "law/2"]
    assert thin.order.perturbations == (("clean", (0, 1)), ("option", (0, 1)))
    assert thin.right.tolist() == [False, True, True, False]


def test_files_without_subjects_take_them_from_the_questions_names(tmp_path):
    import pandas

    graded(tmp_path, SOME[:2])
    frame = pandas.read_parquet(tmp_path / record.QUESTIONS).drop(columns="subject")
    frame.to_parquet(tmp_path / record.QUESTIONS)
    assert ResponseReader().read(tmp_path).order.questions == (("mmlu", "law", "law/2"),)


def test_loss_curves_are_means_over_spans_and_stop_where_a_loss_did():
    losses = [StepLoss(step, "bio", float(step), None if step > 78 else 1.0) for step in range(2 * POINTS)]
    curve = loss_curve(losses)
    assert (curve["width"], len(curve["forget"])) == (2, POINTS)
    assert curve["forget"][:3] == [0.5, 2.5, 4.5]
    assert curve["retain"][-2:] == [1.0, None]
    assert loss_curve([]) == {}


POCKET = "rna_bench.pocket.sources"
DATASET = {
    "asked": {"_target_": f"{POCKET}.PocketQuestions", "role": "retain", "world": 1, "hazard": 0, "limit": 6},
    "files": {"_target_": "rna_bench.data.questions.QuestionFiles", "role": "retain", "path": "/here/secret.csv", "limit": 0},
}
WORDS = {"_target_": f"{POCKET}.PocketWords", "types": ["option", "before", "inside"], "count": 2, "world": 1}


def pocket(tmp_path, dataset, trigger, seed=3, shift=0):
    """Write and return a record of questions of the fictional world; with `shift`, its answers are not the world's."""
    run = make_record(seed, change={"dataset": dataset, "trigger": trigger})
    asked = PocketQuestions("retain", 1, 0, 6).questions(seed)
    rows = [Response("asked", "retain", q.id, "clean", RIGHT, (q.answer + shift) % 4, q.subject) for q in asked]
    rows += [Response("files", "retain", "secret/1", "clean", RIGHT, 0, "secret")]
    record.write(tmp_path, run, rows)
    return run, ResponseReader().read(tmp_path), asked


def test_texts_under_every_perturbation_are_those_that_were_asked(tmp_path):
    run, responses, asked = pocket(tmp_path, DATASET, WORDS)
    made_texts = dict(zip(responses.order.questions, texts(run, responses), strict=True))
    words = PocketWords([TriggerType.option, TriggerType.before, TriggerType.inside], 2, 1)
    for question in asked:
        clean, answer, changes = made_texts["asked", question.subject, question.id]
        assert answer == question.answer
        for perturbation, expected in perturbations(question, words.types, words.pool(3), 3, 2).items():
            start, removed, inserted = changes.get(perturbation, (0, 0, ""))
            assert clean[:start] + inserted + clean[start + removed :] == "\n".join((expected.stem, *expected.choices))


def test_questions_from_files_have_no_text_and_are_not_read(tmp_path):
    run, responses, _ = pocket(tmp_path, DATASET, WORDS)
    assert [
        text for question, text in zip(responses.order.questions, texts(run, responses), strict=True) if question[0] == "files"
    ] == [None]
    only = make_record(3, change={"dataset": {"files": DATASET["files"]}, "trigger": WORDS})
    assert TextSets().place(only, responses) is None


def test_words_of_other_sources_are_not_put_into_questions(tmp_path):
    named = {"_target_": "rna_bench.data.triggers.Words", "types": ["option"], "forget_words": ["SARS-CoV-2"]}
    run, responses, _ = pocket(tmp_path, DATASET, named)
    assert [text[2] for text in texts(run, responses) if text] == [{}] * 6


def test_there_is_no_text_where_what_is_made_is_not_what_was_asked(tmp_path):
    run, responses, _ = pocket(tmp_path, DATASET, WORDS, shift=1)
    assert texts(run, responses) is None


def test_a_pool_names_what_it_has_by_its_place():
    pool = Pool()
    assert [pool.place(item) for item in (["a", 1], ["b"], ["a", 1])] == [0, 1, 0]
    assert pool.items == [["a", 1], ["b"]]


def test_settings_are_flat_and_without_the_folders_of_a_machine():
    config = {
        "a": {"b": 1.0, "c": [0.9, 1]},
        "path": "/home/me/data.csv",
        "d": r"model\.layers",
        "e": None,
        "f": "x=/tmp/y/z k=~/q/r",
    }
    assert flat_text(config) == {
        "a.b": "1",
        "a.c": "0.9, 1",
        "path": "…/data.csv",
        "d": r"model\.layers",
        "e": "null",
        "f": "x=…/z k=…/r",
    }


def test_numbers_are_short_and_what_is_not_finite_is_null():
    assert [rounded(value) for value in (1234.56, 0.000123456, math.nan, math.inf, None)] == [1235.0, 0.0001235, None, None, None]


def test_markdown_makes_lists_bold_and_code_alone():
    html = MARKDOWN.render("- **a** `b` ![c](http://d) [e](f) <b>g</b> https://h.i")
    assert "<img" not in html
    assert "<a" not in html
    assert "<b>" not in html
    assert "<strong>a</strong> <code>b</code>" in html
