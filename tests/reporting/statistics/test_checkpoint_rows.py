"""Checkpoints that were unlearned elsewhere, among groups: one row a name, beside the base of the same files."""

from dataclasses import replace

import pytest

from rna_bench.core.types import RunRecord
from rna_bench.reporting.statistics.base_runs import base_command
from rna_bench.reporting.statistics.choice import tried
from rna_bench.reporting.statistics.fitness import fitness
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.pairs import baselines
from rna_bench.reporting.statistics.verdicts import claims
from rna_bench.runs.identity import as_it_is, identity, origin_folder, relevant
from tests.builders.records import make_record, scored

BASE = "aa"


def checkpoint(seed: int, files: str, name: str, base: str = "/base", **accuracies) -> RunRecord:
    plain = make_record(seed, method="none", scores=scored(**accuracies))
    config = {**plain.config, "base": base, "name": name}
    fingerprints = {"model": files, "questions": "bb"} | ({} if base == "none" else {"base": BASE})
    return replace(
        plain,
        config=relevant(config),
        fingerprints=fingerprints,
        identity=identity(config, fingerprints),
        choices={"method": "checkpoint", "retain": "none"},
    )


def base_run(seed: int) -> RunRecord:
    return make_record(seed, method="none", scores=scored(forget=1.0, clean=0.95))


def test_seeds_of_one_name_are_one_row_beside_the_base_without_a_no_noise_baseline():
    records = [*(checkpoint(seed, f"files{seed}", "mine", option=0.5 + seed / 100) for seed in (1, 2, 3)), base_run(1), base_run(2)]
    base, mine = grouped(records)
    assert (base.method, base.unlearned, base.scale) == ("none", False, -1.0)
    assert (mine.method, mine.unlearned, mine.trained, mine.noise, mine.scale) == ("checkpoint mine", True, False, "-", 0.0)
    assert sorted(mine.runs) == [1, 2, 3]
    assert mine.model == base.model
    assert list(baselines([base, mine]).values()) == [mine]
    checked, first = claims([base, mine], records, "results/runs")
    assert "Every method forgets and retains" in checked.title
    assert "**yes** for 1 of 1 method: checkpoint mine" in first.counts[0]


def test_checkpoints_of_one_name_and_seed_are_told_apart_by_their_files():
    groups = grouped([checkpoint(1, "0123456789", "mine"), checkpoint(1, "abcdefabcd", "mine"), checkpoint(1, "ffff", "other")])
    assert [group.method for group in groups] == ["checkpoint mine (012345)", "checkpoint mine (abcdef)", "checkpoint other"]
    assert len(baselines(groups)) == 3


def test_a_checkpoint_that_lost_what_it_should_retain_is_named_beside_its_base():
    said = fitness(grouped([base_run(1), checkpoint(1, "cc", "mine", forget=0.6, clean=0.5)]), "results/runs")
    assert said is not None
    assert "tiny, checkpoint mine, noise -: **does not forget** wmdp: 60.0 (seed 1 60.0)." in said.evidence
    assert "tiny, checkpoint mine, noise -: **does not retain**: 50.0 of 95.0 (seed 1 50.0)." in said.evidence


@pytest.mark.parametrize(
    ("base", "said"), [("none", "scored with base=none; base=FOLDER scores it"), ("/base", "model.path=/base")]
)
def test_without_its_base_run_it_is_said_how_to_get_one(base, said):
    claim = fitness(grouped([checkpoint(1, "cc", "mine", base)]), "results/runs")
    assert claim is not None
    assert said in claim.evidence[0]


def test_the_base_of_a_checkpoint_is_the_folder_given_or_the_model_named():
    folders = [origin_folder(checkpoint(1, "cc", "mine", base).config) for base in ("/base", "model", "none")]
    assert folders == ["/base", "", "/here"]  # "/here" is model.path
    record = checkpoint(1, "cc", "mine", "model")
    assert "model.path" not in base_command([replace(record, choices={**record.choices, "model": "pocket"})], "runs")


def test_the_same_files_as_they_are_are_one_whatever_the_name_and_the_base():
    several = [checkpoint(1, "cc", "mine"), checkpoint(1, "cc", "other", "none"), make_record(1, method="none", fingerprint="cc")]
    assert len({record.identity for record in several}) == 3
    assert len({as_it_is(record.config, record.fingerprints) for record in several}) == 1
    assert as_it_is(several[-1].config, several[-1].fingerprints) == several[-1].identity
    elsewhere = checkpoint(1, "cc", "mine", "/moved")
    assert elsewhere.identity == several[0].identity


def test_a_checkpoint_is_no_setting_to_choose():
    tries = tried(grouped([make_record(1), checkpoint(1, "cc", "mine")]))
    assert [one.group.method for one in tries] == ["rmu"]
