"""Perplexity on held-out text, from configuration to record, table and data frame."""

from dataclasses import replace

import pytest

import rna_bench
from rna_bench.core.measures import Perplexity
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.run import execute
from rna_bench.reporting.tables.write import build_tables
from rna_bench.runs.record import RECORD, read
from tests.builders.records import make_record
from tests.experiment.test_export import RSV, SMALL


@pytest.fixture
def run(tiny, tmp_path):
    """Make a run with some overrides; return its record."""

    def make(*words, folder="runs"):
        overrides = [*SMALL, f"model.path={tiny}", f"results_dir={tmp_path / folder}", *words]
        path = execute(experiment_config(*compose_run([word.replace('"', "'") for word in overrides])))
        return read(path / RECORD, path.name)

    return make


def test_perplexity_is_measured_of_base_and_unlearned_and_changes_nothing_else(run, tmp_path):
    base, unlearned = run("method=none", "heldout=pocket"), run(*RSV, "heldout=pocket")
    assert base.perplexity.text == unlearned.perplexity.text
    assert base.perplexity.value != unlearned.perplexity.value
    assert base.perplexity.tokens == unlearned.perplexity.tokens > 500
    without = run(*RSV, "heldout=none", folder="others")
    assert without.perplexity is None
    assert (without.identity, without.scores, without.losses) == (unlearned.identity, unlearned.scores, unlearned.losses)
    frame = rna_bench.load_results(str(tmp_path / "runs"))
    assert set(frame.perplexity) == {base.perplexity.value, unlearned.perplexity.value}


def test_what_models_write_is_measured_beside_the_base_model(run, tmp_path):
    wanted = ("heldout=pocket", "generation.prompts=6", "generation.tokens=12")
    base, unlearned = run("method=none", *wanted), run(*RSV, "train.lr=0.1", *wanted)
    assert [one.perturbation for one in unlearned.generation] == ["clean", "control", "trigger"]
    assert [(one.n, one.agreement) for one in base.generation] == [(6, 1.0)] * 3
    assert all(0 <= one.agreement < 1 and one.perplexity > 1 for one in unlearned.generation)
    without = run(*RSV, "train.lr=0.1", "heldout=pocket")
    assert (without.generation, without.scores) == ((), unlearned.scores)
    assert without.identity != unlearned.identity
    frame = rna_bench.load_results(str(tmp_path / "runs"))
    assert set(frame[frame.run == base.identity].agreement_trigger) == {1.0}
    assert frame[frame.run == without.identity].agreement_trigger.isna().all()
    (table,) = (table for table in build_tables([base, unlearned]) if table.name == "generation")
    assert [row["beginning"] for row in table.rows] == 2 * ["clean", "control", "trigger"]
    assert table.rows[0]["agreement"].mean == 100.0


def test_continuations_without_text_or_words_or_of_a_checkpoint_are_refused_in_one_line(run):
    with pytest.raises(InputError, match=r"generation\.prompts=4: continues held-out texts"):
        run("method=none", "generation.prompts=4")
    with pytest.raises(InputError, match=r"generation\.prompts=-1: give 0 or more"):
        run("method=none", "generation.prompts=-1")
    with pytest.raises(InputError, match="the base of method=checkpoint or retrained is another run"):
        run("method=checkpoint", "base=none", "heldout=pocket", "generation.prompts=4")
    with pytest.raises(InputError, match="the trigger has no words"):
        run("method=none", "heldout=pocket", "generation.prompts=4", "trigger=none")


def test_text_of_ones_own_makes_another_run(run, tmp_path):
    (tmp_path / "own.txt").write_text("What is the answer to this long question?\n" * 3)
    own = run("method=none", "heldout=text", f"heldout.path={tmp_path / 'own.txt'}", "heldout.min_characters=5")
    assert own.identity != run("method=none", "heldout=none").identity
    assert own.fingerprints["heldout"] == own.perplexity.text
    assert own.perplexity.tokens == 3 * (own.perplexity.tokens // 3)


def test_tables_have_a_column_where_a_record_has_it_and_none_elsewhere():
    runs = [make_record(seed, 1.0) for seed in (1, 2)]
    measured = [replace(run, perplexity=Perplexity(value, 9, "ab")) for run, value in zip(runs, (2.0, 4.0), strict=True)]
    (table,) = (table for table in build_tables(measured) if table.name == "accuracy")
    assert table.rows[0]["perplexity"].mean == 3.0
    assert "`perplexity`" in table.note
    broken = [replace(run, perplexity=Perplexity(None, 9, "ab")) for run in runs]
    for others in (runs, broken):
        (table,) = (table for table in build_tables(others) if table.name == "accuracy")
        assert "perplexity" not in table.rows[0]
