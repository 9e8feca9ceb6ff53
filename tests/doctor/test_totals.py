"""Totals for a run and for a sweep: by hand, and through the command line."""

import sys
from dataclasses import replace

import pytest

from rna_bench.cli.main import main
from rna_bench.data.questions import QuestionFiles
from rna_bench.data.sampling import ALL, Sampling
from rna_bench.doctor.counts import QuestionCount, published
from rna_bench.doctor.needs import needs_of
from rna_bench.doctor.totals import Cost, cost_of, memory_class, shorter_scoring, total_rows
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.data import gather
from rna_bench.runs import record
from rna_bench.runs.identity import relevant
from tests.builders.records import make_record

GB = 10**9
COST = Cost(
    model="a",
    device="cuda",
    peak=20 * GB,
    unlearning=1.0,
    eval_steps=0.5,
    scoring=6.0,
    prompts=1000,
    assumed=False,
    published=False,
    weights=14 * GB,
    results=GB,
    rate=100.0,
)


def planned(*overrides):
    return experiment_config(*compose_run(overrides))


def rows(costs, shorter=()):
    return [(row.name, row.text) for row in total_rows(costs, shorter)]


def test_the_totals_of_a_run_are_the_sums_of_its_phases():
    assert rows([COST], ["ask less"]) == [
        ("memory", "a GPU with 24 GB: 20.0 GB at the peak and a tenth to spare"),
        ("time", "7.5 h = unlearning 1.0 h + eval steps 30.0 min + scoring 6.0 h; at 100 TFLOP/s (--tflops)"),
        ("scoring", "1,000 prompts, 6 times as long as unlearning"),
        ("", "shorter: ask less"),
        ("disk", "15.0 GB = weights 14.0 GB + results 1.0 GB"),
    ]


def test_runs_add_up_and_the_weights_of_one_model_are_there_once():
    base = replace(COST, unlearning=0.0, eval_steps=0.0, results=0)
    found = dict(rows([COST, COST, base, replace(COST, model="b")]))
    assert found["disk"] == "31.0 GB = weights 28.0 GB + results 3.0 GB"
    assert found["time"].startswith("28.5 h = unlearning 3.0 h + eval steps 1.5 h + scoring 24.0 h; at 100 TFLOP/s (--tflops), one")
    assert found["scoring"] == "4,000 prompts, 8 times as long as unlearning"
    assert total_rows([], []) == []


def test_where_training_takes_longest_nothing_is_said_about_shorter_scoring():
    assert ("scoring", "1,000 prompts") in rows([replace(COST, scoring=0.5)], ["ask less"])
    assert not any("shorter" in text for _, text in rows([replace(COST, scoring=0.5)], ["ask less"]))


def test_numbers_that_are_not_counted_are_said_to_be_so():
    assert "assumed: 10,000 a run" in dict(rows([replace(COST, assumed=True)]))["scoring"]
    assert "questions as published" in dict(rows([replace(COST, published=True)]))["scoring"]


@pytest.mark.parametrize(
    ("peak", "device", "text"),
    [
        (21, "cuda", "a GPU with 24 GB"),  # 23.1
        (22, "cuda", "a GPU with 40 GB"),  # 24.2
        (70, "auto", "a GPU with 80 GB"),
        (73, "cuda", "more than 80 GB"),
        (3, "cpu", "3.0 GB of main memory, on the CPU"),
    ],
)
def test_the_class_of_a_gpu_leaves_a_tenth(peak, device, text):
    assert memory_class([replace(COST, peak=GB), replace(COST, peak=peak * GB, device=device)]).startswith(text)


def test_a_cost_has_the_prompts_of_its_questions():
    plan = planned("seed=0")
    counts = {"pocket_hazard_1": QuestionCount(48, 48), "pocket_hazard_2": None, "pocket_subjects": QuestionCount(20, 192)}
    dimensions = plan.model.dimensions
    assert dimensions
    needs = needs_of(plan, dimensions, plan.model.dtype)
    cost = cost_of(plan, dimensions, needs, counts, 2.0)
    assert (cost.assumed, cost.prompts, cost.rate) == (True, 10_000, 2.0)
    known = cost_of(plan, dimensions, needs, counts | {"pocket_hazard_2": QuestionCount(5, 5)}, None)
    assert (known.assumed, known.prompts, known.device) == (False, 48 + 5 + 20 * 9, "cpu")
    assert known.hours == known.unlearning + known.eval_steps + known.scoring


def test_mmlu_in_seven_forms_and_what_shortens_it():
    plan = planned("model=zephyr_7b")
    counts = {name: published(name, source, plan.samplings[name]) for name, source in plan.datasets.items()}
    # 14,042 * 7 + 1,273 + 1,987 = 101,554; 2,123 * 7 + 844 + 1,108 = 16,813; 14,042 * 3 + 3,260 = 45,386
    assert [count.population for count in counts.values() if count] == [1273, 1987, 14_042]
    stderr, types = shorter_scoring(plan, counts)
    assert stderr.startswith("scoring.stderr=0.01 leaves 16,813 of a run's 101,554 prompts")
    assert stderr.endswith("dataset.wmdp_bio.sample=844 dataset.wmdp_cyber.sample=1108 dataset.mmlu.sample=2123")
    assert types == "trigger.types=[option], one of 3, leaves 45,386 of 101,554"


def test_published_numbers_follow_subjects_limits_and_samples_and_nothing_else_has_any():
    mmlu = planned("model=zephyr_7b").datasets["mmlu"]
    assert published("mmlu", replace(mmlu, subjects=["anatomy", "astronomy"]), ALL) == QuestionCount(493, 493, published=True)
    assert published("mmlu", replace(mmlu, limit=3), ALL) == QuestionCount(171, 171, published=True)
    assert published("mmlu", mmlu, Sampling(100)) == QuestionCount(100, 14_042, published=True)
    assert published("mmlu", mmlu, Sampling(10**6)) == QuestionCount(14_042, 14_042, published=True)
    assert published("mmlu", replace(mmlu, repo="o/other"), ALL) is None
    assert published("mine", QuestionFiles("retain", "x.csv", 0), ALL) is None


@pytest.fixture
def doctor(monkeypatch, capsys, tmp_path):
    """Run the command in a wide terminal and an empty folder; return the exit code and the lines that it prints."""

    def run(*words):
        monkeypatch.setenv("COLUMNS", "130")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["rna-bench", "doctor", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def sweep(tmp_path):
    """A sweep of pocket: base and one method, with and without noise, of two seeds; the base is one run for both noises."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "defaults:\n  - run\n  - override tracker: none\n  - _self_\nresults_dir: runs\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {method: 'none,rmu', noise: 'none,rna', seed: '1,2'}\n"
    )
    return str(path)


def test_a_sweep_counts_each_run_once_and_none_that_is_recorded(doctor, sweep, tmp_path):
    code, lines = doctor("--sweep", sweep)
    assert code == 0
    assert "6 to do, of 8 combinations (2 repeating another's run, 0 recorded)" in lines[1]
    assert "scoring  10,944 prompts" in [line.strip() for line in lines]  # 6 * (48 + 48 + 192 * 9)
    assert lines[-1] == "nothing is missing"
    assert not (tmp_path / "runs").exists()
    base = planned("method=none", "seed=1", "tracker=none")
    made = gather(base)
    found = {"identity": made.identity, "config": relevant(base.config), "fingerprints": made.fingerprints}
    record.write(tmp_path / "runs" / made.identity, replace(make_record(1), **found), [])
    _, lines = doctor("--sweep", sweep)
    assert "5 to do, of 8 combinations (2 repeating another's run, 1 recorded)" in lines[1]


def test_what_a_sweeps_runs_lack_is_named_once_with_the_command_that_fetches_it(doctor, sweep):
    code, lines = doctor("--sweep", sweep, "model=zephyr_7b", "seed=1")
    assert code == 1
    assert "3 to do, of 4 combinations (1 repeating another's run, 0 recorded)" in lines[1]
    assert sum("model.repo=" in line for line in lines) == 1
    assert f"  rna-bench fetch --sweep {sweep} model=zephyr_7b seed=1" in lines
    assert any("questions as published" in line for line in lines)


def test_a_run_ends_with_its_totals(doctor):
    _, lines = doctor("dataset.pocket_subjects.sample=20")
    start = lines.index("In total, estimated")
    assert [line.split()[0] for line in lines[start + 1 : -2]] == ["memory", "time", "scoring", "disk"]
    assert "  scoring  276 prompts" in lines  # 48 + 48 + 20 * 9
    assert any("dataset pocket_subjects: 20 of 192 questions to retain" in line for line in lines)


def test_a_world_that_has_yet_to_be_trained_is_counted_and_said_to_be_trained_first(doctor, sweep, monkeypatch, tmp_path):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "cache"))
    code, lines = doctor("--sweep", sweep, "model.world=0,1")
    assert code == 0
    assert "12 to do" in lines[1]
    assert "In total, estimated" in lines
    assert "scoring  21,888 prompts" in [line.strip() for line in lines]
    assert any(line.strip().startswith("first    pocket world 1 has yet to be trained") for line in lines)
    assert not list((tmp_path / "cache").glob("pocket-*"))


def test_runs_that_are_not_counted_are_in_the_headline(doctor, sweep):
    words = ("model=local", "model.path=none", "corpus=pocket", "dataset=[pocket_hazard_1,pocket_subjects]", "trigger=pocket")
    _, lines = doctor("--sweep", sweep, *words, "preset=pocket_rmu", "seed=1")
    assert "In total, of 0 of 3 runs, estimated" in lines
    assert any(line.strip().startswith("not counted  3 runs: their model's dimensions are not known, or a layer") for line in lines)
