import json
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.experiment.checkpointer import sigterm_noted
from rna_bench.runs.signals import terminable
from rna_bench.runs.tracking import Mode, NullTracker, Wandb
from rna_bench.runs.tracking.fault_tolerant import FaultTolerantSession
from rna_bench.runs.tracking.wandb_tracker import has_key
from tests.runs.tracked_run import about

WANDB = Wandb(project="rna_bench", entity=None, group="", mode=Mode.auto, patience=30.0)
pytestmark = pytest.mark.usefixtures("home")


def blocks(data: bytes) -> list[bytes]:
    """Return the records of a LevelDB log: 32 KiB blocks of crc (4 bytes), length (2), type (1: full, 2-4: first to last)."""
    records, place = [], 7  # W&B's own header
    while place + 7 <= len(data):
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        part = data[place + 7 : place + 7 + length]
        if kind in (1, 2):
            records.append(part)
        else:
            records[-1] += part
        place += 7 + length
    return records


def read_log(folder: Path) -> dict[str, list]:
    """Return what a run's own file holds: config, history rows, summary updates and exit codes."""
    import wandb
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # waits until W&B's service has written its files, as the end of a process does
    logged: dict[str, list] = {"config": [], "history": [], "summary": [], "exit": []}
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    for data in blocks(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            logged["config"] += [(item.key, json.loads(item.value_json)) for item in record.run.config.update]
        elif kind == "history":
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            logged["history"].append(items)
        elif kind == "summary":
            logged["summary"] += [(i.key or ".".join(i.nested_key), json.loads(i.value_json)) for i in record.summary.update]
        elif kind == "exit":
            logged["exit"].append(record.exit.exit_code)
    return logged


def test_wandb_without_a_key_logs_config_curves_and_summary_offline_and_asks_nothing(tmp_path, capfd):
    folder = tmp_path / "run"
    with WANDB.session(folder, about("abc")) as session:
        session.log(0, {"forget/bio": 1.5, "retain/bio": None})
        session.log(1, {"forget/bio": 1.25})
        session.summarise({"status": "finished", "mmlu/clean": 0.5})
        assert session.id == "abc"
    shown = capfd.readouterr()
    assert shown.out == ""
    where = f"{tmp_path}/*/wandb"
    assert shown.err == f"W&B: offline runs lie in {where}; `wandb sync {where}/offline-*` sends them\n"
    with WANDB.session(tmp_path / "another", about("abd")):
        pass
    assert capfd.readouterr().err == "", "it is said once"
    shutil.rmtree(tmp_path / "another")
    logged = read_log(folder)
    assert ("seed", 3) in logged["config"]
    assert ("noise", {"scale": 0.5}) in logged["config"]
    curve = [(row["step"], row["forget/bio"]) for row in logged["history"]]
    assert curve == [(0, 1.5), (1, 1.25)]
    assert ("status", "finished") in logged["summary"]
    assert ("mmlu/clean", 0.5) in logged["summary"]
    assert len(logged["exit"]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run", "home"}
    assert [path.name for path in folder.iterdir()] == ["wandb"]


def test_wandb_gets_scores_by_subject_as_a_table_and_the_record_as_an_artifact(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "record.json").write_text("{}")
    with WANDB.session(folder, about("abc")) as session:
        session.table("subjects", ("group", "accuracy"), [["law", 0.5], ["anatomy", None]])
        session.log_artifact("record-abc", [folder / "record.json"])
    read_log(folder)
    (table,) = folder.glob("wandb/offline-run-*/files/media/table/subjects*.json")
    assert json.loads(table.read_text())["data"] == [["law", 0.5], ["anatomy", None]]
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    assert b"record-abc" in file.read_bytes()


def test_wandb_goes_on_when_an_artifact_cannot_be_made(tmp_path, capsys):
    with WANDB.session(tmp_path / "run", about("abc")) as session:
        session.log_artifact("record-abc", [tmp_path / "not there"])
        session.log(0, {"forget/bio": 1.5})
    messages = capsys.readouterr().err
    assert messages.startswith("warning: wandb: ")
    assert messages.count("warning: ") == 1
    assert messages.count("\n") == 2  # the other says where offline runs lie
    assert len(read_log(tmp_path / "run")["history"]) == 1


def raise_within(folder: Path) -> None:
    with WANDB.session(folder, about("abc")) as session:
        session.log(0, {"forget/bio": 1.5})
        raise ValueError("boom")


def test_wandb_finishes_its_session_when_the_run_raises(tmp_path):
    with pytest.raises(ValueError, match="boom"):
        raise_within(tmp_path / "run")
    import wandb

    assert wandb.run is None
    logged = read_log(tmp_path / "run")
    assert logged["history"][0]["forget/bio"] == 1.5
    assert len(logged["exit"]) == 1


def test_wandb_tells_a_run_that_raised_from_one_that_ended_well(tmp_path):
    with pytest.raises(ValueError, match="boom"):
        raise_within(tmp_path / "run")
    assert read_log(tmp_path / "run")["exit"] != [0]


def test_a_key_in_the_environment_is_found(monkeypatch):
    assert not has_key()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert has_key()


def test_a_key_that_wandb_login_saved_is_found(home):
    from wandb.sdk.lib.urls import DEFAULT_BASE_URL
    from wandb.sdk.lib.wbauth import write_netrc_auth

    write_netrc_auth(host=DEFAULT_BASE_URL, api_key="a" * 40)
    assert has_key()


def test_wandb_mode_disabled_in_the_environment_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with WANDB.session(tmp_path / "run", about("abc")) as session:
        session.log(0, {"forget/bio": 1.5})
    assert list(tmp_path.glob("run/wandb/*")) == []


def test_the_null_tracker_takes_everything_and_writes_nothing(tmp_path):
    with NullTracker().session(tmp_path / "run", about("abc")) as session:
        session.log(0, {"forget/bio": 1.5})
        session.summarise({"status": "finished"})
        session.table("subjects", ("group",), [["law"]])
        session.log_artifact("record", [])
        assert session.id is None
    assert not (tmp_path / "run").exists()


def test_importing_the_run_imports_no_tracker():
    code = "import sys, rna_bench.sweep.launch; sys.exit(bool({'wandb', 'trackio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_goes_on_without_a_tracker_that_cannot_begin(tmp_path, capsys):
    (tmp_path / "run").touch()
    with WANDB.session(tmp_path / "run", about("abc")) as session:
        session.log(0, {"forget/bio": 1.5})
        assert session.id is None
    messages = capsys.readouterr().err
    assert messages.startswith("warning: wandb: ")
    assert "the run goes on" in messages
    assert messages.count("\n") == 1


class Broken:
    id = "abc"
    calls = 0

    def log(self, step, values):
        self.calls += 1
        raise OSError(28, "No space left on device")

    summarise = table = log_artifact = log


def test_a_failing_tracker_is_reported_once_and_not_called_again(capsys):
    session = FaultTolerantSession(broken := Broken(), "wandb")
    for step in range(3):
        session.log(step, {})
    session.summarise({"status": "finished"})
    session.table("subjects", (), ())
    session.log_artifact("record", ())
    messages = capsys.readouterr().err
    assert messages == (
        "warning: wandb: [Errno 28] No space left on device; "
        "the run goes on, and its record has everything that the tracker lacks\n"
    )
    assert broken.calls == 1


def test_sigterm_is_an_exit_inside_and_what_it_was_outside():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, terminable():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_training_that_keeps_its_state_on_sigterm_does_so_while_a_tracker_is_open():
    seen = []

    def train() -> None:
        with sigterm_noted() as must_end:
            signal.raise_signal(signal.SIGTERM)
            seen.append(must_end())  # not ended yet: there is time to keep what was done

    with pytest.raises(SystemExit) as ended, terminable():
        train()
    assert (seen, ended.value.code) == ([True], 143)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
