"""What attacks recover, on the page: hidden where nothing was attacked."""

import json

import pytest

from rna_bench.core.types import Response
from rna_bench.evaluation.attack_scores import attack_scores
from rna_bench.reporting.page.build import page_html
from rna_bench.runs.attack_record import SCHEMA_VERSION, AttackRecord, AttackResponse, write_attack
from rna_bench.runs.collection import collect
from tests.builders.records import HOSTILE, RIGHT, WRONG, make_record, swept
from tests.reporting.page.test_page import Seen


def attack(folder, run, name, *stages, variant=""):
    """Write an attack on the run: of two facts it recovers so many at each budget."""
    responses = [
        AttackResponse(budget, variant, Response("bio", "forget", str(fact), "clean", RIGHT if fact < known else WRONG, 0))
        for budget, known in stages
        for fact in range(2)
    ]
    made = AttackRecord(SCHEMA_VERSION, run.identity, name, 1, {}, {}, attack_scores(name, responses), {}, {})
    write_attack(folder / "swept" / run.identity, made, responses)


@pytest.fixture
def page(tmp_path):
    runs = {"base": make_record(1, method="none"), "rmu": make_record(1)}
    swept(tmp_path, *runs.values())
    attack(tmp_path, runs["base"], "relearn", (0, 2), (4, 2))
    attack(tmp_path, runs["rmu"], "relearn", (0, 0), (4, 1))
    attack(tmp_path, runs["rmu"], "quantise", (0, 2), variant=HOSTILE)
    text, left_out = page_html(collect(tmp_path, deep=True))
    assert left_out == []
    return runs, text


def test_runs_have_a_column_for_each_attack_and_sweeps_a_table(page):
    runs, text = page
    seen = Seen(text)
    core = json.loads(seen.scripts["core"])
    assert [(column["title"], column["numeric"]) for column in core["columns"][-2:]] == [
        ("after quantise", True),
        ("after relearn", True),
    ]
    by_id = {row["id"]: row for row in core["runs"]}
    assert [by_id[runs["rmu"].identity][f"attack.{name}"] for name in ("relearn", "quantise")] == [50.0, 100.0]
    assert [by_id[runs["base"].identity][f"attack.{name}"] for name in ("relearn", "quantise")] == [100.0, None]
    assert "What attacks recover: 3 rows" in seen.words
    assert '<th scope="col">half-time</th>' in text
    assert '<th scope="col" title="accuracy on facts that the attack relearn never saw' in text  # without JavaScript, too
    assert HOSTILE not in text


def test_without_attacks_nothing_is_said_of_them(tmp_path):
    text, _ = page_html(collect(swept(tmp_path, make_record(1)), deep=True))
    assert "What attacks recover" not in text
    assert "attack." not in Seen(text).scripts["core"]


def test_a_damaged_record_of_an_attack_is_named(tmp_path):
    run = make_record(1)
    swept(tmp_path, run)
    attack(tmp_path, run, "relearn", (0, 0), (4, 1))
    (tmp_path / "swept" / run.identity / "attack-relearn.json").write_text("{}")
    _, (line,) = page_html(collect(tmp_path, deep=True))
    assert "attack-relearn.json" in line
