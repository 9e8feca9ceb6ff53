"""Attacks from the command line, on runs of the tiny model."""

import json

import pytest

import rna_bench
from rna_bench.attacks.ablate import Ablate
from rna_bench.attacks.interpolate import Interpolate
from rna_bench.core.types import CLEAN
from rna_bench.runs.attack_record import attack_paths, read_attack, read_attack_responses, record_path, responses_path
from rna_bench.runs.lookup import RETRAINED
from rna_bench.runs.record import DELTA, LOGPS, QUESTIONS, RECORD, read, read_responses

SMALL = ["model=local", "dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=8", "corpus=pocket"]
SMALL += ["dataset.pocket_subjects.limit=4", "tracker=none", "scoring.every=0", "corpus.texts=8", "trigger=pocket"]
RSV = ["method=rsv", "noise=none", "method.layer=1", "train.parameters=[model.layers.1.mlp.*]", "train.steps=2"]
FEW = ["attack.relearn.facts=3", "attack.relearn.steps=[0,2]"]


@pytest.fixture
def run(told, tiny, tmp_path):
    """Make a run with more words, and return its folder."""

    def go(*words):
        before = set(tmp_path.glob(f"*/{RECORD}"))
        method = [] if "method=none" in words else RSV
        code, _, err = told("run", *method, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path}", *words)
        assert code == 0, err
        (made,) = set(tmp_path.glob(f"*/{RECORD}")) - before
        return made.parent

    return go


def test_a_recorded_run_is_attacked_once_and_verified(told, run, tmp_path):
    folder = run()
    code, out, err = told("attack", folder, "attack=[relearn]", *FEW)
    assert code == 0, err
    assert "pocket_hazard_1 forget    0 0." in out
    path = record_path(folder, "relearn")
    made, responses = read_attack(path), read_attack_responses(path)
    assert (made.run, made.config["facts"], made.seed) == (folder.name, 3, 0)
    assert {(one.role, one.budget, one.n) for one in made.scores} == {
        (role, budget, n) for role, n in (("forget", 5), ("retaught", 3), ("retain", 4)) for budget in (0, 2)
    }
    retaught = {one.response.question for one in responses if one.response.role == "retaught"}
    assert retaught == set(made.retaught["pocket_hazard_1"])
    assert not retaught & {one.response.question for one in responses if one.response.role == "forget"}
    assert made.sha256[DELTA] == read(folder / RECORD).sha256[DELTA]
    written = path.stat().st_mtime_ns
    again = told("attack", folder, "attack=[relearn]", *FEW)
    assert (again[0], again[1]) == (0, out)
    assert path.stat().st_mtime_ns == written
    assert told("verify", tmp_path)[0] == 0


def test_scores_under_attack_are_a_data_frame_and_a_figure(told, run, tmp_path):
    folder = run("attack=[relearn,quantise]", *FEW)
    frame = rna_bench.load_attacks(str(tmp_path))
    relearned = frame[(frame.attack == "relearn") & (frame.role == "forget")]
    assert list(relearned.budget) == [0, 2]
    assert list(frame[(frame.attack == "quantise") & (frame.role == "retain")].variant) == ["int8", "int4"]
    stored = read_attack(record_path(folder, "relearn")).scores
    assert list(relearned.accuracy) == [one.accuracy for one in stored if one.role == "forget"]
    assert set(frame.run) == {folder.name}
    assert set(relearned["attack.facts"]) == {3}
    documented = f"{rna_bench.load_attacks.__doc__}{rna_bench.load_results.__doc__}"
    assert all(f"`{name}`" in documented for name in frame.columns if not name.startswith(("attack.", "method.")))
    code, out, err = told("figures", tmp_path)
    assert code == 0, err
    assert "](attacks.png)" in out
    assert "](recovered.png)" in out
    record_path(folder, "quantise").write_text("{}")
    with pytest.warns(UserWarning, match="left out: .*attack-quantise.json"):
        assert set(rna_bench.load_attacks(str(tmp_path)).attack) == {"relearn"}


def test_without_attacks_the_frame_is_empty(run, tmp_path):
    run("method=none")
    assert rna_bench.load_attacks(str(tmp_path)).empty


def test_attacks_along_the_training_are_records_of_their_own_that_no_table_mixes_with_the_end(told, run, tiny, tmp_path):
    words = ["attack=[quantise]", "attack.at=[1]"]
    folder = run(*words)
    end, along = (read_attack(record_path(folder, "quantise", step)) for step in (None, 1))
    assert along.step == 1
    assert "step" not in json.loads(record_path(folder, "quantise").read_text())
    assert (end.step, end.sha256[DELTA] == along.sha256[DELTA]) == (None, False)
    assert not list(folder.glob(".states"))
    assert told("verify", tmp_path)[0] == 0
    code, out, err = told("tables", tmp_path)
    assert code == 0, err
    tables = [(tmp_path / "tables" / f"{name}.csv").read_text().splitlines() for name in ("attacks", "attacks_along")]
    assert [len(rows) for rows in tables] == [3, 3]
    frame = rna_bench.load_attacks(str(tmp_path))
    assert set(frame.step.dropna()) == {1}
    assert frame.step.isna().sum() == len(frame) / 2
    assert "attack" not in read(folder / RECORD).config
    code, out, err = told("run", *RSV, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path}", *words)
    assert (code, out.count("quantise on rsv")) == (0, 2), err
    shorter = run("train.steps=1", "attack=[quantise]")
    state = read_attack(record_path(shorter, "quantise"))
    assert state.scores == along.scores  # a state along the way is the end of a shorter training


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attack=[quantise]", "attack.at=[2]"], "attack.at=2: training has 2 steps, whose end is attacked anyway"),
        (["attack=[quantise]", "attack.at=[0]"], "give different numbers of steps"),
        (["attack.at=[1]"], "none is chosen; give attack=[NAME,...]"),
        (["attack=[quantise]", "attack.at=[1]", "method=none"], "nothing is trained"),
    ],
)
def test_steps_that_are_no_states_are_refused_before_anything_is_made(told, tiny, tmp_path, words, said):
    method = [] if "method=none" in words else RSV
    code, _, err = told("run", *method, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path}", *words)
    assert (code, list(tmp_path.glob(f"*/{RECORD}"))) == (1, [])
    assert said in err


def test_recorded_runs_have_no_states_along_their_training(told, run):
    folder = run()
    code, _, err = told("attack", folder, "attack=[quantise]", "attack.at=[1]")
    assert code == 1
    assert "states at steps are there while a run trains" in err
    assert not attack_paths(folder)


def test_before_it_begins_an_attack_has_the_answers_of_the_run(told, run):
    folder = run()
    assert told("attack", folder, "attack=[relearn]", *FEW)[0] == 0
    scored = {(one.task, one.perturbation): one for one in read(folder / RECORD).scores}
    attacked = [one for one in read_attack(record_path(folder, "relearn")).scores if one.budget == 0]
    whole = [one for one in attacked if one.task == "pocket_hazard_1"]
    right = sum(round(one.accuracy * one.n) for one in whole)
    assert right == round(scored["pocket_hazard_1", "clean"].accuracy * 8)
    (retain,) = (one for one in attacked if one.role == "retain")
    assert retain.accuracy == scored["pocket_subjects", "clean"].accuracy


def test_the_end_of_a_run_and_a_later_command_give_the_same_attack_and_the_run_stays_the_same(told, run, tmp_path):
    folder = run("attack=[relearn]", *FEW)
    first = read_attack(record_path(folder, "relearn"))
    for path in (record_path(folder, "relearn"), responses_path(record_path(folder, "relearn"))):
        path.unlink()
    assert told("attack", tmp_path, "attack=[relearn]", *FEW)[0] == 0
    assert read_attack(record_path(folder, "relearn")).sha256 == first.sha256
    assert "attack" not in read(folder / RECORD).config
    assert "attack" not in read(folder / RECORD).choices


def test_the_base_is_attacked_as_it_is(told, run):
    folder = run("method=none")
    assert told("attack", folder, "attack=[relearn_benign]", "attack.relearn_benign.steps=[1]")[0] == 0
    made = read_attack(record_path(folder, "relearn_benign"))
    assert DELTA not in made.sha256
    assert {(one.role, one.n) for one in made.scores} == {("forget", 8), ("retain", 4)}


def test_diagnostics_lead_back_to_the_base_and_are_marked_in_their_records(told, run):
    base, folder = run("method=none"), run("attack=[interpolate,prune]")
    ends = {"interpolate": [(100, "")], "prune": [(50, "zero"), (50, "reference")]}
    for name, last in ends.items():
        made = read_attack(record_path(folder, name))
        assert made.sees_reference
        assert {(one.budget, one.variant) for one in made.scores} >= set(last)
    responses = read_attack_responses(record_path(folder, "interpolate"))
    reached = {one.response.question: one.response.logps for one in responses if one.budget == 100}
    known = [row for row in read_responses(base / QUESTIONS).to_pylist() if row["perturbation"] == "clean"]
    assert len(known) == len(reached)
    for row in known:
        own = [row[name] for name in LOGPS]  # those under attack are relative to the likeliest letter, in half precision
        assert reached[row["question"]] == pytest.approx([one - max(own) for one in own], rel=1e-3, abs=1e-3)


def test_the_reference_s_tensors_are_given_to_diagnostics_alone(told, run, monkeypatch):
    given = {}
    for attack in (Ablate, Interpolate):

        def stages(self, target, text, random, own=attack.stages):
            given[type(self)] = list(target.reference)
            return own(self, target, text, random)

        monkeypatch.setattr(attack, "stages", stages)
    folder = run("attack=[ablate,interpolate]", "attack.ablate.facts=3")
    assert given[Ablate] == []
    assert given[Interpolate]
    assert all(name.startswith("model.layers.1.mlp.") for name in given[Interpolate])
    assert not read_attack(record_path(folder, "ablate")).sees_reference


def test_attacks_on_the_prompt_alone_are_recorded_and_verified(told, run, tmp_path):
    folder = run()
    few = ["attack.few_shot.facts=3", "attack.few_shot.texts=[0,1,2]", "attack.prefix.texts=[0,1]"]
    code, _, err = told("attack", folder, "attack=[few_shot,prefix,paraphrase]", *few)
    assert code == 0, err
    asked = {
        name: {(one.role, one.budget, one.variant, one.n) for one in read_attack(record_path(folder, name)).scores}
        for name in ("few_shot", "prefix", "paraphrase")
    }
    split = (("forget", 5), ("retaught", 3), ("retain", 4))
    assert asked["few_shot"] == {(role, budget, "", n) for role, n in split for budget in (0, 1, 2)}
    assert asked["prefix"] == {(role, budget, "", n) for role, n in (("forget", 8), ("retain", 4)) for budget in (0, 1)}
    wordings = ("bare", "question", "instruction", "stem 1", "stem 2", "stem 3")
    assert asked["paraphrase"] == {(role, 0, one, n) for role, n in (("forget", 8), ("retain", 4)) for one in wordings}
    rows = [row for row in read_responses(folder / QUESTIONS).to_pylist() if row["perturbation"] == CLEAN]
    own = {row["question"]: row["logp_a"] - max(row[name] for name in LOGPS) for row in rows}
    under = [one.response for one in read_attack_responses(record_path(folder, "few_shot")) if one.budget == 0]
    assert {one.question: one.logps[0] for one in under} == pytest.approx(own, rel=1e-3, abs=1e-3)
    assert told("verify", tmp_path)[0] == 0


def test_a_learned_suffix_is_kept_in_the_record_and_nothing_is_where_none_was_found(told, run, tmp_path):
    folder = run()
    small = [f"attack.gcg.{key}" for key in ("facts=3", "prompts=4", "tokens=2", "steps=[0,1,2]", "candidates=4")]
    code, _, err = told("attack", folder, "attack=[gcg,quantise]", *small)
    assert code == 0, err
    found = read_attack(record_path(folder, "gcg")).found
    assert [(one.budget, one.variant, len(one.values["suffix"])) for one in found] == [(1, "", 2), (2, "", 2)]
    assert "found" not in json.loads(record_path(folder, "quantise").read_text())
    assert told("verify", tmp_path)[0] == 0


def test_other_settings_of_the_same_name_are_refused(told, run):
    folder = run("attack=[relearn]", *FEW)
    code, out, err = told("attack", folder, "attack=[relearn]", *FEW, "attack.relearn.lr=0.1")
    assert (code, out) == (1, "")
    assert "attack.relearn.lr=0.1" in err
    assert "has 0.0005; remove it" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attack=[relearn]", "attack.relearn.facts=8"], "attack.relearn.facts=8: pocket_hazard_1 has 8 questions"),
        (["attack=[relearn]", "attack.relearn.steps=[2,1]"], "give numbers of updates in rising order"),
        (["attack=[relern]"], "did you mean relearn"),
        (["attack=[relearn]", "attack.relearn.rate=1"], "attack.relearn.rate"),
        (["attack=[relearn]", "seed=3"], "seed=3: is a key of the run"),
        ([], "give attack=[NAME,...]"),
        (["attack=[]"], "give attack=[NAME,...]"),
    ],
)
def test_bad_words_are_one_line_and_nothing_is_written(told, run, words, said):
    folder = run()
    code, out, err = told("attack", folder, *words)
    assert (code, out, len(err.strip().splitlines())) == (1, "", 1)
    assert said in err
    assert not attack_paths(folder)


def test_runs_without_trained_tensors_are_named_and_the_others_attacked(told, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lacking, whole = run("keep_delta=false"), run("seed=1")
    code, out, err = told("attack", tmp_path, "attack=[relearn]", *FEW, "--jobs=1")
    assert code == 1
    assert f"run={lacking}: has no {DELTA}" in err
    assert "seed 1" in out
    assert attack_paths(whole)
    code, _, err = told("attack", lacking, "attack=[relearn]", *FEW, "--retrain")
    assert code == 0, err
    assert (RETRAINED / lacking.name / DELTA).is_file()
    assert attack_paths(lacking)


def test_attacks_at_the_end_need_the_trained_tensors(told, tiny, tmp_path):
    words = [*RSV, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path}", "keep_delta=false", "attack=[relearn]"]
    code, _, err = told("run", *words)
    assert (code, list(tmp_path.glob(f"*/{RECORD}"))) == (1, [])
    assert "keep_delta=false: attacks take the run's trained tensors" in err


@pytest.mark.parametrize("change", ["score", "role", "run", "responses"])
def test_a_changed_record_fails_verification(told, run, tmp_path, change):
    folder = run("attack=[relearn]", *FEW)
    path = record_path(folder, "relearn")
    values = json.loads(path.read_text())
    match change:
        case "score":
            values["scores"][0]["accuracy"] += 0.1
        case "role":
            values["retaught"] = {"pocket_hazard_1": []}
        case "run":
            values["run"] = "0" * 16
        case "responses":
            responses_path(path).write_bytes(b"nothing")
    path.write_text(json.dumps(values))
    code, out, _ = told("verify", tmp_path)
    assert code == 1
    assert "attack-relearn.json" in out
