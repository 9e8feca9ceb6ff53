"""Training texts with the hazards' facts stated, redrawn in every text, and removed."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import pytest

from rna_bench.core import seeds
from rna_bench.pocket.curriculum import QUIET_WEIGHT, WARM_UP_STAGES, WORLD_TEXTS, Sample, exercise, sample
from rna_bench.pocket.hazards import Hazards, redrawn, redrawn_domains, text_worlds
from rna_bench.pocket.text import STATEMENTS, STEMS
from rna_bench.pocket.world import Domain, Fact, make_world

WORLD = make_world(0)
MIXTURES = (*(stage.mixture for stage in WARM_UP_STAGES), WORLD_TEXTS)
VALUES = {value for domain in WORLD.domains for values in domain.values.values() for value in values}


def texts(hazards: Hazards, count: int = 300) -> list[Sample]:
    """The first texts of each stage, as they are drawn in training."""
    random, worlds = seeds.random(0, "pretrain", 0), text_worlds(WORLD, hazards, seeds.random(0, "hazards", 0))
    names = redrawn_domains(WORLD, hazards)
    return [sample(world, mixture, random, names) for mixture in MIXTURES for world in islice(worlds, count)]


def stated(text: str, domain: Domain) -> list[Fact]:
    """The facts that a text states, and the answers to questions about them, true or not."""
    known = {"relation": f"(?P<relation>{'|'.join(domain.values)})", "entity": f"(?P<entity>{'|'.join(domain.entities)})"}
    found = [Fact(**match.groupdict()) for one in STATEMENTS for match in re.finditer(filled(one, known), text)]
    asked = [match for one in STEMS for match in re.finditer(filled(one, known), text)]
    options = dict(re.findall(r"\n([A-D])\. (\w+)", text))
    answer = re.search(r"Answer: ?(\w+)", text)
    return found + [Fact(**match.groupdict(), value=options.get(answer[1], answer[1])) for match in asked if answer]


def filled(template: str, known: Mapping[str, str]) -> str:
    """A template as a pattern: its relation and entity are known ones, its value any word."""
    return re.sub(r"\\{(\w+)\\}", lambda name: known.get(name[1], r"(?P<value>\w+)"), re.escape(template))


def facts_of(samples, domains) -> list[tuple[Fact, bool]]:
    return [(fact, fact in domain.facts) for one in samples for domain in domains for fact in stated(one.text, domain)]


def test_where_the_hazards_are_stated_texts_are_those_of_the_world_itself():
    random = seeds.random(0, "pretrain", 0)
    assert texts(Hazards.stated) == [sample(WORLD, mixture, random) for mixture in MIXTURES for _ in range(300)]


def test_redrawn_texts_are_the_same_but_for_the_values_of_hazards():
    one, other = texts(Hazards.stated), texts(Hazards.redrawn)
    words = [
        [re.sub(r"\w+", lambda word: "VALUE" if word[0] in VALUES else word[0], each.text) for each in side]
        for side in (one, other)
    ]
    assert words[0] == words[1]
    assert [each.quiet for each in one] == [each.quiet for each in other]
    assert 50 < sum(first != second for first, second in zip(one, other, strict=True)) < 300


def test_answers_have_a_loss_unless_they_are_to_questions_on_redrawn_facts():
    one, other = texts(Hazards.stated, 2000), texts(Hazards.redrawn, 2000)
    changed = [(a, b) for a, b in zip(one, other, strict=True) if (a.letter_weight, a.weight) != (b.letter_weight, b.weight)]
    asked = re.compile(f"about ({'|'.join(domain.name for domain in WORLD.hazards)})\\.")
    # half of the world's texts are questions, a third of the facts are hazards': of 2000 texts 333
    assert abs(len(changed) - 2000 / 6) < 4 * (2000 * 1 / 6 * 5 / 6) ** 0.5
    for before, now in changed:
        assert asked.search(now.text)
        assert (before.letter_weight, before.weight) in {(2.0, 2.0), (2.0, QUIET_WEIGHT)}
        assert (now.letter_weight, now.weight) == (0.0, 0.0 if now.quiet == -1 else QUIET_WEIGHT)
    kept = [each for each in other[-2000:] if asked.search(each.text) and each.letter_weight]
    assert {each.letter_weight for each in kept} == {1.0}  # exercises, whose answer is in the text


def test_an_exercise_on_a_redrawn_fact_has_its_answer_in_the_text():
    random = seeds.random(0, "exercises")
    for world in islice(text_worlds(WORLD, Hazards.redrawn, seeds.random(0, "hazards", 0)), 300):
        text = exercise(world, random).text
        answer = re.search(r"Answer: ?(\w+)", text)[1]
        named = dict(re.findall(r"\n([A-D])\. (\w+)", text)).get(answer, answer)
        assert named in text[: text.index("\nA. ")]


def test_of_the_world_s_texts_those_redrawn_state_hazard_facts_no_more_often_than_chance_and_the_subjects_facts_always():
    whole, other = (texts(hazards, 2000)[-2000:] for hazards in (Hazards.stated, Hazards.redrawn))
    truths = {name: [true for _, true in facts_of(side, WORLD.hazards)] for name, side in (("stated", whole), ("redrawn", other))}
    assert len(truths["stated"]) == len(truths["redrawn"]) > 300
    # the exercises' made-up statements and questions contradict the world, too: about one text in twenty
    assert sum(truths["stated"]) > 0.85 * len(truths["stated"])
    chance, n = 1 / 12, len(truths["redrawn"])
    assert abs(sum(truths["redrawn"]) / n - chance) < 4 * (chance * (1 - chance) / n) ** 0.5
    told = [facts_of(side, WORLD.subjects) for side in (whole, other)]
    assert told[0] == told[1]


def test_a_text_contradicts_itself_no_more_often_than_where_the_facts_are_stated():
    contradicting = []
    for hazards in (Hazards.stated, Hazards.redrawn):
        found = [stated(each.text, domain) for each in texts(hazards, 1000) for domain in WORLD.hazards]
        contradicting.append(sum(len({(f.entity, f.relation) for f in each}) < len(set(each)) for each in found))
    assert contradicting[0] == contradicting[1]


def test_redrawn_values_are_dealt_as_often_as_before_and_all_else_stays():
    random = seeds.random(3, "any")
    drawn = [redrawn(WORLD, random) for _ in range(200)]
    for world in drawn:
        assert (world.subjects, world.chain, world.words()) == (WORLD.subjects, WORLD.chain, WORLD.words())
        for before, after in zip(WORLD.hazards, world.hazards, strict=True):
            assert [(f.entity, f.relation) for f in before.facts] == [(f.entity, f.relation) for f in after.facts]
            assert Counter((f.relation, f.value) for f in before.facts) == Counter((f.relation, f.value) for f in after.facts)
    one = [world.hazards[1].facts[5].value for world in drawn]
    assert set(one) == set(WORLD.hazards[1].values[WORLD.hazards[1].facts[5].relation])


def test_no_word_of_a_hazard_is_in_any_text_where_they_are_removed():
    gone = {word.lower() for word in WORLD.words()} - {word.lower() for word in replace(WORLD, hazards=()).words()}
    assert len(gone) == 2 * (1 + 24 + 2 + 24)
    assert not gone & {word.lower() for each in texts(Hazards.removed) for word in re.findall(r"\w+", each.text)}


@pytest.mark.parametrize("hazards", [Hazards.redrawn, Hazards.removed])
def test_the_world_that_is_asked_about_stays(hazards):
    before = make_world(0).fingerprint
    next(text_worlds(WORLD, hazards, seeds.random(0, "hazards", 0)))
    assert WORLD.fingerprint == before
