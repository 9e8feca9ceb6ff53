"""Probe and lens from the command line, on a run of the tiny model."""

import pytest

from rna_bench.runs.attack_record import read_attack, read_attack_responses, record_path
from rna_bench.runs.record import RECORD, read

SMALL = ["model=local", "dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=12", "corpus=pocket"]
SMALL += ["dataset.pocket_subjects.limit=4", "tracker=none", "scoring.every=0", "corpus.texts=8", "trigger=pocket"]
RSV = ["method=rsv", "noise=none", "method.layer=1", "train.parameters=[model.layers.1.mlp.*]", "train.steps=2"]
ATTACK = ["attack=[probe,lens]", "attack.probe.facts=4", "attack.probe.max_iterations=5"]  # too few to converge


@pytest.mark.filterwarnings("default")
def test_a_run_is_probed_again_to_the_bit_and_verified(told, tiny, tmp_path):
    code, _, err = told("run", *RSV, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path}", *ATTACK)
    assert (code, "Warning" in err) == (0, False), err
    (folder,) = (path.parent for path in tmp_path.glob(f"*/{RECORD}"))
    first = {name: read_attack(record_path(folder, name)) for name in ("probe", "lens")}
    layers = [f"layer {number}" for number in range(3)]
    assert [one.variant for one in first["probe"].scores if one.role == "forget"] == [*layers, "best layer"]
    assert {one.budget for one in first["probe"].scores} == {1024}
    assert {(one.role, one.n) for one in first["probe"].scores} == {("forget", 8), ("retaught", 4), ("retain", 4)}
    assert [(one.variant, one.budget) for one in first["lens"].scores if one.role == "forget"] == [(name, 0) for name in layers]
    own = {(one.task, one.perturbation): one.accuracy for one in read(folder / RECORD).scores}
    last = {one.task: one.accuracy for one in first["lens"].scores if one.variant == "layer 2"}
    assert last == {task: own[task, "clean"] for task in last}
    assert len(read_attack_responses(record_path(folder, "probe"))) == 16 * 4
    for name in first:
        record_path(folder, name).unlink()
    code, out, err = told("attack", folder, *ATTACK)
    assert (code, "Warning" in err) == (0, False), err
    assert "pocket_hazard_1 retaught  layer 0 " in out
    assert {name: read_attack(record_path(folder, name)).sha256 for name in first} == {
        name: made.sha256 for name, made in first.items()
    }
    assert told("verify", tmp_path)[0] == 0


def test_too_few_facts_are_one_line_and_nothing_is_written(told, tiny, tmp_path):
    lines = [f"Why {n}?,one,two,three,four,{n % 2}" for n in range(6)]
    (tmp_path / "law.csv").write_text("\n".join(["question,choice0,choice1,choice2,choice3,answer", *lines]))
    asked = [
        "model=local",
        "dataset=[forget_files]",
        f"dataset.forget_files.path={tmp_path / 'law.csv'}",
        *SMALL[3:4],
        "tracker=none",
    ]
    words = ["run", "method=none", *asked, "trigger=pocket", f"model.path={tiny}", f"results_dir={tmp_path}"]
    assert told(*words)[0] == 0
    (folder,) = (path.parent for path in tmp_path.glob(f"*/{RECORD}"))
    code, out, err = told("attack", folder, *ATTACK)
    assert (code, out, len(err.strip().splitlines())) == (1, "", 1)
    assert "attack.*.facts=4: each letter must be the answer" in err
    assert not record_path(folder, "probe").exists()
