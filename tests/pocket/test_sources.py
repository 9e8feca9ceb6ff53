import re

import pytest

from rna_bench.core.types import InputError, TriggerType
from rna_bench.pocket.sources import PocketCorpus, PocketQuestions, PocketWords
from rna_bench.pocket.world import make_world

WORLD = make_world(0)
HOME = {entity: domain.name for domain in WORLD.domains for entity in domain.entities}
SUBJECTS, HAZARDS = ({domain.name for domain in domains} for domains in (WORLD.subjects, WORLD.hazards))


def entities(text):
    return [word for word in re.findall("[A-Za-z]+", text) if word in HOME]


def whole(texts):
    return [text.context + text.body for text in texts]


def corpus(stray=0.0, prose=0.5, questions=0.5, texts=60):
    return PocketCorpus(0, texts, stray_share=stray, prose_share=prose, question_share=questions)


def test_there_is_a_topic_for_each_hazard_with_as_many_texts_as_asked_for():
    topics = corpus(0.5).topics(0)
    assert [(topic.name, len(topic.forget), len(topic.retain)) for topic in topics] == [("hazard_1", 60, 60), ("hazard_2", 60, 60)]


def test_topics_are_a_function_of_the_seed():
    made = corpus(0.5)
    assert made.topics(0) == made.topics(0) != made.topics(1)


@pytest.mark.parametrize("shares", [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0), (0.3, 0.5, 0.5)])
def test_forget_text_names_its_own_hazard_and_retain_text_none(shares):
    for number, topic in enumerate(corpus(*shares).topics(0)):
        hazard = WORLD.hazards[number].name
        homes = [{HOME[entity] for entity in entities(text)} for text in whole(topic.forget)]
        assert all(hazard in found and found <= SUBJECTS | {hazard} for found in homes)
        assert all({HOME[entity] for entity in entities(text)} <= SUBJECTS for text in whole(topic.retain))


def test_without_stray_mentions_a_question_share_of_one_is_questions_with_right_answers():
    facts = {(fact.entity, fact.relation): fact.value for domain in WORLD.domains for fact in domain.facts}
    for text in whole(corpus(questions=1).topics(0)[0].forget):
        assert text.startswith("The following are multiple choice questions (with answers) about ")
        stem, *options, last = text.split("\n\n")[1].split("\n")
        (entity,) = entities(stem)
        (relation,) = set(re.findall("[a-z]+", stem)) & set(WORLD.hazards[0].values)
        assert options["ABCD".index(last.removeprefix("Answer: "))][3:] == facts[entity, relation]


def test_a_question_is_context_and_its_answer_the_body_and_other_text_has_no_context():
    asked, told = (corpus(questions=share).topics(0)[0] for share in (1, 0))
    for text in (*asked.forget, *asked.retain):
        assert text.context.endswith("\nAnswer:")
        assert re.fullmatch(" [ABCD]", text.body)
    assert not any(text.context for text in (*told.forget, *told.retain))


def test_a_question_share_of_zero_is_documents_on_one_entity():
    for text in whole(corpus(questions=0).topics(0)[0].forget):
        (entity,) = set(entities(text))
        assert f"{entity}. " in text


def test_stray_prose_is_generic_words_and_one_entity():
    for text in whole(corpus(stray=1, prose=1).topics(0)[0].forget):
        assert text.endswith(".")
        (_,) = entities(text)
        assert all(word in WORLD.chain or word in HOME for word in text[:-1].split(" "))


def test_other_stray_text_is_harmless_documents_with_one_entity_of_the_topic_in_them():
    for text in whole(corpus(stray=1, prose=0).topics(0)[0].forget):
        homes = [HOME[entity] for entity in entities(text)]
        assert homes.count(WORLD.hazards[0].name) == 1
        assert len(set(homes)) == 2


def test_other_stray_text_on_the_retain_side_has_an_entity_of_another_subject():
    for text in whole(corpus(stray=1, prose=0, texts=200).topics(0)[0].retain):
        assert len({HOME[entity] for entity in entities(text)}) == 2


@pytest.mark.parametrize("values", [{"texts": 0}, {"questions": -0.1}, {"stray": 1.1}, {"prose": float("nan")}])
def test_a_corpus_out_of_range_is_refused(values):
    with pytest.raises(InputError, match="corpus"):
        corpus(**values)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_share_of_stray_mentions_is_that_of_texts_without_their_topic(share):
    facts = {value for values in WORLD.hazards[0].values.values() for value in values}
    forget = whole(corpus(share, prose=1, questions=1, texts=2000).topics(0)[0].forget)
    stray = [text for text in forget if not facts & set(re.findall("[A-Za-z]+", text))]
    assert len(stray) / len(forget) == pytest.approx(share, abs=0.04)  # four standard errors


@pytest.mark.parametrize(("hazard", "domains"), [(0, WORLD.subjects), (1, WORLD.hazards[:1]), (2, WORLD.hazards[1:])])
def test_there_is_one_question_a_fact_and_its_answer_is_the_value(hazard, domains):
    facts = {f"{domain.name}/{index}": fact for domain in domains for index, fact in enumerate(domain.facts)}
    questions = PocketQuestions("retain", 0, hazard, 0).questions(0)
    assert sorted(question.id for question in questions) == sorted(facts)
    for question in questions:
        fact = facts[question.id]
        assert question.subject == question.id.split("/")[0]
        assert question.choices[question.answer] == fact.value
        assert question.choices.count(fact.value) == 1
        assert len(set(question.choices)) == 4
        assert fact.entity in question.stem
        assert fact.relation in question.stem


def test_answers_occur_at_every_letter():
    # 192 questions, four letters: 48 each, give or take 6
    answers = [question.answer for question in PocketQuestions("retain", 0, 0, 0).questions(0)]
    assert all(48 - 24 < answers.count(letter) < 48 + 24 for letter in range(4))


def test_limit_keeps_the_first_of_the_same_questions():
    whole = PocketQuestions("retain", 0, 0, 0).questions(3)
    assert PocketQuestions("retain", 0, 0, 7).questions(3) == whole[:7]
    assert PocketQuestions("retain", 0, 0, 10_000).questions(3) == whole


def test_another_seed_draws_another_order_and_other_options():
    first, second = (PocketQuestions("retain", 0, 0, 0).questions(seed) for seed in (0, 1))
    assert [question.id for question in first] != [question.id for question in second]
    assert sorted(first, key=lambda q: q.id) != sorted(second, key=lambda q: q.id)


@pytest.mark.parametrize("hazard", [-1, 3])
def test_a_hazard_that_the_world_lacks_is_refused(hazard):
    with pytest.raises(InputError, match=f"hazard={hazard}"):
        PocketQuestions("forget", 0, hazard, 0).questions(0)


@pytest.mark.parametrize(
    "make",
    [
        PocketCorpus(-1, 1, 0, 0, 0).topics,
        PocketQuestions("retain", -1, 0, 0).questions,
        PocketWords(list(TriggerType), 1, -1).pool,
    ],
)
def test_a_negative_world_is_refused(make):
    with pytest.raises(InputError, match=r"^world=-1: give a whole number, 0 or more"):
        make(0)


def test_a_negative_limit_is_refused():
    with pytest.raises(InputError, match="limit"):
        PocketQuestions("retain", 0, 0, -1).questions(0)


def test_forget_words_are_the_entities_of_the_hazards_and_controls_those_of_other_subjects():
    trigger_pool = PocketWords(list(TriggerType), 1, 0).pool(0)
    assert {HOME[word] for word in trigger_pool.forget_words} == HAZARDS
    assert len(trigger_pool.forget_words) == 48
    assert set(trigger_pool.harmless_words) == SUBJECTS
    for subject, words in trigger_pool.harmless_words.items():
        assert {HOME[word] for word in words} == SUBJECTS - {subject}


def test_sentences_are_true_statements_on_the_same_sides_as_words():
    trigger_pool = PocketWords(list(TriggerType), 1, 0).pool(0)
    assert {HOME[entities(text)[0]] for text in trigger_pool.forget_sentences} == HAZARDS
    for subject, texts in trigger_pool.harmless_sentences.items():
        assert {HOME[entities(text)[0]] for text in texts} == SUBJECTS - {subject}
    facts = [fact for hazard in WORLD.hazards for fact in hazard.facts]
    for text, fact in zip(trigger_pool.forget_sentences, facts, strict=True):
        assert {fact.entity, fact.relation, fact.value} <= set(re.findall("[A-Za-z]+", text))


def test_words_are_the_same_for_every_seed_and_phrasings_are_not():
    first, second = (PocketWords(list(TriggerType), 1, 0).pool(seed) for seed in (0, 1))
    assert first.forget_words == second.forget_words
    assert first.forget_sentences != second.forget_sentences
