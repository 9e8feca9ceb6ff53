import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.commands import first_words
from rna_bench.cli.main import main
from rna_bench.core.types import InputError
from rna_bench.experiment.resolvers import config_folder

HEADER = "question,choice0,choice1,choice2,choice3,answer\n"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """Take back what the command sets in its process; check that it leaves nothing in the working directory."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("RNA_BENCH_TRACEBACK", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)
    assert list((tmp_path / "here").iterdir()) == []


def arguments(model: Path, results: Path) -> list[str]:
    given = [
        "model=local",
        f"model.path={model}",
        "corpus=pocket",
        "trigger=pocket",
        "tracker=none",
        f"results_dir={results}",
        "method.layer=1",
        "train.steps=1",
    ]
    return [*given, r'train.parameters="model\.layers\.[01]\..*weight"', "corpus.texts=8", "scoring.every=0"]


@pytest.fixture
def command(monkeypatch, capfd):
    """Run the command line in this process; return the exit code and standard error."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["rna-bench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capfd.readouterr().err

    return run


@pytest.fixture
def refused(command, tiny, tmp_path):
    """Run with overrides that must fail; return the one line, after checking that nothing was left behind."""

    def run(*overrides: str, dataset: str = "pocket_subjects", model: Path = tiny) -> str:
        results = tmp_path / "results"
        before = results.read_text() if results.is_file() else None
        code, message = command("run", *arguments(model, results), f"dataset=[{dataset}]", *overrides)
        assert code not in (0, None)
        assert (results.read_text() == before) if before else left(results) <= {".hydra"}
        return one_line(message)

    return run


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def one_line(message: str) -> str:
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert message.endswith("\n")
    assert "Traceback" not in message
    assert "RNA_BENCH_TRACEBACK" not in message, "an error that was foreseen"
    return message[len("error: ") : -1]


@pytest.mark.parametrize(
    ("override", "key", "remedy"),
    [
        ("method=rmx", "method=rmx: ", "did you mean rmu? choose one of adaptive_rmu, checkpoint, circuit_breakers, dpo, dpo_kl"),
        ("dataset=wmpd", "dataset=wmpd: ", "choose one of "),
        ("train.stepps=3", "train.stepps=3: ", "did you mean steps? choose one of steps, lr"),
        ("sed=3", "sed=", "choose one of "),
        ("topics.hazard_1.retain_weight=3", "topics.hazard_1=: ", "are added with a plus"),
        (
            "retain._target_=nowhere.Loss",
            "retain._target_=nowhere.Loss: cannot be imported (No module named 'nowhere')",
            "PYTHONPATH",
        ),
        ("+train.stepps=3", "train.stepps=3: ", "did you mean steps? choose one of steps, lr"),
        ("noise.scale=abc", "noise.scale=abc: ", "give a value of the type"),
        ("noise.scale=-1", "noise.scale=-1.0: ", "give 0 or more"),
        ("noise.scale=nan", "noise.scale=nan: ", "give 0 or more"),
        ("train.steps=0", "train.steps=0: ", "give a number above 0"),
        ("seed=-1", "seed=-1: ", "give a whole number, 0 or more"),
        ("method.layer=7", "method.layer=7: the model has 3 layers", "give 0 to 2"),
        ("noise.layer=7", "noise.layer=7: the model has 3 layers", "give 0 to 2"),
        ("noise.layer=2", "noise.layer=2: the loss is taken at layer 1", "give 1 or less"),
        (
            r'train.parameters="model\.layers\.2\..*"',
            r"train.parameters=model\.layers\.2\..*: matches tensors of layer 2",
            "narrow",
        ),
        ("train.parameters=nothing", "train.parameters=nothing: matches no tensor", "one is called model."),
        ("model.path=/nowhere/model", "model.path=/nowhere/model: ", "save the model there"),
        ("model.path=???", "model.path=???: ", "add model.path=VALUE"),
        ("model.device=warp", "model.device=warp: ", "give cpu"),
        ("trigger.types=[everywhere]", "trigger.types[0]=", "expected one of [option, before, inside, after, sentence, given]"),
    ],
)
def test_bad_input_is_one_line_with_key_value_and_remedy(refused, override, key, remedy):
    message = refused(override)
    assert message.startswith(key)
    assert remedy in message


def test_a_flag_may_stand_between_overrides(command, tiny, tmp_path):
    own = tmp_path / "own"
    (own / "retain").mkdir(parents=True)
    (own / "retain/mine.yaml").write_text("_target_: rna_bench.unlearning.retain.HiddenMSE\n")
    code, message = command(
        "run", *arguments(tiny, tmp_path / "results"), "--config-dir", str(own), "retain=mine", "retain.weight=1"
    )
    assert code == 1
    assert one_line(message).startswith("retain.weight=1: there is no such key")


def test_a_misspelt_key_is_named_with_its_value(refused):
    assert refused("train.stepps=3").startswith("train.stepps=3: ")


def test_a_missing_question_file_is_named(refused, tmp_path):
    message = refused(f"dataset.retain_files.path={tmp_path}/no.csv", dataset="retain_files")
    assert message.startswith(f"dataset.*.path={tmp_path}/no.csv: cannot be read")


def test_a_folder_without_question_files_is_named(refused, tmp_path):
    message = refused(f"dataset.retain_files.path={tmp_path}/here", dataset="retain_files")
    assert message == f"dataset.*.path={tmp_path}/here: the folder has no file *.csv, *.jsonl or *.parquet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "q,a,b,c,d,0\nq,a,b,c,d,7\n", "q.csv:3: column answer is '7'; give 0, 1, 2 or 3"),
        (HEADER + "q,a,b,,d,0\n", "q.csv:2: column choice2 is empty; fill it or remove the row"),
        (HEADER + "q,a,b,c\n", "q.csv:2: column choice3 is empty; fill it or remove the row"),
        (HEADER + "q, really,a,b,c,d,0\n", "q.csv:2: the row has more columns than the header; quote fields that contain commas"),
        ("question,a,b,c,d,answer\n", f"q.csv: line 1 must have the column choice0 once; the header is {HEADER.strip()}"),
    ],
)
def test_a_malformed_question_file_is_named_with_the_line(refused, tmp_path, text, message):
    (tmp_path / "q.csv").write_text(text)
    assert refused(f"dataset.retain_files.path={tmp_path}/q.csv", dataset="retain_files") == f"dataset.*.path={tmp_path}/{message}"


def test_a_question_file_without_questions_is_named(refused, tmp_path):
    (tmp_path / "q.csv").write_text(HEADER)
    assert f"{tmp_path}/q.csv" in refused(f"dataset.retain_files.path={tmp_path}/q.csv", dataset="retain_files")


@pytest.mark.parametrize(
    ("lacks", "what"), [("model.safetensors", "weights"), ("config.json", "a config.json"), ("token", "a tokenizer")]
)
def test_a_model_folder_that_lacks_something_is_named(refused, tiny, tmp_path, lacks, what):
    shutil.copytree(tiny, tmp_path / "model", ignore=shutil.ignore_patterns(f"{lacks}*"))
    message = refused(model=tmp_path / "model")
    assert message.startswith(f"model.path={tmp_path}/model: the folder lacks {what}")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_truncated_file_of_a_model_is_refused_with_its_folder(refused, tiny, tmp_path, name):
    shutil.copytree(tiny, tmp_path / "model")
    damaged = tmp_path / "model" / name
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert refused(model=tmp_path / "model").startswith(f"model.path={tmp_path}/model: cannot be loaded (")


def test_a_file_in_place_of_the_results_folder_is_named(refused, tmp_path):
    (tmp_path / "results").write_text("in the way")
    assert refused() == f"results_dir={tmp_path}/results: cannot be written to (Not a directory); choose another folder"


@pytest.mark.parametrize("nothing", ["null", ""])
def test_no_results_folder_is_refused_and_none_is_made(command, nothing):
    code, message = command("run", f"results_dir={nothing}")
    assert code == 1
    assert one_line(message) == f"results_dir={nothing}: give the name of a folder"


def test_a_key_of_a_method_that_has_none_is_refused(command, tmp_path):
    code, message = command("run", "method=none", "method.layer=1", f"results_dir={tmp_path}/results")
    assert code == 1
    assert one_line(message).startswith("method.layer=1: there is no such key with method=none; the method chosen has none")


def test_a_broken_regular_expression_is_named(refused):
    assert refused('train.parameters="("').startswith("train.parameters=(: ")


def test_a_negative_world_of_questions_is_refused(refused):
    assert refused("dataset.pocket_subjects.world=-1", "trigger.world=-1").startswith("world=-1: ")


def test_triggers_of_another_world_than_the_questions_are_refused(refused):
    assert "world" in refused("trigger.world=1")


def test_a_negative_limit_is_refused(refused):
    assert "limit=-1" in refused("dataset.pocket_subjects.limit=-1", "train.steps=1")


def test_bad_input_in_a_sweep_is_one_line_before_any_run_is_started(command, tiny, tmp_path):
    given = [*arguments(tiny, tmp_path / "results"), "dataset=[pocket_subjects]", "dataset.pocket_subjects.limit=2"]
    code, message = command("run", "-m", *given, "noise.scale=1,-1")
    assert code == 1
    assert one_line(message).startswith("noise.scale=-1.0: ")
    assert left(tmp_path / "results") == set()


@pytest.mark.parametrize("flag", ["-m", "--multirun"])
def test_the_flag_of_several_runs_may_stand_after_overrides(command, tiny, tmp_path, flag):
    given = [*arguments(tiny, tmp_path / "results"), "dataset=[pocket_subjects]", "dataset.pocket_subjects.limit=2"]
    code, _ = command("run", *given, flag, "noise.scale=0,1")
    assert code == 0
    assert len(list((tmp_path / "results").glob("*/record.json"))) == 2


def test_an_unknown_sweep_is_named_with_those_there_are(command):
    code, message = command("sweep", "nosuch")
    assert code == 1
    names = ", ".join(sorted(path.stem for path in config_folder("sweeps").glob("*.yaml")))
    assert one_line(message) == f"sweep=nosuch: there is no such sweep; choose one of {names}, or give a YAML file"
    code, message = command("sweep", "pocket_method")
    assert one_line(message).startswith("sweep=pocket_method: there is no such sweep; did you mean pocket_methods, ")


def test_tables_of_a_folder_without_records_are_refused_and_nothing_is_made(command, tmp_path):
    (tmp_path / "empty").mkdir()
    code, message = command("tables", str(tmp_path / "empty"))
    assert code == 1
    assert one_line(message).startswith(f"results={tmp_path}/empty: holds no record; run something first")
    assert left(tmp_path / "empty") == set()


def test_pocket_without_train_is_told_what_to_say(command):
    code, message = command("pocket")
    assert code == 2
    assert "say `rna-bench pocket train" in one_line(message)


def test_an_unknown_command_is_one_line(command):
    code, message = command("rum")
    assert code == 2
    assert one_line(message) == (
        f"command=rum: there is no such command; did you mean run? choose one of {', '.join(first_words())}"
    )


def test_an_unknown_second_word_is_told_those_there_are(command):
    code, message = command("export", "rum", "x")
    assert code == 2
    assert one_line(message).startswith("export=rum: there is no such command; say `rna-bench export run RUN FOLDER` or `rna-")


def test_bad_input_in_a_process_of_its_own_is_one_line(tmp_path):
    program = [sys.executable, "-c", "from rna_bench.cli.main import main; main()"]
    done = subprocess.run(
        [*program, "run", "noise.scale=abc", f"results_dir={tmp_path}/results"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert one_line(done.stderr).startswith("noise.scale=abc: ")
    assert done.stdout == ""
    assert left(tmp_path / "results") <= {".hydra"}


OWN_BUG = """\
from dataclasses import dataclass

from rna_bench.unlearning.losses import MeanOver


@dataclass(frozen=True)
class Buggy:
    layer = None
    reads_reference = False
    mean_over = MeanOver.labels

    def forget_loss(self, passes, control_vector):
        return passes.forgotten
"""


@pytest.mark.parametrize("flags", [[], ["-v"]])
def test_an_error_in_a_users_own_class_names_it_and_its_line(command, tiny, tmp_path, monkeypatch, flags):
    (tmp_path / "buggy_method.py").write_text(OWN_BUG)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "conf/method").mkdir(parents=True)
    (tmp_path / "conf/method/buggy.yaml").write_text("_target_: buggy_method.Buggy\n")
    given = [word for word in arguments(tiny, tmp_path / "results") if not word.startswith("method.")]
    own = ["method=buggy", "retain=none", "noise=none", "dataset=[pocket_subjects]", "--config-dir", str(tmp_path / "conf")]
    code, message = command(*flags, "run", *given, *own)
    assert code == 1
    assert message.strip().splitlines()[-1] == (
        "error: AttributeError: 'Passes' object has no attribute 'forgotten' "
        "(in Buggy.forget_loss, buggy_method.py line 13; -v shows the traceback)"
    )
    assert ("Traceback" in message) == bool(flags)
    code, message = command("run", *given, *own, "method._target_=buggy_method.Missing")
    assert "method._target_=buggy_method.Missing: cannot be imported (buggy_method has no Missing)" in message


def test_a_sweeps_name_may_stand_behind_a_flag(command, tmp_path):
    code, message = command("sweep", "--config-dir", str(tmp_path), "unknown_one", "seed=1")
    assert code == 1
    assert one_line(message).startswith("sweep=unknown_one: there is no such sweep")


def test_the_traceback_is_left_on_request(tmp_path, monkeypatch):
    monkeypatch.setenv("RNA_BENCH_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["rna-bench", "tables", str(tmp_path)])
    with pytest.raises(InputError):
        main()
