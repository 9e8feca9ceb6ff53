"""The command line wins over a user's own YAML, that over a preset of ours, and that over a method's and a model's defaults."""

import re
import textwrap

import pytest

from rna_bench.core.types import InputError
from rna_bench.doctor.report import diagnose
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.unlearning.config import check_architecture

OURS = "rna_bench.unlearning"
RMU = f"_target_: {OURS}.methods.rmu.RMU\nlayer: 2\nsteering_coefficient: 1.0\n"
NPO = f"_target_: {OURS}.methods.npo.NPO\nbeta: 0.1\nreduction: token_mean\n"
KL = "defaults:\n  - override /retain@_global_.retain: kl\n  - _self_\n"
OWN = {
    "method/steer.yaml": RMU,
    "method/hills.yaml": f"defaults:\n  - override /corpus@_global_.corpus: hills\n  - _self_\n{RMU}",
    "method/declared.yaml": "_target_: own_declared.Declared\n",
    "method/prefer.yaml": KL + NPO,
    "preset/pocket_steer.yaml": "# @package _global_\nnu: 0.25\ntrain:\n  steps: 3\n",
    "retain/strong.yaml": f"# @package _global_\nretain: {{_target_: {OURS}.retain_losses.KL}}\ntrain: {{retain_weight: 7}}\n",
    "retain/stronger.yaml": "# @package _global_\ndefaults:\n  - strong\n  - _self_\ntrain:\n  lr: 0.5\n",
    "corpus/shares.yaml": "defaults:\n  - pocket\n  - _self_\nquestion_share: 0.9\n",
    "corpus/hills.yaml": "_target_: rna_bench.data.corpora.TextFiles\nforget: {hills: f.txt}\nretain: r.txt\nmin_characters: 50\n",
    "optimizer/plain.yaml": f"_target_: {OURS}.optimizers.AdamW\nbetas: [0.9, 0.9]\neps: 1e-8\nweight_decay: 0\nvariant: torch\n",
    "noise/loud.yaml": f"# @package _global_\nnu: 4\nnoise: {{_target_: {OURS}.noise.RNA, scale: 4, unit: rms, layer: 0}}\n",
}
DECLARED = """\
    from dataclasses import dataclass

    from rna_bench.unlearning.losses import MeanOver

    @dataclass(frozen=True)
    class Declared:
        layer: int = 3
        reads_reference = False
        mean_over = MeanOver.tokens

        def forget_loss(self, passes, control_vector):
            return passes.forget.hidden.mean()
    """


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's folder of configuration, with one class beside it."""
    for name, text in OWN.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(text, encoding="utf-8")
    (tmp_path / "own_declared.py").write_text(textwrap.dedent(DECLARED))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "conf"


@pytest.fixture
def planned(own):
    return lambda *words: experiment_config(*compose_run(words, own))


@pytest.mark.parametrize(
    ("words", "weight", "lr"),
    [
        (["method=npo"], 20, 1e-3),
        (["method=npo", "retain=strong"], 7, 1e-3),
        (["method=npo", "retain=stronger"], 7, 0.5),
        (["method=npo", "retain=strong", "train.retain_weight=9"], 9, 1e-3),
        (["method=npo", "retain=strong", "train.retain_weight=15"], 15, 1e-3),
    ],
)
def test_a_users_retain_loss_wins_over_the_preset_and_the_command_line_over_both(planned, words, weight, lr):
    plan = planned(*words)
    assert plan.choices["preset"] == "pocket_npo_kl"
    assert (plan.recipe.train.retain_weight, plan.recipe.train.lr) == (weight, lr)


def test_a_users_noise_wins_over_the_presets_scale(planned):
    noise = planned("method=npo", "noise=loud").recipe.noise
    assert (noise.scale, noise.layer) == (4, 0)
    assert planned("method=npo", "noise=loud").config["nu"] == 4
    assert planned("method=npo", "noise=loud", "nu=2").config["nu"] == 2


def test_every_method_has_the_same_forget_text_and_a_users_corpus_is_left_alone(planned):
    assert planned("method=npo").corpus == planned("method=rmu").corpus
    assert planned("method=npo", "corpus.stray_share=0.1").corpus.stray_share == 0.1
    assert planned("method=npo", "corpus=shares").corpus.question_share == 0.9
    assert planned("method=npo", "corpus=hills").corpus.retain == "r.txt"


def test_a_preset_leaves_a_users_optimizer_alone_and_sets_the_variant_of_ours(planned):
    variants = [planned("model=zephyr_7b", *words).recipe.optimizer.variant.value for words in ([], ["optimizer=plain"])]
    assert variants == ["transformers", "torch"]
    assert planned("model=zephyr_7b", "optimizer.variant=torch").recipe.optimizer.variant.value == "torch"


@pytest.mark.parametrize(("method", "layer", "layers"), [("steer", 2, "0|1|2"), ("declared", 3, "1|2|3")])
def test_noise_and_trained_layers_follow_the_layer_of_a_users_method(planned, method, layer, layers):
    recipe = planned(f"method={method}", "preset=zephyr_7b_rmu").recipe
    assert recipe.noise.layer == layer
    assert recipe.train.parameters == rf"model\.layers\.({layers})\.mlp\.down_proj\.weight"
    assert planned(f"method={method}", "noise.layer=1").recipe.noise.layer == 1


def test_a_method_without_a_layer_is_not_checked_against_a_noise_that_is_none(planned):
    words = ["method=prefer", r"train.parameters=model\\.layers\\.2\\..*"]
    plan = planned(*words, "noise=none")
    check_architecture(plan.recipe, plan.model.dimensions)
    with pytest.raises(InputError, match=r"^noise\.layer=7: the model has 6 layers; give 0 to 5, or noise=none$"):
        check_architecture(planned(*words).recipe, plan.model.dimensions)


def test_doctor_reads_the_users_folder_too(own, monkeypatch):
    words = ["method=prefer", r"train.parameters=model\\.layers\\.2\\..*", "tracker=none"]
    report, healthy = diagnose([*words, "noise=none"], None, own)
    assert healthy, report
    report, healthy = diagnose(words, None, own)
    assert not healthy
    assert "noise.layer=7: the model has 6 layers" in report


def test_layers_that_the_default_pattern_names_and_the_model_lacks_are_an_error(planned):
    plan = planned("method=prefer", "noise=none")
    with pytest.raises(InputError, match=r"^train\.parameters=.*names layer 6, but the model has 6 layers"):
        check_architecture(plan.recipe, plan.model.dimensions)


def test_a_users_preset_is_found_and_the_command_line_wins_over_it(planned, own):
    plan = planned("method=steer")
    assert plan.choices["preset"] == "pocket_steer"
    assert (plan.recipe.train.steps, plan.recipe.noise.scale) == (3, 0.25)
    assert planned("method=steer", "train.steps=4").recipe.train.steps == 4
    report = diagnose(["method=steer", "tracker=none"], None, own)[0]
    assert re.search(r"preset +pocket_steer\n", report)


def test_a_users_method_may_choose_the_text_and_the_command_line_wins_over_it(planned):
    assert planned("method=hills").choices["corpus"] == "hills"
    assert planned("method=hills", "corpus=pocket").choices["corpus"] == "pocket"
    assert planned("method=hills", "model=zephyr_7b").choices["corpus"] == "hills"


def test_what_a_model_does_not_bring_is_chosen_by_the_user(planned):
    with pytest.raises(InputError, match=r"^corpus=null, dataset=null, trigger=null: model=local brings none of its own; give "):
        planned("model=local", "model.path=here")
    given = ["model=local", "model.path=here", "dataset=[pocket_subjects]", "trigger=none"]
    with pytest.raises(InputError, match=r"^corpus=null: model=local brings none of its own; give corpus=text "):
        planned(*given)
    assert planned(*given, "method=none").corpus is None
    assert planned(*given, "corpus=pocket").corpus.world == 0
