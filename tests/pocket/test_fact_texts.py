from random import Random

from rna_bench.data.facts import FactSource, texts_about, together
from rna_bench.data.questions import QuestionFiles
from rna_bench.pocket.sources import PocketQuestions
from rna_bench.pocket.world import make_world

SOURCE = PocketQuestions("forget", 0, 1, 0)


def facts_of(questions):
    hazard = make_world(0).hazards[0]
    return [hazard.facts[int(question.id.split("/")[1])] for question in questions]


def test_texts_are_about_the_chosen_facts_and_state_no_other():
    questions = SOURCE.questions(3)
    chosen, others = questions[:12], questions[12:]
    texts = SOURCE.fact_texts(chosen, 300, Random(0))
    assert len(texts.questions) == len(texts.documents) == 300
    asked = {(fact.entity, fact.relation): fact for fact in facts_of(chosen)}
    seen = set()
    for text in texts.questions:
        options = dict(line.split(". ", 1) for line in text.context.splitlines() if line[1:3] == ". ")
        (fact,) = (one for key, one in asked.items() if all(f" {word}" in f" {text.context}" for word in key))
        assert options[text.body.strip()] == fact.value
        seen.add(fact)
    assert seen == set(asked.values())
    for text, name in zip(texts.questions, texts.facts, strict=True):
        domain, entity, relation = name.split("/")
        assert domain == make_world(0).hazards[0].name
        assert all(f" {word}" in f" {text.context}" for word in (entity, relation))
    for text in texts.documents:
        sentences = [f" {sentence.strip('?')} " for sentence in text.body.split(".")]
        stated = [fact for fact in facts_of(others) for s in sentences if f" {fact.entity} " in s and f" {fact.relation} " in s]
        assert not stated
    assert any(fact.value in text.body for text in texts.documents for fact in asked.values())


def test_the_same_random_numbers_give_the_same_texts():
    questions = SOURCE.questions(3)[:4]
    assert SOURCE.fact_texts(questions, 20, Random(1)) == SOURCE.fact_texts(questions, 20, Random(1))
    assert SOURCE.fact_texts(questions, 20, Random(1)) != SOURCE.fact_texts(questions, 20, Random(2))


def test_of_files_the_questions_themselves_are_the_text(tmp_path):
    (tmp_path / "law.csv").write_text("question,choice0,choice1,choice2,choice3,answer\nWhy?,a,b,c,d,2\nHow?,a,b,c,d,0\n")
    files = QuestionFiles("forget", str(tmp_path), 0)
    assert isinstance(SOURCE, FactSource)
    assert not isinstance(files, FactSource)
    texts = texts_about(files, files.questions(0)[:1], 100, Random(0), newlines=1)
    assert [text.body for text in texts.questions] == [" C"]
    assert "about law.\nWhy?" in texts.questions[0].context
    assert together([texts, texts]).questions == texts.questions * 2
    assert texts.documents == ()
    assert together([texts, texts]).facts == ("0/0", "1/0")
