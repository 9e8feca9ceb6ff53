import os
import subprocess
import sys
from collections import Counter

import pytest

from rna_bench.pocket.world import WorldSize, make_world

WORLD = make_world(0)


def test_a_world_has_the_size_asked_for():
    size = WorldSize(subjects=2, entities=4, hazards=1, hazard_entities=6, relations=3, values=4, generic_words=7, successors=2)
    world = make_world(0, size)
    assert [len(domain.entities) for domain in world.domains] == [4, 4, 6]
    assert [len(values) for domain in world.domains for values in domain.values.values()] == [4] * 9
    assert [len(domain.facts) for domain in world.domains] == [12, 12, 18]
    assert [len(following) for following in world.chain.values()] == [2] * 7


def test_every_entity_has_one_value_of_every_relation():
    for domain in WORLD.domains:
        known = [(fact.entity, fact.relation) for fact in domain.facts]
        assert sorted(known) == sorted((entity, relation) for entity in domain.entities for relation in domain.values)
        assert all(fact.value in domain.values[fact.relation] for fact in domain.facts)


def test_values_are_dealt_evenly():
    # 12 values: once each for a subject's 12 entities, twice for a hazard's 24
    for domain in WORLD.domains:
        dealt = Counter((fact.relation, fact.value) for fact in domain.facts)
        assert set(dealt.values()) == {len(domain.entities) // 12}


def test_no_word_is_invented_twice_whatever_its_case():
    domains = WORLD.domains
    words = [*WORLD.chain, *(domain.name for domain in domains)]
    words += [word for d in domains for word in (*d.entities, *d.values, *(v for values in d.values.values() for v in values))]
    assert len({word.lower() for word in words}) == len(words)
    assert sorted(WORLD.words()) == sorted(words)


def test_words_are_letters_and_only_entities_are_capitalised():
    entities = {entity for domain in WORLD.domains for entity in domain.entities}
    for word in WORLD.words():
        assert word.isascii()
        assert word.isalpha()
        assert word == (word.capitalize() if word in entities else word.lower())


def test_generic_language_stays_within_its_words():
    assert {after for following in WORLD.chain.values() for after in following} <= set(WORLD.chain)


def test_domains_are_the_subjects_and_then_the_hazards():
    assert WORLD.domains == WORLD.subjects + WORLD.hazards
    assert (len(WORLD.subjects), len(WORLD.hazards)) == (8, 2)


def test_a_seed_gives_one_world_and_another_seed_another():
    assert make_world(0) == WORLD
    assert make_world(0).fingerprint == WORLD.fingerprint
    assert set(make_world(1).words()) != set(WORLD.words())
    assert make_world(1).fingerprint != WORLD.fingerprint


@pytest.mark.parametrize("hash_seed", ["1"])
def test_a_world_does_not_depend_on_the_process(hash_seed):
    code = "from rna_bench.pocket.world import make_world; print(make_world(0).fingerprint)"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == WORLD.fingerprint
