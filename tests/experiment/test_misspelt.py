"""Misspelt groups, options and keys are refused before anything heavy is imported; whatever may be right is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.core.conf_files import config_folder, sweeps, yaml_of
from rna_bench.core.types import InputError
from rna_bench.experiment.misspelt import check_spelling

OWN = {
    "method/zero.yaml": "# @package _global_\nmethod: {_target_: own_known.Zero, layer: 1}\nmine: 3\n",
    "method/odd.yaml": "_target_: own_known.Heir\n",
    "noise/mist.yaml": "_target_: own_known.Mist\n",
    "dataset/exam.yaml": "exam:\n  _target_: rna_bench.data.questions.QuestionFiles\n",
    "dose/low.yaml": "amount: 1\n",
}
SOURCE = "class Zero:\n    layer: int\n    push: float\n\nclass Heir(Zero): ...\n\nclass Mist:\n    density: float\n"


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    for name, text in OWN.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text)
    (tmp_path / "own_known.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("methd=rmu", "methd=rmu: there is no such key; did you mean method?"),
        ("method=rmuu", "method=rmuu: there is no such option; did you mean rmu?"),
        ("method=rmu,npoo", "method=npoo: there is no such option; did you mean npo"),
        ("noise.scal=1", "noise.scal=1: there is no such key; did you mean scale?"),
        ("+noise.scal=1", "noise.scal=1: there is no such key; did you mean scale?"),
        ("train.stepz=3", "train.stepz=3: there is no such key; did you mean steps?"),
        ("dataset=[mmlu,wmdp_bo]", "dataset=wmdp_bo: there is no such option; did you mean wmdp_bio,"),
        ("dataset.mmul.path=x", "dataset.mmul.path=x: there is no such key; did you mean mmlu?"),
        ("dataset.mmlu.pth=x", "dataset.mmlu.pth=x: there is no such key; did you mean path?"),
        ("retain.weight=3", "retain.weight=3: there is no such key; choose one of layers, log_probabilities, positions"),
    ],
)
def test_what_there_is_not_is_told_what_is_like_it(word, message):
    with pytest.raises(InputError) as refused:
        check_spelling(["seed=1", word])
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "word",
    [
        "method=null",  # composition says what to give instead
        "method='a b'",
        "method=choice(rmu,npo)",
        "~method",
        "+method@other=rmu",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "preset=none",
        "train.accumulation=4",  # an earlier name
        "trigger.kinds=[before]",
        "corpus.forget.topic=file.txt",
        "+topics.cyber.retain_weight=3",
        "model.architecture.layers=3",
        "model.pretraining.layers=3",
        "steps",
        "=3",
    ],
)
def test_what_may_be_right_is_left_to_composition(word):
    check_spelling([word])


def test_a_folder_of_ones_own_adds_groups_options_and_keys(own):
    given = [
        "method=zero",
        "method.push=1",
        "mine=4",
        "noise=mist",
        "noise.density=2",
        "dataset=[exam]",
        "dose=low",
        "dose.amount=2",
    ]
    check_spelling([*given, "dataset.exam.path=x"], own)
    with pytest.raises(InputError, match=r"^noise.densty=2: there is no such key; did you mean density\?"):
        check_spelling(["noise.densty=2"], own)
    with pytest.raises(InputError, match=r"^method=zer: there is no such option; did you mean zero\?"):
        check_spelling(["method=zer"], own)
    with pytest.raises(InputError, match=r"^noise=mist: "):
        check_spelling(["noise=mist"])


def test_a_class_whose_fields_are_not_known_may_have_any_key(own):
    check_spelling(["method=odd", "method.whatever=3"], own)


def test_a_folder_that_is_not_there_or_another_search_path_is_left_to_composition():
    check_spelling(["methd=rmu"], Path("nowhere"))
    check_spelling(["hydra.searchpath=[file:///elsewhere]", "method=theirs"])


@pytest.mark.parametrize("name", ["", "search"])
def test_every_key_of_the_projects_sweeps_is_known(name):
    for file in sweeps(name).values():
        values = yaml_of(file)
        params = values.get("hydra", {}).get("sweeper", {}).get("params", {}) or {}
        words = [f"{key}={value}" for key, value in params.items()]
        words += [f"{section}.{key}=x" for section, keys in values.items() if isinstance(keys, dict) for key in keys]
        check_spelling([word for word in words if not word.startswith("hydra.")], None, file)


def test_every_key_of_every_option_is_known():
    for file in config_folder("conf").rglob("*/*.yaml"):
        whole, values = "@package _global_" in file.read_text(encoding="utf-8"), yaml_of(file) or {}
        for section, keys in values.items() if whole else [(file.parent.name, values)]:
            if isinstance(keys, dict) and section != "hydra":
                check_spelling([f"{section}.{key}=x" for key in keys if key != "defaults"])


@pytest.mark.parametrize(
    "words",
    [
        ["run", "methd=rmu"],
        ["run", "-m", "seed=1,2", "method=rmuu"],
        ["sweep", "demo", "train.stepz=3"],
        ["search", "pocket", "nois.scale=1"],
        ["doctor", "noise.scal=1"],
        ["export", "lm-eval", "out", "dataset=mmlux"],
        ["pocket", "train", "model.wrld=1"],
    ],
    ids=" ".join,
)
def test_every_command_answers_before_torch_is_imported(words, tmp_path):
    code = (
        f"import sys; sys.argv = ['rna-bench', *{words}]\n"
        "from rna_bench.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted({'torch', 'hydra', 'omegaconf', 'pandas'} & {*sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    message, heavy = done.stderr.split("\n", 1)
    assert message.startswith("error: ")
    assert "there is no such" in message
    assert (done.returncode, heavy.strip(), list(tmp_path.iterdir())) == (1, "", [])


def test_keys_of_a_class_that_a_word_names_are_left_to_composition():
    check_spelling(["method._target_=mine.Method", "+method.fails=true", "method.mine=1"])
    with pytest.raises(InputError, match="did you mean steps"):
        check_spelling(["method._target_=mine.Method", "train.stepps=1"])


def test_a_key_of_no_section_is_refused_though_it_is_added():
    with pytest.raises(InputError, match="new=3: there is no such key"):
        check_spelling(["+new=3"])
