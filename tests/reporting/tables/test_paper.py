import csv
from pathlib import Path

import pytest

from rna_bench.core.types import CLEAN, InputError, Score
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.resolvers import config_folder
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.paper import against, references
from rna_bench.reporting.tables.write import write_tables
from tests.builders.records import make_record

PAPER = config_folder("results/paper")
HEAD = "model,method,noise,task,perturbation,accuracy,stderr,source,section,reason\n"


def zephyr(seed, accuracy, **settings):
    scores = tuple(Score(task, role, CLEAN, accuracy, None, 100) for task, role in (("wmdp_bio", "forget"), ("mmlu", "retain")))
    return make_record(seed, 0.0, scores, model="Zephyr-7B-beta", **settings)


def test_a_number_that_could_not_be_read_is_empty_and_has_a_reason():
    for reference in references(PAPER):
        assert reference.source
        assert reference.section
        assert reference.accuracy or reference.reason
        assert reference.stderr or reference.reason
        assert not reference.accuracy or 0 <= float(reference.accuracy) <= 100


def test_the_papers_own_table_could_not_be_read_and_is_empty():
    own = [reference for reference in references(PAPER) if "2501.19202" in reference.source]
    assert own
    assert all(reference.accuracy == reference.stderr == "" for reference in own)


def test_the_papers_settings_are_those_of_the_presets():
    with (PAPER / "settings.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    methods = dict.fromkeys(row["method"] for row in rows)
    composed = {method: compose_run(["model=zephyr_7b", f"method={method}"])[0] for method in methods}
    for row in rows:
        run, value = composed[row["method"]], None
        if row["topic"]:
            value = run.topics.get(row["topic"], {}).get(row["setting"], run.train.get(row["setting"]))
        else:
            section, key = row["setting"].split(".")
            value = run[section][key]
        assert float(row["value"]) == pytest.approx(float(value)), row


def test_paper_ours_and_the_difference_stand_side_by_side(tmp_path):
    (tmp_path / "accuracy.csv").write_text(HEAD + "Zephyr-7B-beta,rmu,0,wmdp_bio,clean,28.8,0.5,a paper,its table,\n")
    # ours 30 and 32: 31 less 28.8 is 2.2
    ((table,), words) = against(grouped([zephyr(1, 0.30), zephyr(2, 0.32)]), tmp_path)
    (row,) = table.rows
    assert words == ""
    assert row["paper"] == "28.8 ± 0.5"
    assert row["ours"].mean == pytest.approx(31.0)
    assert row["difference"].mean == pytest.approx(2.2)
    assert row["difference"].half == row["ours"].half
    assert (row["source"], row["section"]) == ("a paper", "its table")


def test_what_could_not_be_read_has_no_difference(tmp_path):
    (tmp_path / "accuracy.csv").write_text(HEAD + "Zephyr-7B-beta,rmu,0,wmdp_bio,clean,,,a paper,its table,not at hand\n")
    ((table,), _) = against(grouped([zephyr(1, 0.30)]), tmp_path)
    assert table.rows[0]["paper"] == "could not be read"
    assert table.rows[0]["difference"] == ""


def test_another_method_noise_or_perturbation_is_not_compared(tmp_path):
    lines = ("npo_kl,0,wmdp_bio,clean", "rmu,0.05 absolute,wmdp_bio,clean", "rmu,0,wmdp_bio,option", "rmu,0,wmdp_cyber,clean")
    (tmp_path / "accuracy.csv").write_text(
        HEAD + "".join(f"Zephyr-7B-beta,{line},28.8,,a paper,table,no error\n" for line in lines)
    )
    ((table,), _) = against(grouped([zephyr(1, 0.30)]), tmp_path)
    assert [row["ours"] for row in table.rows] == [""] * 4


def test_pocket_is_compared_with_nothing(tmp_path):
    text = write_tables(Path(__file__).parents[3] / "results/published/pocket_paper", tmp_path, PAPER)
    assert "There is nothing to compare these records with: the reference numbers are of Zephyr-7B-beta" in text
    assert "`rna-bench tables" in text
    assert " --paper`." in text
    assert not (tmp_path / "paper.csv").exists()
    assert "28.8" not in text.split("## Beside the paper")[1].split("## The two claims")[0]


def test_a_file_with_other_columns_and_a_folder_without_one_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        references(tmp_path)
    (tmp_path / "accuracy.csv").write_text("model,accuracy\nZephyr,28.8\n")
    with pytest.raises(InputError, match="other columns"):
        references(tmp_path)
