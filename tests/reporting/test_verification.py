"""Records that were changed by hand are named, and not used."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas
import pytest
import torch

import rna_bench
from rna_bench.core.types import InputError
from rna_bench.models.delta import save_delta
from rna_bench.reporting.tables.write import write_tables
from rna_bench.reporting.verification import verify_records, verify_run
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import identity
from rna_bench.runs.record import DELTA, QUESTIONS, RECORD, read, read_summary
from tests.builders.many import many
from tests.builders.verified import complete_run

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
EARLIER = Path(__file__).parents[1] / "runs" / "earlier"
Keys = tuple[str | int, ...]


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / RECORD
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def unsigned(folder: Path) -> None:
    """Make the record one of schema 4, which had no hashes."""

    def change(values: dict) -> None:
        del values["sha256"]
        values["schema_version"] = 4

    edit(folder, change)


def edit_responses(folder: Path) -> None:
    frame = pandas.read_parquet(folder / QUESTIONS)
    frame.loc[0, ["logp_a", "logp_b"]] = frame.loc[0, ["logp_b", "logp_a"]].to_numpy()
    frame.to_parquet(folder / QUESTIONS, index=False)


def leaves(value: object, keys: Keys = ()) -> Iterator[Keys]:
    """Yield the place of each value of a record that is no list and no dictionary with something in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [leaf for key, item in items for leaf in leaves(item, (*keys, key))]
    yield from inner or [keys]


def changed(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else "x"


def put(values: dict, keys: Keys, value: object) -> None:
    node = values
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value


def at(values: dict, keys: Keys) -> object:
    for key in keys:
        values = values[key]
    return values


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_the_published_records_are_verified(every):
    runs = [path.parent for path in sorted(PUBLISHED.glob(f"*/*/{RECORD}"))][::every]
    failed = [one.line for one in verify_records(runs) if one.problems]
    assert failed == []
    assert len(runs) > 50


def test_a_record_as_it_was_written_is_verified_with_all_its_files(tmp_path):
    (one,) = verify_records([complete_run(tmp_path)])
    assert (one.problems, one.signed) == ((), True)


def test_any_value_that_is_changed_is_seen_by_verifying_and_by_reading_but_what_was_measured(tmp_path):
    folder = complete_run(tmp_path)
    original = (folder / RECORD).read_text()
    missed = []
    for keys in leaves(json.loads(original)):
        values = json.loads(original)
        put(values, keys, changed(at(values, keys)))
        (folder / RECORD).write_text(json.dumps(values))
        seen = bool(verify_run(folder).problems)
        if seen != (keys[0] != "measured") or seen != refused(folder):
            missed.append(keys)
    assert missed == []


def refused(folder: Path) -> bool:
    try:
        read(folder / RECORD, folder.name)
    except InputError as error:
        return "\n" not in str(error)
    return False


def inner(value: object, keys: Keys = ()) -> Iterator[Keys]:
    """Yield the place of each dictionary's and each list's item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*keys, key)
        yield from inner(item, (*keys, key))


def test_anything_that_is_removed_is_seen(tmp_path):
    folder = complete_run(tmp_path)
    original = (folder / RECORD).read_text()
    missed = []
    for *keys, last in inner(json.loads(original)):
        if keys[:1] == ["measured"]:
            continue
        values = json.loads(original)
        del at(values, keys)[last]
        (folder / RECORD).write_text(json.dumps(values))
        if not (verify_run(folder).problems and refused(folder)):
            missed.append((*keys, last))
    assert missed == []


SETTING = "its config and fingerprints give identity"
CONTENT = "its content does not have the hash"
READ = {
    "a setting": (lambda f: edit(f, lambda v: v["config"]["train"].update(lr=0.5)), SETTING),
    "the seed": (lambda f: edit(f, lambda v: v["config"].update(seed=7)), SETTING),
    "a fingerprint": (lambda f: edit(f, lambda v: v["fingerprints"].update(model="zz")), SETTING),
    "a loss": (lambda f: edit(f, lambda v: v["losses"][1].update(forget=0.0)), CONTENT),
    "an eval point": (lambda f: edit(f, lambda v: v["eval_points"][0]["scores"][0].update(accuracy=1.0)), CONTENT),
    "the identity": (lambda f: edit(f, lambda v: v.update(identity="0" * 16)), "belongs to run 0000000000000000"),
    "the folder": (lambda f: f.rename(f.with_name("mine")), "belongs to run"),
    "a response": (edit_responses, f"{QUESTIONS} does not have the hash"),
}
"""What is changed by hand, and what is said of it when the record is read."""
VERIFIED = READ | {
    "a score": (
        lambda f: edit(f, lambda v: v["scores"][0].update(accuracy=0.75)),
        "wmdp forget clean accuracy: 0.75 stored, 0.5 rec",
    ),
    "n": (lambda f: edit(f, lambda v: v["scores"][0].update(n=5)), "wmdp forget clean n: 5 stored, 4 recomputed"),
    "a standard error": (lambda f: edit(f, lambda v: v["scores"][1].update(stderr=0.5)), "mmlu retain clean stderr: 0.5 stored"),
    "a role": (lambda f: edit(f, lambda v: v["scores"][0].update(role="retain")), "wmdp retain clean: stored, and there are no"),
    "a score by subject": (lambda f: edit(f, lambda v: v["breakdown"][-1].update(n=9)), "mmlu retain option law n: 9 stored"),
    "a score by category": (lambda f: edit(f, lambda v: v["breakdown"][0].update(ties=9)), "mmlu retain clean stem ties: 9 stored"),
    "no responses": (lambda f: (f / QUESTIONS).unlink(), f"{QUESTIONS} is missing"),
    "no record": (lambda f: (f / RECORD).unlink(), f"{RECORD} is missing"),
    "half a record": (lambda f: (f / RECORD).write_bytes((f / RECORD).read_bytes()[:900]), "is not a valid record"),
    "no parquet": (lambda f: (f / QUESTIONS).write_bytes(b"PAR1"), f"{QUESTIONS} cannot be read"),
    "other tensors": (lambda f: save_delta(f / DELTA, {"weight": torch.zeros(2, 3)}, {}), f"{DELTA} does not have the hash"),
    "no tensors": (lambda f: (f / DELTA).write_bytes(b"x"), f"{DELTA} does not have the hash"),
}
"""The same, and what is said by verifying."""
WITHOUT_HASHES = ["a setting", "the seed", "a fingerprint", "a score", "n", "a standard error", "a role", "a score by subject"]


@pytest.mark.parametrize("name", VERIFIED)
def test_verifying_names_what_was_changed(tmp_path, name):
    change, words = VERIFIED[name]
    change(complete_run(tmp_path / "runs"))
    (one,) = verify_records([tmp_path / "runs"])
    assert words in "; ".join(one.problems)
    assert "\n" not in one.line


@pytest.mark.parametrize("name", [*WITHOUT_HASHES, "a score by category"])
def test_verifying_names_it_in_a_record_without_hashes(tmp_path, name):
    change, words = VERIFIED[name]
    folder = complete_run(tmp_path)
    unsigned(folder)
    assert verify_run(folder).problems == ()
    change(folder)
    assert words in "; ".join(verify_run(folder).problems)


@pytest.mark.parametrize("name", READ)
def test_reading_leaves_out_what_was_changed_and_shows_the_rest(tmp_path, name, capsys):
    change, words = READ[name]
    other, folder = complete_run(tmp_path / "runs", seed=2), complete_run(tmp_path / "runs", seed=1)
    change(folder)
    collection = collect(tmp_path / "runs")
    assert [run.folder for run in collection.runs] == [other]
    (line,) = collection.left_out
    assert words in line
    text = write_tables(tmp_path / "runs", tmp_path / "out")
    assert "From 1 records" in text
    assert f"Left out: {line}" in text
    with pytest.warns(UserWarning, match=words):
        assert set(rna_bench.load_results(str(tmp_path / "runs")).run) == {other.name}
    if folder.exists():
        with pytest.raises(InputError, match=words):
            read_summary(folder)


def test_the_last_eval_point_is_the_final_score_where_it_has_the_same_questions(tmp_path):
    folder = complete_run(tmp_path)
    unsigned(folder)
    edit(folder, lambda values: values["eval_points"][1]["scores"][0].update(accuracy=1.0))
    assert verify_run(folder).problems == ("wmdp forget clean accuracy: 1.0 at the last eval point, 0.5 in the scores",)


def test_categories_of_a_dataset_that_is_not_at_hand_are_not_compared(tmp_path):
    folder = complete_run(tmp_path)
    unsigned(folder)

    def change(values: dict) -> None:
        values["config"]["dataset"]["mmlu"]["_target_"] = "nowhere.Mine"
        values["identity"] = identity(values["config"], values["fingerprints"])

    edit(folder, change)
    assert verify_run(folder.rename(folder.with_name(read(folder / RECORD).identity))).problems == ()


def test_a_record_that_is_laid_out_differently_is_the_same(tmp_path):
    folder = complete_run(tmp_path)
    values = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps(values, indent=2, sort_keys=True))
    assert verify_run(folder).problems == ()


def test_an_early_record_has_the_identity_of_its_time(tmp_path):
    source = min(EARLIER.glob(f"pocket/*/{RECORD}")).parent
    values = json.loads((source / RECORD).read_text())
    folder = tmp_path / source.name
    folder.mkdir()
    (folder / RECORD).write_text(json.dumps(values | {"config": values["config"] | {"seed": 99}}))
    with pytest.raises(InputError, match=SETTING):
        collect(tmp_path)


@pytest.mark.slow
def test_reading_hundreds_of_records_takes_no_time(tmp_path):
    many(tmp_path, 270)
    started = time.process_time()
    assert len(collect(tmp_path, deep=True).runs) == 270
    assert time.process_time() - started < 2  # 0.5 on a quiet machine


def test_the_command_names_what_fails_and_loads_no_torch(tmp_path):
    one, two = complete_run(tmp_path, seed=1), complete_run(tmp_path, seed=2)
    words = "code = verify(sys.argv[1:]); sys.exit(code + 2 * ('torch' in sys.modules))"
    code = f"import sys; from rna_bench.cli.verifying import verify; {words}"

    def command() -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(one)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert command() == (0, "2 records verified\n")
    edit(two, lambda values: values["losses"].pop())
    unsigned(one)
    status, text = command()
    assert status == 1
    assert text.splitlines()[0] == f"{two}: its content does not have the hash that it was written with"
    assert text.splitlines()[1].startswith(
        "1 of 2 records fail: restore their files, or remove record.json and run again; 1 unsigned"
    )
