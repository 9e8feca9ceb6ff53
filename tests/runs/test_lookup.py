from dataclasses import replace

import pytest

from rna_bench.core.types import InputError, Status
from rna_bench.runs import record
from rna_bench.runs.integrity import DELTA
from rna_bench.runs.lookup import RETRAINED, find_delta, find_run, has_delta
from tests.builders.records import make_record


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A record in two sweeps of the working directory."""
    monkeypatch.chdir(tmp_path)
    made = make_record(1)
    for place in ("results/runs/mine", "results/published/theirs"):
        record.write(tmp_path / place / made.identity, made, [])
    return made


def put(folder, content=b"x"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DELTA).write_bytes(content)
    return folder / DELTA


def test_a_run_is_found_by_folder_identity_or_beginning_one_with_tensors_first(run, tmp_path):
    own, published = (tmp_path / place / run.identity for place in ("results/runs/mine", "results/published/theirs"))
    assert find_run(str(published)) == published
    assert find_run(run.identity).resolve() == own
    assert find_run(run.identity[:5]).resolve() == own
    put(published)
    assert find_run(run.identity).resolve() == published


def test_a_beginning_of_several_or_of_none_is_one_line_with_the_remedy(run, tmp_path):
    other = make_record(2)
    record.write(tmp_path / "results/runs" / other.identity, other, [])
    with pytest.raises(InputError, match="is the beginning of 2 identities"):
        find_run("")
    with pytest.raises(InputError, match="begins so"):
        find_run("zz")


def test_tensors_are_looked_for_beside_the_record_in_the_named_folder_and_where_they_were_made_again(run, tmp_path):
    here = tmp_path / "results/published/theirs" / run.identity
    with pytest.raises(InputError, match=r"--retrain .* --deltas FOLDER"):
        find_delta(here, run)
    with pytest.raises(InputError, match="diverged"):
        find_delta(here, replace(run, status=Status.diverged))
    assert not has_delta(here, run)
    again = put(RETRAINED / run.identity)
    assert find_delta(here, run) == again
    for folder in (tmp_path / "kept/sweep" / run.identity, tmp_path / "kept" / run.identity):
        assert find_delta(here, run, tmp_path / "kept") in (again, tmp_path / "kept/sweep" / run.identity / DELTA)
        named = put(folder)
        assert find_delta(here, run, tmp_path / "kept") == named
    assert find_delta(here, run) == again
    beside = put(here)
    assert find_delta(here, run, tmp_path / "kept") == beside


def test_tensors_that_are_not_those_of_the_record_are_refused_but_where_they_were_made_again(run, tmp_path):
    named = replace(run, sha256={DELTA: "another"})
    here = tmp_path / "results/published/theirs" / run.identity
    again = put(RETRAINED / run.identity)
    assert find_delta(here, named) == again
    put(here)
    with pytest.raises(InputError, match="is not the one that its record names"):
        find_delta(here, named)
