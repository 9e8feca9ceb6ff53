"""Runs of one seed that were asked different questions, or trained on different texts, are rows of their own."""

from dataclasses import replace

from rna_bench.reporting.statistics.fitness import fitness
from rna_bench.reporting.statistics.frame import grouped
from tests.builders.records import make_record, scored


def asked(seed, path, content, *, scale=0.0, method="rmu", scores=None):
    change = {"dataset": {"mmlu": {"role": "retain", "path": path, "limit": 0}}}
    run = make_record(seed, scale, scores or scored(), method=method, change=change)
    return replace(run, identity=f"{method}{seed}{scale}{content}", fingerprints=run.fingerprints | {"questions": content})


def test_questions_of_other_files_make_other_rows_that_name_the_files():
    first, second = grouped([asked(1, "q/a.csv", "aaaa1111"), asked(1, "q/b.csv", "bbbb2222")])
    assert (first.settings, second.settings) == ("dataset.mmlu.path=q/a.csv", "dataset.mmlu.path=q/b.csv")
    assert first.baseline_key != second.baseline_key


def test_questions_that_differ_by_seed_alone_are_one_row():
    (group,) = grouped([asked(1, "q/a.csv", "aaaa1111"), asked(2, "q/b.csv", "bbbb2222")])
    assert (group.settings, list(group.runs)) == ("", [1, 2])


def test_seeds_are_paired_within_their_file():
    runs = [asked(seed, path, f"{path[2]}{seed}") for seed in (1, 2) for path in ("q/a.csv", "q/b.csv")]
    assert [list(group.runs) for group in grouped(runs)] == [[1, 2], [1, 2]]


def test_noise_is_compared_with_the_baseline_on_the_same_file():
    runs = [asked(1, path, path[2], scale=scale) for scale in (0.0, 1.0) for path in ("q/a.csv", "q/b.csv")]
    by_file = {}
    for group in grouped(runs):
        by_file.setdefault(group.baseline_key, []).append((group.scale, group.settings))
    assert sorted(map(sorted, by_file.values())) == [
        [(0.0, f"dataset.mmlu.path=q/{name}.csv"), (1.0, f"dataset.mmlu.path=q/{name}.csv")] for name in "ab"
    ]


def test_a_file_that_was_changed_is_told_by_its_fingerprint():
    first, second = grouped([asked(1, "q/a.csv", "aaaa1111"), asked(1, "q/a.csv", "bbbb2222")])
    assert (first.settings, second.settings) == ("questions=aaaa11", "questions=bbbb22")


def test_what_is_retained_is_held_against_the_base_on_the_same_questions():
    bases = [
        asked(1, path, path[2], method="none", scores=scored(0.9, clean)) for path, clean in (("q/a.csv", 0.5), ("q/b.csv", 0.95))
    ]
    runs = [asked(1, path, path[2], scores=scored(0.25, 0.5)) for path in ("q/a.csv", "q/b.csv")]
    claim = fitness(grouped([*bases, *runs]), "results/runs/mine")
    assert claim
    (line,) = claim.evidence
    assert "q/b.csv" in line
    assert "**does not retain**: 50.0 of 95.0" in line
