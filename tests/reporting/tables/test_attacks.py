import pytest

from rna_bench.reporting.statistics.attacks import AttackKey, Recovered, RecoveredRun
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.attacks import attacks_table
from rna_bench.reporting.tables.table import markdown
from tests.builders.records import gold, make_record

KEY = AttackKey("relearn", "{}", "")
FACTS = [("bio", str(number)) for number in range(8)]


def recovered(*shares):
    """Eight facts, of which these shares are known at budgets 0, 1 and 3."""
    return Recovered((0, 1, 3), {fact: tuple(float(n < 8 * share) for share in shares) for n, fact in enumerate(FACTS)})


RUNS = {
    "none": make_record(1, method="none"),
    "rmu": make_record(1),
    "retrained": gold(1),
    "retrained_no_words": gold(1, "removed"),
}
SHARES = {"none": (1, 1, 1), "rmu": (0.25, 0.5, 1), "retrained": (0.25, 0.25, 0.25), "retrained_no_words": (0, 0, 0)}


def rows(*names, shares=SHARES, but=()):
    """The rows of these runs, all attacked but for some."""
    attacked = {RUNS[name].identity: RecoveredRun({KEY: recovered(*shares[name])}, -1.5) for name in names if name not in but}
    table = attacks_table(grouped([RUNS[name] for name in names]), attacked)
    assert not names or markdown(table)
    return {row["method"]: row for row in table.rows}


def test_half_time_and_area_stand_beside_the_base():
    by_method = rows("none", "rmu")
    rmu, base = by_method["rmu"], by_method["none"]
    assert [rmu[f"after {n}"].mean for n in (0, 1, 3)] == [25.0, 50.0, 100.0]
    # over log2(1 + budget) = 0, 1, 2: (0.375 + 0.75) / 2
    assert rmu["area"].mean == pytest.approx(56.25)
    assert rmu["half-time"] == f"{2**1.25 - 1:.1f}"  # 62.5 is a quarter of the way from 50 to 100
    assert rmu["log-odds"].mean == -1.5
    assert base["area"].mean == 100.0
    assert base["half-time"] == ""


def test_without_a_base_all_facts_were_known_and_without_attacks_there_is_no_row():
    assert rows("rmu")["rmu"]["half-time"] == f"{2**1.25 - 1:.1f}"
    assert attacks_table(grouped(list(RUNS.values())), {}).rows == []


def test_seeds_are_those_that_were_attacked_and_what_the_attack_did_to_the_rest_stands_beside():
    runs = {seed: make_record(seed) for seed in (1, 2)}
    attacked = {runs[1].identity: RecoveredRun({KEY: Recovered((0, 1), {FACTS[0]: (0.0, 1.0)}, 0.25, 0.5)}, -1.5)}
    (row,) = attacks_table(grouped(list(runs.values())), attacked).rows
    assert row["seeds"].text == "1"
    assert (row["retaught"].mean, row["retain"].mean) == (25.0, 50.0)


def test_depth_is_between_the_base_and_the_gold_reference_that_knows_the_words():
    found = rows(*RUNS)
    assert set(found) == set(RUNS)
    # areas 56.25, 25 and 100
    assert found["rmu"]["depth"].value == pytest.approx(100 * (1 - (56.25 - 25) / 75))
    assert found["rmu"]["depth"].low < found["rmu"]["depth"].value < found["rmu"]["depth"].high
    assert found["none"]["depth"] == (0.0, 0.0, 0.0)
    assert found["retrained"]["depth"] == (100.0, 100.0, 100.0)
    assert found["retrained_no_words"]["depth"].value == pytest.approx(100 * (1 + 25 / 75))  # not clipped


def test_where_there_is_no_depth_the_row_says_why():
    def why(found):
        assert found["rmu"]["depth"] == ""
        return found["rmu"]["no depth"]

    assert why(rows("none", "rmu")) == "no attack with these settings on the gold reference"
    assert why(rows("rmu", "retrained")) == "no attack with these settings on the base"
    assert why(rows(*RUNS, but=["none", "retrained"])) == "no attack with these settings on the base and the gold reference"
    assert why(rows("none", "rmu", "retrained_no_words")) == "no attack with these settings on the gold reference"
    unlearnable = SHARES | {"none": (0.25, 0.25, 0.25)}
    assert why(rows(*RUNS, shares=unlearnable)) == "base and gold reference not surely 5 points apart"


def test_other_settings_of_an_attack_are_no_reference_and_other_seeds_have_nothing_in_common():
    other = AttackKey("relearn", '{"lr": 1}', "")
    records = [make_record(1, method="none"), make_record(1), gold(1)]
    keys = [KEY, KEY, other]
    attacked = {r.identity: RecoveredRun({key: recovered(1, 1, 1)}, 0.0) for r, key in zip(records, keys, strict=True)}
    table = attacks_table(grouped(records), attacked)
    assert {row["depth"] for row in table.rows} == {""}
    records = [make_record(1, method="none"), make_record(2), gold(1)]
    attacked = {r.identity: RecoveredRun({KEY: recovered(1, 1, 1)}, 0.0) for r in records}
    (rmu,) = (row for row in attacks_table(grouped(records), attacked).rows if row["method"] == "rmu")
    assert rmu["no depth"] == "no seed or no fact in common with the base and the gold reference"


def test_columns_along_the_budget_rise_and_stand_before_the_others_whatever_the_attacks_are():
    few, many = AttackKey("a", "{}", ""), AttackKey("b", "{}", "")
    recovered = {few: Recovered((0, 16), {FACTS[0]: (0.0, 1.0)}), many: Recovered((0, 2, 128), {FACTS[0]: (0.0, 0.0, 1.0)})}
    run = make_record(1)
    rows = attacks_table(grouped([run]), {run.identity: RecoveredRun(recovered, -1.5)}).rows
    assert len(rows) == 2
    for row in rows:
        names = [*row]
        begin = names.index("after 0")
        assert names[begin : begin + 5] == ["after 0", "after 2", "after 16", "after 128", "area"]
        assert names[begin - 1] == "seeds"
    assert [rows[0]["after 2"], rows[1]["after 16"]] == ["", ""]
