"""What `released=true` composes: for every method and model, under the command line, and without it."""

import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.core.conf_files import config_folder
from rna_bench.core.renames import quoted, unquoted
from rna_bench.core.types import InputError, Padding
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import identity
from rna_bench.sweep.launch import combinations

METHODS = ["rmu", "adaptive_rmu", "rsv", "npo_kl", "npo_mse", "dpo_kl", "dpo_mse", "simnpo_kl", "simnpo_mse"]
EVERYWHERE = {"train.padding": "included", "train.reference_attention": "unmasked", "optimizer.variant": "transformers"}
EVERYWHERE |= {"model.attention": "eager"}
LIKELIHOODS = {"retain.log_probabilities": "bfloat16", "retain.positions": "all", "method.reduction": "token_mean"}
OWN = {"rsv": {"method.direction": "bfloat16"}}
OWN |= {name: {"method.variant": "released", "method.refusal_order": "first"} for name in ("dpo_kl", "dpo_mse")}
TEXT = {"corpus.order": "file", "corpus.headings": "keep", "corpus.min_characters": 0, "corpus.raw_topic": "cyber"}
STEERED_TEXT = TEXT | {"corpus.min_characters": 4}
RSV_TEXT = STEERED_TEXT | {"corpus.raw_topic": "", "corpus.strip": True, "corpus.max_characters": 2000}
AT_DEFAULTS = [
    "released=false",
    "train.reference_attention=masked",
    "retain.log_probabilities=float32",
    "retain.positions=labels",
    "method.refusal_order=in_turn",
    "model.attention=null",
]


def plan(*words):
    return experiment_config(*compose_run(words), words)


def value(config, key):
    section, _, name = key.partition(".")
    defaults = {"corpus.strip": False, "corpus.max_characters": 0, "corpus.raw_topic": ""}  # which a record leaves out
    return config[section].get(name, defaults.get(key))


@pytest.mark.parametrize("model", ["pocket", "zephyr_7b"])
@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_composed_as_released_on_each_model(method, model):
    made = plan(f"method={method}", f"model={model}", "released=true")
    steers = method in ("rmu", "adaptive_rmu", "rsv")
    text = (RSV_TEXT if method == "rsv" else STEERED_TEXT if steers else TEXT) if model == "zephyr_7b" else {}
    expected = EVERYWHERE | ({} if steers else LIKELIHOODS) | OWN.get(method, {}) | text
    assert {key: value(made.config, key) for key in expected} == expected
    assert made.choices["released"] == "true"
    assert model == "pocket" or (made.choices["corpus"], made.config["corpus"]["retain"]["split"]) == ("wmdp_released", "test")
    assert made.cautions == ()


@pytest.mark.parametrize("method", METHODS)
def test_new_keys_at_their_defaults_are_in_no_record_and_make_no_other_run(method):
    plain, released = plan(f"method={method}"), plan(f"method={method}", "released=true")
    has = compose_run([f"method={method}"])[0]
    given = [word for word in AT_DEFAULTS if word.split("=")[0].partition(".")[2] in (has.get(word.split(".")[0]) or {})]
    same = plan(f"method={method}", *given, "released=false")
    assert same.config == plain.config
    assert identity(same.config, {}) == identity(plain.config, {}) != identity(released.config, {})
    later = ("reference_attention", "log_probabilities", "positions", "direction", "refusal_order", "attention")
    assert not {key for section in ("train", "retain", "method", "model") for key in plain.config[section] if key in later}


@pytest.mark.parametrize(
    ("words", "key", "expected"),
    [
        (["optimizer=adamw"], "optimizer.variant", "torch"),
        (["model=zephyr_7b", "optimizer=adamw"], "optimizer.variant", "torch"),
        (["optimizer.variant=torch"], "optimizer.variant", "torch"),
        (["train.padding=masked"], "train.padding", "masked"),
        (["model=zephyr_7b", "corpus=wmdp"], "corpus.order", "shuffled"),
        (["model=zephyr_7b", "corpus.min_characters=9"], "corpus.min_characters", 9),
        (["method=npo", "method.reduction=sequence_sum"], "method.reduction", "sequence_sum"),
        (["method=npo", "retain=kl"], "retain.log_probabilities", "bfloat16"),
        (["model.attention=sdpa"], "model.attention", "sdpa"),
    ],
)
def test_the_command_line_wins(words, key, expected):
    assert value(plan("released=true", *words).config, key) == expected


def test_only_the_released_switch_turns_the_text_of_a_corpus():
    made = plan("model=zephyr_7b", "corpus=wmdp_released", "method=rsv").config["corpus"]
    assert (made["order"], made["min_characters"], "max_characters" in made) == ("file", 4, False)


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        (["method=ga"], "method GA"),
        (["retain=kl", "method=rmu"], "retain loss KL with RMU"),
        (["retain=ce", "method=npo"], "retain loss CrossEntropy with NPO"),
    ],
)
def test_what_the_released_code_has_not_stays_and_one_line_says_so(words, lacking):
    made = plan("released=true", *words)
    (line,) = made.cautions
    assert line.startswith(f"released=true: the released code has no {lacking}, which stays as it is")
    assert made.recipe
    assert made.recipe.train.padding is Padding.included


def test_a_method_of_the_users_own_gets_what_surrounds_its_loss(tmp_path, monkeypatch):
    (tmp_path / "conf/method").mkdir(parents=True)
    (tmp_path / "conf/method/mine.yaml").write_text(
        "# @package _global_\ndefaults: [{override /retain@_global_.retain: kl}, _self_]\nmethod: {_target_: my_loss.Mine}\n"
        "train: {parameters: 'model\\.layers\\.1\\..*weight'}\n"
    )
    (tmp_path / "my_loss.py").write_text(
        "from dataclasses import dataclass\nfrom rna_bench.unlearning.losses import MeanOver\n@dataclass(frozen=True)\n"
        "class Mine:\n    layer = None\n    reads_reference = False\n    mean_over = MeanOver.labels\n"
        "    def forget_loss(self, passes, vector): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["method=mine", "released=true"]
    made = experiment_config(*compose_run(words, tmp_path / "conf"), words)
    assert {key: value(made.config, key) for key in EVERYWHERE} == EVERYWHERE
    assert made.config["retain"]["log_probabilities"] == "bfloat16"
    assert made.cautions == (
        "released=true: the released code has no method my_loss.Mine, which stays as it is; what surrounds the losses is as there",
    )


@pytest.mark.parametrize("given", ["yes", "TRUE", "1", "null"])
def test_another_value_is_refused_by_its_key(given):
    with pytest.raises(InputError, match=r"^released="):
        plan(f"released={given}")


def test_true_and_false_are_names_of_options_and_shown_as_typed():
    words = ["released=true", "released=true,false", "released='true'", "seed=1", "train.gradient_checkpointing=true"]
    assert quoted(words) == ["released='true'", "released='true','false'", "released='true'", *words[3:]]
    assert quoted(quoted(words)) == quoted(words)
    assert unquoted(quoted(words)) == ["released=true", "released=true,false", "released=true", *words[3:]]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=[] if "zephyr" in path.stem else pytest.mark.slow)
        for path in sorted(config_folder("sweeps").glob("paper_main_*.yaml"))
    ],
)
def test_the_papers_sweeps_compose_both_ways(name):
    file = config_folder("sweeps") / f"{name}.yaml"
    grid = combinations(file, quoted(["released=true,false", "method=rsv,dpo_kl", "seed=42"]), None)
    variants = {one.label: one.experiment.config.get("optimizer", {}).get("variant") for one in grid}
    text = {one.label: one.experiment.choices["corpus"] for one in grid}
    assert len(grid) == 8
    assert all(text[label] == ("wmdp_released" if "released=true" in label else "wmdp") for label in text)
    assert set(variants.values()) == {"transformers"}  # the presets have it either way


def test_a_run_as_released_is_recorded_with_its_pieces(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    few = ["dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=3", "dataset.pocket_subjects.limit=4"]
    small = ["train.steps=2", "train.batch_size=2", "scoring.every=0", "tracker=none", "train.parameters=[model.layers.1.*]"]
    words = [
        "released=true,false",
        "method=npo",
        "model=local",
        f"model.path={tiny}",
        "corpus=pocket",
        *few,
        *small,
        "trigger=none",
    ]
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", "-m", *words, "nu_layer=1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err
    other, one = sorted(collect(Path("results/runs")).records, key=lambda record: record.config["train"]["padding"])
    assert (one.config["train"]["padding"], other.config["train"]["padding"]) == ("masked", "included")
    assert "released" not in {*one.config, *other.config, *one.choices, *other.choices}  # its pieces say it
    assert other.config["retain"] == one.config["retain"] | {"log_probabilities": "bfloat16", "positions": "all"}
    assert other.losses[0].retain != one.losses[0].retain
