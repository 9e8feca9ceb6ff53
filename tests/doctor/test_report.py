import os
import socket

import pytest
import torch

from rna_bench.cli.main import main
from rna_bench.doctor import access
from rna_bench.doctor.access import CheckStatus
from tests.builders.pocket import POCKET

REAL = ["corpus=text", "corpus.forget={bio: f.txt, cyber: g.txt}", "corpus.retain=r.txt"]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """A machine without GPU and network, with an empty hub cache and an empty working folder."""

    def refuse(*_):
        raise AssertionError("the network was asked")

    for name in ("HF_HUB_OFFLINE", "WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert list((tmp_path / "here").iterdir()) == []


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Run the command in a wide terminal; return exit code, report and the text on stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "130")
        monkeypatch.setattr("sys.argv", ["rna-bench", "doctor", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def test_a_pocket_model_of_another_world_has_yet_to_be_trained(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "cache"))
    code, report, _ = doctor("model.world=2")
    assert code == 0
    assert "OK  model: pocket world 2 has yet to be trained, which a run does first: about 8 minutes" in report
    assert "362,112 parameters: 6 layers of 64, vocabulary" in report  # known before it is trained
    assert not (tmp_path / "cache").exists()


def test_on_pocket_nothing_is_missing(doctor):
    code, report, output = doctor("model=pocket")
    assert (code, output) == (0, "")
    assert report.endswith("\nnothing is missing\n")
    assert "rna-bench fetch" not in report
    assert "MISSING" not in report
    assert "WRONG" not in report
    for line in (
        "pocket: world 0, float32 on cpu",
        "rmu at layer 1",
        "nu = 1 rms at layer 1",
        "9 prompts",
        "192 questions to retain",
    ):
        assert line in report


def test_everything_that_zephyr_lacks_is_named_with_its_remedy_offline(doctor):
    code, report, output = doctor("model=zephyr_7b", "method=rmu", "noise=rna", *REAL)  # 5 seconds, mostly imports
    assert (code, output) == (1, "")
    missing = [line for line in report.splitlines() if line.startswith("  MISSING")]
    for line, start in zip(missing, ("model: model.repo=HuggingFaceH4/zephyr", "corpus: corpus.retain=r.txt"), strict=False):
        assert start in line
    assert "device: model.device=cuda: this machine has no GPU" in missing[-1]
    assert report.endswith(f"\n{len(missing)} things are missing\n")
    for line in ("7.24 billion parameters", "layers 5, 6, 7", "weights 14.5 GB", "100 TFLOP/s", "checked against the architecture"):
        assert line in report


def test_a_model_from_the_hub_selects_the_papers_data_and_each_missing_source_is_named(doctor):
    code, report, _ = doctor("model=zephyr_7b", "method=rmu", "noise=rna")
    assert code == 1
    wanted = ("corpus.forget.bio", "corpus.forget.cyber", "corpus.retain", "dataset.wmdp_bio", "dataset.wmdp_cyber", "dataset.mmlu")
    for key in wanted:
        assert f"{key}.repo=" in report
        assert f"{key}.path=FOLDER" in report
    assert "it is gated, so ask for access on" in " ".join(report.split())
    assert "\n  rna-bench fetch model=zephyr_7b method=rmu noise=rna\n" in report
    assert report.endswith("\n8 things are missing\n")


def test_pocket_text_with_a_real_model_gives_a_note_and_foreign_topics_are_wrong(doctor):
    code, report, _ = doctor("model=zephyr_7b", "corpus=pocket", "dataset=pocket_subjects", "trigger=pocket")
    assert code == 1
    assert "WRONG    corpus: topics.cyber" in report
    assert "The pocket world's text and questions mean nothing to this model" in report
    assert report.endswith("\n2 things are missing, 1 setting is wrong\n")


def test_a_model_without_a_preset_gets_a_note(doctor):
    assert "There is no preset for mistral_7b with npo_kl" in doctor("model=mistral_7b", "method=npo_kl", *REAL)[1]
    assert "There is no preset" not in doctor("model=mistral_7b", "method=npo_kl", "preset=zephyr_7b_npo_kl", *REAL)[1]


def test_what_a_copied_folder_lacks_is_named(doctor, tiny, tmp_path):
    assert doctor("model=zephyr_7b", f"model.path={tmp_path}/no")[1].count(f"model.path={tmp_path}/no: the folder lacks") == 1
    code, report, output = doctor("model=zephyr_7b", f"model.path={tiny}")
    remedy = (
        f"(model_type llama in its config.json, where the model has mistral); say model=local model.path={tiny} model.name=NAME"
    )
    assert (code, report) == (1, "")
    assert output == f"error: model.path={tiny}: is no copy of HuggingFaceH4/zephyr-7b-beta {remedy}\n"
    assert f"copied to {tiny}" in doctor("model=zephyr_7b", f"model.path={tiny}", "model.architecture=null")[1]


def test_a_local_model_is_estimated_from_its_own_config(doctor, tiny):
    given = ["model=local", f"model.path={tiny}", *POCKET, "method.layer=1", r'train.parameters="model\.layers\.[01]\..*weight"']
    code, report, _ = doctor(*given, "tracker=none")
    assert code == 0
    assert "3 layers of 16" in report
    code, report, _ = doctor("model=local", "model.path=/nowhere", *POCKET)
    assert code == 1
    assert "its dimensions are unknown until it is available" in report
    assert "Estimates" not in report


@pytest.mark.parametrize(
    ("override", "output"),
    [
        ("method.layer=9", "WRONG layers and trained tensors: method.layer=9: the model has 6 layers; give 0 to 5"),
        ("train.parameters=abc", "train.parameters=abc: matches no tensor of the model; one is called model.layers.0.mlp."),
        ("method.layer=0", "above method.layer=0, which no loss reaches; narrow the pattern"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_wrong(doctor, override, output):
    code, report, _ = doctor(override)
    assert code == 1
    assert output in " ".join(report.split())
    assert report.endswith("\n1 setting is wrong\n")


def test_malformed_questions_are_wrong(doctor, tmp_path):
    (tmp_path / "q.csv").write_text("question,choice0,choice1,choice2,choice3,answer\nq,a,b,c,d,7\n")
    _, report, _ = doctor("dataset=retain_files", f"dataset.retain_files.path={tmp_path}/q.csv")
    assert "WRONG  dataset retain_files: dataset.*.path=" in report
    assert "10,000 prompts" in report


@pytest.mark.parametrize(
    ("override", "start"),
    [
        ("method=rmx", "error: method=rmx: there is no such option; did you mean rmu? choose one of adaptive_rmu"),
        ("train.stepps=3", "error: train.stepps=3: there is no such key; did you mean steps? choose one of steps"),
        ("noise.scale=abc", "error: noise.scale=abc: "),
        ('train.parameters="("', "error: train.parameters=(: is not a valid regular expression"),
        ("+model.architecture.layer=3", "error: model.architecture.layer=3: is not a key of Architecture"),
    ],
)
def test_bad_overrides_are_one_line(doctor, override, start):
    code, report, output = doctor("model=zephyr_7b", override)
    assert (code, report) == (1, "")
    assert output.startswith(start)
    assert output.count("\n") == 1


def test_the_rate_can_be_given(doctor):
    assert "2 TFLOP/s" in doctor("--tflops", "2")[1]
    assert "0 is no number above 0" in doctor("--tflops", "0")[2]


def test_help_says_what_it_does(doctor):
    code, output, _ = doctor("--help")
    assert code == 0
    assert "what is missing for it and how to get that" in " ".join(output.split())


def test_lines_fit_the_terminal(doctor, monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    _, report, _ = doctor("model=gemma3_12b", "method=dpo_mse")
    assert max(len(line) for line in report.splitlines() if len(line.split()) > 1) <= 80  # a long path is not broken


def test_a_results_folder_that_cannot_be_made_is_missing(tmp_path):
    (tmp_path / "file").write_text("")
    assert access.results(tmp_path / "file" / "runs").status is CheckStatus.missing
    assert access.results(tmp_path / "a" / "b").status is CheckStatus.ok


def test_a_disk_without_room_is_missing(tmp_path):
    assert access.disk("disk", tmp_path / "new", 10**18).status is CheckStatus.missing


def test_devices(monkeypatch):
    assert access.device("cpu", 10**18).status is CheckStatus.ok
    assert access.device("cuda", 0).status is CheckStatus.missing
    monkeypatch.setattr(access, "find_spec", lambda _: None)
    assert "accelerate" in access.device("auto", 0).message


@pytest.mark.parametrize(("size", "text"), [(0, "0.0 MB"), (362_112 * 4, "1.4 MB"), (352e6, "0.35 GB"), (14.48e9, "14.5 GB")])
def test_sizes_are_in_gb_and_small_ones_in_mb(size, text):
    assert access.gigabytes(size) == text


def test_a_value_that_each_topic_has_of_its_own_is_not_shown_for_all(doctor):
    report = " ".join(doctor("model=zephyr_7b", "method=npo_kl")[1].split())
    assert "retain loss KL by topic, as below preset" in report
    assert "150 steps of 4 texts, AdamW" in report
    assert "cyber: up to 768 tokens to forget and 768 to retain, retain loss x 50" in report
    rmu = " ".join(doctor("model=zephyr_7b", "method=rmu")[1].split())
    assert "retain loss HiddenMSE x 1200 unless a topic below has its own" in rmu
