import json
import math
import resource
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from pydantic_core import PydanticSerializationError

from rna_bench.core.types import EvalPoint, InputError, Response, RunRecord, Score, Status, StepLoss
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import identity, relevant
from rna_bench.runs.record import DELTA, QUESTIONS, RECORD, SCHEMA_VERSION, read, write
from tests.builders.configs import CONFIG, FINGERPRINTS

ANSWERS = [Response("mmlu", "retain", "anatomy/2", "clean", (-1.0, -2.0, -3.0, -4.0), 0, "anatomy")]


def make_record(**fields) -> RunRecord:
    score = Score("mmlu", "retain", "clean", 1 / 3, None, 1)
    values = {
        "schema_version": SCHEMA_VERSION,
        "identity": identity(CONFIG, FINGERPRINTS),
        "status": Status.finished,
        "reason": "",
        "model": "tiny",
        "config": relevant(CONFIG),
        "choices": {"method": "rmu"},
        "fingerprints": FINGERPRINTS,
        "scores": (score,),
        "eval_points": (EvalPoint(0, 0.1 + 0.2, (score,)),),
        "losses": (StepLoss(0, "bio", 1e-17, 2.0),),
        "statistics": {"hidden_rms": 0.1},
        "provenance": {"revision": None},
        "measured": {"seconds": {"score": 0.5}},
    }
    return RunRecord(**values | fields)


def test_a_record_comes_back_from_json_as_it_was(tmp_path):
    record = make_record()
    folder = tmp_path / record.identity
    written = write(folder, record, ANSWERS, delta="0f")
    assert replace(written, sha256={}) == record
    assert set(written.sha256) == {RECORD, QUESTIONS, DELTA}
    assert read(folder / RECORD) == written
    assert collect(tmp_path).records == [written]


def test_a_record_is_one_line_of_plain_json(tmp_path):
    write(tmp_path, make_record(), ANSWERS)
    text = (tmp_path / RECORD).read_text()
    assert text.count("\n") == 1
    assert json.loads(text)["status"] == "finished"


def test_answers_become_rows_without_text(tmp_path):
    write(tmp_path, make_record(), ANSWERS)
    rows = pandas.read_parquet(tmp_path / QUESTIONS)
    assert rows.to_dict("records") == [
        {
            "task": "mmlu",
            "subject": "anatomy",
            "question": "anatomy/2",
            "perturbation": "clean",
            "logp_a": -1.0,
            "logp_b": -2.0,
            "logp_c": -3.0,
            "logp_d": -4.0,
            "answer": 0,
        }
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_losses_that_are_not_finite_become_null(tmp_path, value):
    record = make_record(status=Status.diverged, losses=(StepLoss(0, "bio", value, 2.0),), eval_points=(EvalPoint(0, value, ()),))
    write(tmp_path, record, [])
    assert '"forget":null,"retain":2.0' in (tmp_path / RECORD).read_text()
    assert read(tmp_path / RECORD).losses[0].forget is None
    assert read(tmp_path / RECORD).eval_points[0].forget_loss is None


def test_a_record_with_a_fact_that_is_not_finite_can_be_read_again(tmp_path):
    write(tmp_path, make_record(status=Status.diverged, statistics={"hidden_rms": math.nan}), [])
    read(tmp_path / RECORD)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("damage", [lambda text: "", lambda text: text[:100], lambda text: text.replace('"finished"', '"fine"')])
def test_a_damaged_record_is_refused_in_one_line_that_names_the_file(tmp_path, damage):
    write(tmp_path, make_record(), ANSWERS)
    path = tmp_path / RECORD
    path.write_text(damage(path.read_text()))
    assert refused(path).startswith(f"record={path}: is not a valid record")


def test_a_record_that_lacks_a_field_is_refused_and_the_field_is_named(tmp_path):
    write(tmp_path, make_record(), ANSWERS)
    path = tmp_path / RECORD
    path.write_text(path.read_text().replace('"identity"', '"name"'))
    assert "(identity: Field required)" in refused(path)


def test_a_record_of_another_schema_version_is_refused(tmp_path):
    write(tmp_path, make_record(schema_version=99), ANSWERS)
    assert "schema_version" in refused(tmp_path / RECORD)


def test_hidden_norms_come_back_and_a_missing_one_is_null(tmp_path):
    point = EvalPoint(0, 1.0, (), {"bio": 0.1 + 0.2, "retain/bio": None})
    write(tmp_path, make_record(eval_points=(point,)), ANSWERS)
    assert read(tmp_path / RECORD).eval_points == (point,)


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no record"):
        collect(tmp_path)


def test_a_record_that_cannot_be_serialised_leaves_nothing(tmp_path):
    with pytest.raises(PydanticSerializationError):
        write(tmp_path / "run", make_record(measured={"host": object()}), ANSWERS)
    assert list(tmp_path.rglob("*")) == []


def test_a_full_disk_leaves_neither_record_nor_draft(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    losses = tuple(StepLoss(step, "bio", 1.0, 2.0) for step in range(1000))  # 1000 times more than 40 bytes: above the limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(InputError, match=r"results_dir=.*cannot be written to"):
            write(tmp_path / "run", make_record(losses=losses), ANSWERS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.rglob("*")] == ["run", QUESTIONS]


def test_a_file_in_the_folders_place_is_an_error_that_names_results_dir(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(InputError, match=r"results_dir=.*choose another folder"):
        write(tmp_path / "runs" / "run", make_record(), ANSWERS)


def test_writing_again_replaces_the_record(tmp_path):
    write(tmp_path, make_record(), ANSWERS)
    write(tmp_path, make_record(reason="again"), ANSWERS)
    assert read(tmp_path / RECORD).reason == "again"
    assert sorted(path.name for path in tmp_path.iterdir()) == [QUESTIONS, RECORD]
