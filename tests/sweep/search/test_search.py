"""Searches of real runs, on a tiny model, through the command line."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas
import pytest

import rna_bench.sweep.search.search
from rna_bench.cli.main import main
from rna_bench.experiment.run import execute
from rna_bench.runs import lock
from rna_bench.runs.collection import collect

SMALL = [
    "model=local",
    "corpus=pocket",
    "trigger=pocket",
    "dataset=[pocket_hazard_1,pocket_subjects]",
    "dataset.pocket_hazard_1.limit=6",
    "dataset.pocket_subjects.limit=8",
    "corpus.texts=8",
    "method.layer=1",
    r'train.parameters="model\.layers\.[01]\..*weight"',
    "train.steps=2",
    "train.batch_size=2",
    "train.lr=0.01",
    "search.trials=4",
    "search.startup=2",
]


@pytest.fixture
def words(tiny, tmp_path):
    return lambda into: ["search", "pocket", *SMALL, f"model.path={tiny}", f"results_dir={tmp_path / into}"]


class Ended(NamedTuple):
    """A command that has ended: its exit code, standard output and standard error."""

    code: int
    results: str
    messages: str


@pytest.fixture
def search(words, tmp_path, monkeypatch, capsys):
    """Run the command line in this process."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = signal.getsignal(signal.SIGPIPE)

    def go(*more: str, into: str = "results") -> Ended:
        monkeypatch.setattr(sys, "argv", ["rna-bench", *words(into), *more])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    yield go
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def break_at(monkeypatch):
    """Make the run that comes after so many others end with an error."""

    def at(number: int, error: BaseException) -> None:
        calls = iter(range(1000))

        def run(plan, **more):
            if next(calls) == number:
                raise error
            return execute(plan, **more)

        monkeypatch.setattr(rna_bench.sweep.search.search, "execute", run)

    return at


def reported_objectives(folder: Path) -> list[list[float]]:
    """Return the objectives reported to a journal, in order."""
    lines = map(json.loads, (folder / "search" / "study.journal").read_text().splitlines())
    return [line["values"] for line in lines if line.get("values")]


def records(folder: Path) -> dict[str, dict]:
    """Return each record outside what was measured, by identity."""
    by_name = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/record.json")}
    return {name: {key: value for key, value in record.items() if key != "measured"} for name, record in by_name.items()}


@pytest.mark.slow
def test_a_search_interrupted_in_a_run_and_started_again_is_the_search_uninterrupted(search, break_at, tmp_path):
    assert search("search.trials=3", into="whole").code == 0
    break_at(2, KeyboardInterrupt())
    assert search("search.trials=3", into="cut").code == 130
    assert len(records(tmp_path / "cut")) == 2
    ended = search("search.trials=3", into="cut")
    assert ended.code == 0
    assert "2 done, 1 under way of 3" in ended.messages
    assert "again, as its process" in ended.messages
    assert len(records(tmp_path / "cut")) == 3
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert reported_objectives(tmp_path / "cut") == reported_objectives(tmp_path / "whole")
    assert (tmp_path / "cut/search/front.csv").read_bytes() == (tmp_path / "whole/search/front.csv").read_bytes()


def test_a_failed_run_stops_no_other_and_is_tried_again_next_time(search, break_at, tmp_path):
    break_at(1, RuntimeError("out of memory\nin a kernel"))
    ended = search()
    assert ended.code == 1
    assert "FAILED: RuntimeError: out of memory in a kernel" in ended.messages
    assert "3 done, 1 failed of 4" in ended.results
    identities = set(records(tmp_path / "results"))
    (traceback,) = (tmp_path / "results").glob("*/traceback.txt")
    assert "out of memory" in traceback.read_text()
    ended = search()
    assert ended.code == 0
    assert "again, as it failed before: RuntimeError: out of memory" in ended.messages
    assert "recorded already" not in ended.messages
    assert "4 done of 4" in ended.results
    journal = (tmp_path / "results/search/study.journal").read_text()
    (new,) = set(records(tmp_path / "results")) - identities
    assert journal.count(f'"identity":"{new}"') == 2  # when it failed, and when it came out
    assert traceback.parent.name == new
    assert not traceback.exists()


def test_a_run_that_another_process_is_at_is_waited_for(monkeypatch, tmp_path, capsys):
    answers = iter([lock.BusyError("0123", None), lock.BusyError("0123", None), tmp_path])

    def busy_twice(plan, **more):
        answer = next(answers)
        if isinstance(answer, lock.BusyError):
            raise answer
        return answer

    monkeypatch.setattr(rna_bench.sweep.search.search, "execute", busy_twice)
    monkeypatch.setattr(rna_bench.sweep.search.search, "POLL", 0)
    assert rna_bench.sweep.search.search._execute(None) == tmp_path
    assert capsys.readouterr().err == "waiting: 0123 is being run by another process\n"


def test_a_launch_stops_when_nothing_works(search, monkeypatch):
    def broken(plan, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rna_bench.sweep.search.search, "execute", broken)
    ended = search()
    assert ended.code == 1
    assert ended.messages.count("FAILED: OSError") == 3
    assert "stopped after 3 failures in a row" in ended.messages
    assert "Nothing is on the front yet." in ended.results


def test_a_diverged_run_fails_for_good(search):
    ended = search("train.lr=1e30", "search.trials=1")
    assert ended.code == 1
    assert "FAILED: diverged: " in ended.messages
    ended = search("train.lr=1e30", "search.trials=1")
    assert ended.code == 1
    assert "diverged: " not in ended.messages
    assert "1 failed of 1" in ended.messages


def test_what_is_recorded_costs_nothing_in_another_study_and_the_front_no_run_at_all(search, tmp_path, monkeypatch):
    assert search("search.trials=2").code == 0
    assert search("search.trials=2", "search.folder=other").messages.count("recorded already, nothing to do") == 2
    monkeypatch.setattr(rna_bench.sweep.search.search, "execute", None)
    ended = search("--front", "search.trials=2")
    assert (ended.code, ended.messages) == (0, "")
    assert (tmp_path / "results/search/front.md").read_text(encoding="utf-8") == ended.results
    front = pandas.read_csv(tmp_path / "results/search/front.csv")
    assert list(front) == ["trial", "scale", "layer", "forget_accuracy", "perturbed_accuracy", "run"]
    by_identity = {record.identity: record for record in collect(tmp_path / "results").records}
    for row in front.itertuples():
        noise = by_identity[row.run].config["noise"]
        assert (noise["scale"], noise["layer"]) == (row.scale, row.layer)
        assert by_identity[row.run].scores[0].accuracy == pytest.approx(row.forget_accuracy / 100)


def start(words: list[str]) -> subprocess.Popen:
    code = "import sys; from rna_bench.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.slow
def test_a_search_killed_at_random_moments_ends_as_one_that_was_not(search, words, tmp_path):
    assert search("search.trials=12", into="whole").code == 0
    chance, kills = random.Random(0), 0
    for _ in range(20):
        process = start([*words("cut"), "search.trials=12"])
        assert process.stdout.readline().startswith("search pocket: ")  # it has begun
        try:
            process.wait(timeout=chance.uniform(0, 2))
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
    journal = (tmp_path / "cut/search/study.journal").read_text()
    assert kills >= journal.count('"state":3') >= 5  # failed trials: those whose process was killed
    assert search("search.trials=12", into="cut").code == 0
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert len(records(tmp_path / "cut")) == 12
    assert reported_objectives(tmp_path / "cut") == reported_objectives(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_at_once_share_a_search(words, tmp_path):
    both = [start([*words("shared"), "search.trials=16"]) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len(records(tmp_path / "shared")) == len(reported_objectives(tmp_path / "shared")) == 16
    assert all("finished" in each for each in outputs), "one of them did it all"
    assert sum(each.count(": finished") for each in outputs) == 16
