import textwrap
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from rna_bench.cli.main import main
from rna_bench.core.labels import SHORT, method_of
from rna_bench.core.renames import quoted
from rna_bench.core.types import InputError
from rna_bench.experiment import resolvers as config
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.resolvers import config_folder
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import identity
from tests.builders.pocket import POCKET

CONF, SWEEPS = config_folder("conf"), config_folder("sweeps")
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "preset")
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
UNTRAINED = ("none", "checkpoint", "retrained", "retrained_no_words")
SHARED_PRESETS = ("pocket_preference", "pocket_steering")
PRESETS = sorted({path.stem for path in (CONF / "preset").glob("*.yaml")} - {*SHARED_PRESETS})
SWEEP_FILES = sorted(path.stem for path in SWEEPS.glob("*.yaml"))
NEEDED = {  # what these options leave to the user
    ("model", "local"): ["model.path=/nowhere", *POCKET],
    ("method", "checkpoint"): ["model.path=/nowhere", "base=none"],
    ("corpus", "text"): ["corpus.forget={bio: /nowhere/f.txt}", "corpus.retain=/nowhere/r.txt"],
    ("heldout", "text"): ["heldout.path=/nowhere"],
    ("dataset", "forget_files"): ["dataset.forget_files.path=/nowhere"],
    ("dataset", "retain_files"): ["dataset.retain_files.path=/nowhere"],
}

EXTRAS = {  # what these options take: Hydra's plugins, and peft
    ("attack", "relearn_lora"): "peft",
    ("launcher", "slurm"): "hydra_plugins.hydra_submitit_launcher",
    ("launcher", "ray"): "hydra_plugins.hydra_ray_launcher",
}


def composed(*overrides: str, config: str = "run", folder: Path = CONF) -> DictConfig:
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose(config, quoted(overrides), return_hydra_config=True)


def planned(cfg: DictConfig) -> ExperimentConfig:
    choices = cfg.hydra.runtime.choices
    section = OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])
    return experiment_config(section, choices)


def leaves(node, prefix=""):
    for key, value in node.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]


def test_the_groups_are_those_of_the_spine():
    spine = OmegaConf.load(CONF / "run.yaml")
    assert set(GROUPS) <= {str(key) for entry in spine.defaults if isinstance(entry, DictConfig) for key in entry}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_composes_and_builds(group, option):
    if (group, option) in EXTRAS:
        pytest.importorskip(EXTRAS[group, option], reason="an extra that is not installed")
    chosen = f"{group}=[{option}]" if group == "dataset" else f"{group}={option}"
    method = ["method=npo"] if group == "retain" and not option.startswith("hidden") else []
    plan = planned(composed(chosen, *method, *NEEDED.get((group, option), [])))
    assert (plan.recipe is None) == (plan.corpus is None) == (option in UNTRAINED and group == "method")
    assert group == "dataset" or plan.choices[group] == (method_of(option) if group == "method" else option)
    for built, does in ((plan.model, "folder"), (plan.trigger, "pool"), (plan.tracker, "session"), (plan.corpus, "topics")):
        assert built is None or callable(getattr(built, does))
    assert all(callable(source.questions) for source in plan.datasets.values())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_builds_and_wins_over_its_method(preset):
    model, method = next(
        (model, method)
        for group, model in OPTIONS
        if group == "model"
        for other, method in OPTIONS
        if other == "method" and f"{model}_{method}" == preset
    )
    cfg = composed(f"model={model}", f"method={method}")
    assert planned(cfg).choices["preset"] == preset
    own = OmegaConf.to_container(OmegaConf.load(CONF / "preset" / f"{preset}.yaml"))
    shared = [name for name in own.pop("defaults", []) if name in SHARED_PRESETS]
    for section in (own, *(OmegaConf.to_container(OmegaConf.load(CONF / "preset" / f"{name}.yaml")) for name in shared)):
        assert all(dict(leaves(OmegaConf.to_container(cfg, resolve=False)))[key] == value for key, value in leaves(section))


SHORT_HANDS = [(short, method, {"grad_diff": "ce"}.get(short, short.removeprefix(f"{method}_"))) for short, method in SHORT.items()]


@pytest.mark.parametrize("model", ["pocket", "zephyr_7b"])
@pytest.mark.parametrize(("short", "method", "retain"), SHORT_HANDS)
def test_a_method_and_a_retain_loss_are_the_short_hand_for_both(model, short, method, retain):
    one, other = (
        planned(composed(f"model={model}", *chosen)) for chosen in ([f"method={short}"], [f"method={method}", f"retain={retain}"])
    )
    assert one.choices == other.choices
    assert one.choices["preset"] == f"{model}_{short}"
    assert identity(one.config, {}) == identity(other.config, {})
    assert one.config == other.config


def test_npo_with_sam_is_npo_with_a_sharpness_radius():
    words = ["train.retain_weight=5", "method.beta=0.1"]
    one, other = (
        planned(composed(*chosen, *words))
        for chosen in (["method=npo_sam"], ["method=npo", "retain=ce", "train.sharpness_radius=0.1"])
    )
    assert identity(one.config, {}) == identity(other.config, {})
    assert identity(planned(composed("method=npo")).config, {}) == identity(
        planned(composed("method=npo", "train.sharpness_radius=0")).config, {}
    )


def test_a_retain_loss_on_several_layers_takes_those_of_the_method():
    assert planned(composed("method=circuit_breakers")).recipe.retain.layers == [1, 3]
    assert planned(composed("method=circuit_breakers", "method.layers=[0,2]")).recipe.retain.layers == [0, 2]
    assert planned(composed("method=rmu", "retain=hidden_l2")).recipe.retain.layers == [1]
    assert planned(composed("method=circuit_breakers", "method.layers=[0,2]", "noise=rna")).recipe.noise.layer == 2
    with pytest.raises(InputError, match=r"retain\.layers=\[\]: the method steers none"):
        planned(composed("method=npo", "retain=hidden_l2"))


def test_the_command_line_chooses_another_retain_loss_for_a_short_hand():
    one, other = (planned(composed(*chosen)) for chosen in (["method=npo_kl", "retain=mse"], ["method=npo_mse"]))
    assert identity(one.config, {}) == identity(other.config, {})


@pytest.mark.parametrize(
    ("overrides", "preset"),
    [
        (["method=npo"], "pocket_npo_kl"),
        (["method=ga"], "pocket_ga"),
        (["method=ga", "retain=ce"], "pocket_grad_diff"),
        (["method=grad_diff"], "pocket_grad_diff"),
        (["method=npo", "retain=ce"], "pocket_npo_kl"),
        (["method=rmu", "retain=none"], "pocket_rmu"),
        (["method=simnpo", "retain=mse"], "pocket_simnpo_mse"),
        (["method=npo_sam"], "pocket_npo_sam"),
        (["method=npo_sam", "retain=kl"], "pocket_npo_sam"),
        (["method=circuit_breakers"], "pocket_circuit_breakers"),
        (["method=circuit_breakers", "retain=hidden_mse"], "pocket_circuit_breakers"),
        (["method=task_vector"], "pocket_task_vector"),
        (["method=rmu_lat"], "pocket_rmu_lat"),
        (["model=zephyr_7b", "method=rmu_lat"], "zephyr_7b_rmu_lat"),
        (["model=qwen3_8b", "method=npo"], "qwen3_8b_npo_kl"),
    ],
)
def test_a_retain_loss_without_a_preset_takes_that_of_the_methods_usual_one(overrides, preset):
    assert planned(composed(*overrides)).choices["preset"] == preset


@pytest.mark.parametrize("option", [path.stem for path in (CONF / "noise").glob("*.yaml") if path.stem != "none"])
def test_noise_that_no_loss_reads_is_the_run_without_noise_and_one_line_says_so(option, caplog):
    plan, quiet = (planned(composed("method=rmu", "retain=none", f"noise={name}")) for name in (option, "none"))
    acts = option == "forget"
    assert (identity(plan.config, {}) != identity(quiet.config, {})) == acts
    assert len([line for line in caplog.messages if "has no effect here" in line]) == (not acts)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["method=rmu"], True),
        (["method=rmu", "noise.layer=0"], False),
        (["method=rmu", "retain=kl"], False),
        (["method=npo"], False),
        (["method=rmu", "noise.scale=0"], False),
    ],
)
def test_antithetic_noise_at_the_compared_layer_is_said_to_change_no_gradient(overrides, said):
    lines = planned(composed("noise=antithetic", *overrides)).cautions
    assert [line for line in lines if "no effect on gradients" in line] == list(lines)
    assert bool(lines) == said


@pytest.mark.parametrize("option", [path.stem for path in (CONF / "noise").glob("*.yaml")])
def test_a_noise_of_scale_0_is_no_noise(option):
    scale = [] if option == "none" else ["noise.scale=0"]
    assert identity(planned(composed(f"noise={option}", *scale)).config, {}) == identity(planned(composed("noise=none")).config, {})


@pytest.mark.parametrize("corpus", ["wmdp", "wmdp_released"])
@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset.startswith("zephyr_7b_")])
def test_the_topics_of_zephyrs_presets_are_those_of_wmdp(preset, corpus):
    plan = planned(composed("model=zephyr_7b", f"method={preset.removeprefix('zephyr_7b_')}", f"corpus={corpus}"))
    assert list(plan.corpus.forget) == ["bio", "cyber"]
    assert set(plan.recipe.topics) <= {"bio", "cyber"}


def test_the_command_line_wins_over_a_preset():
    assert planned(composed("train.steps=3")).recipe.train.steps == 3


def test_a_topic_can_have_its_own_weight_lengths_and_method_settings():
    cyber = "+topics.cyber={retain_weight: 50, max_tokens: 768, method: {steering_coefficient: 20}}"
    own, other = (planned(composed(cyber)).recipe.of(name) for name in ("cyber", "bio"))
    assert (own.train.retain_weight, own.train.max_tokens, own.method.steering_coefficient) == (50, 768, 20)
    assert other.train.retain_max_tokens == own.train.retain_max_tokens
    assert other.method.steering_coefficient == 90


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("+topics.cyber.retain_wait=50", "topics.cyber.retain_wait=50"),
        ("+topics.cyber.method={coefficient: 1}", "topics.cyber.method.coefficient=1"),
        ("+topics.cyber=50", "topics.cyber=50"),
    ],
)
def test_a_bad_setting_of_a_topic_is_refused_by_name(override, key):
    with pytest.raises(InputError, match=key):
        planned(composed(override))


def test_no_noise_with_a_scale_is_refused():
    with pytest.raises(InputError, match=r"noise\.scale=2: noise=none adds no noise"):
        planned(composed("noise=none", "noise.scale=2"))


def test_a_retain_loss_on_hidden_states_is_refused_where_no_layer_is_steered():
    with pytest.raises(InputError, match=r"retain\._target_"):
        planned(composed("method=npo_kl", "retain=hidden_mse"))


def test_noise_acts_at_the_steered_layer_unless_told_otherwise():
    assert planned(composed("method.layer=2")).recipe.noise.layer == 2
    assert planned(composed("method.layer=2", "noise.layer=1")).recipe.noise.layer == 1


def test_the_world_of_text_questions_and_triggers_is_the_models():
    plan = planned(composed("model.world=1"))
    worlds = [plan.model.world, plan.corpus.world, plan.trigger.world, *(source.world for source in plan.datasets.values())]
    assert worlds == [1] * 6


def jobs(sweep: DictConfig) -> list[list[str]]:
    """Return jobs of a sweep such that each value of each parameter is in one: the first values, with one of them replaced."""
    lines = [f"{key}={value}" for key, value in sweep.hydra.sweeper.params.items()]
    choices = [
        list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.get_value_element_as_str()]
        for override in OverridesParser.create().parse_overrides(lines)
    ]
    keys = [line.split("=")[0] for line in lines]
    first = [values[0] for values in choices]
    picked = [first] + [[*first[:i], value, *first[i + 1 :]] for i, values in enumerate(choices) for value in values[1:]]
    return [[f"{key}={value}" for key, value in zip(keys, job, strict=True)] for job in picked]


LIKE_ZEPHYR = ("paper_main_mistral_7b", "paper_main_llama3_8b", "paper_main_llama3_8b_instruct")
"""Sweeps that differ from Zephyr-7B's in the model alone."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LIKE_ZEPHYR else []) for name in SWEEP_FILES]
)
def test_every_sweep_file_composes_and_every_value_in_it_builds(name):
    beside = f"hydra.searchpath=[{CONF.as_uri()}]"
    sweep = composed(beside, config=name, folder=SWEEPS)
    assert sweep.hydra.mode.name == "MULTIRUN"
    for job in jobs(sweep):
        plan = planned(composed(beside, *job, config=name, folder=SWEEPS))
        assert plan.choices["method"] in {method_of(word.removeprefix("method=")) for word in job if word.startswith("method=")}
        assert plan.results_dir.parts[0] == "results"


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("+train.stepps=3", "train.stepps=3: is not a key of Train"),
        ("+model.nmae=x", "model.nmae=x: is not a key of LocalModel"),
        ("+trigger.word=x", "trigger.word=x: is not a key of PocketWords"),
        ("+dataset.pocket_subjects.size=1", "dataset.pocket_subjects.size=1: is not a key of PocketQuestions"),
        ("noise.scale=abc", "noise.scale=abc: Value 'abc'"),
        ("train.steps=1.5", "train.steps=1.5: Value '1.5'"),
        ("method.layer=one", "method.layer=one: Value 'one'"),
        ("model.dtype=float16", "model.dtype=float16: Invalid value"),
        ("noise.unit=metre", "noise.unit=metre: Invalid value"),
        ("scoring.every=often", "scoring.every=often: Value 'often'"),
        ("corpus.texts=few", "corpus.texts=few: Value 'few'"),
        ("seed=abc", "seed=abc: give a whole number"),
        ("threads=0", "threads=0: give a whole number"),
        ("model.path=???", "model.path=???: must be given"),
        ("method._target_=rna_bench.core.types.InputError", "method._target_=rna_bench.core.types.InputError: is not a dataclass"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_an_error_before_any_model_is_looked_at(override, line):
    cfg = composed("model=local", "model.path=/nowhere", *POCKET, override)
    with pytest.raises(InputError) as caught:
        planned(cfg)
    assert str(caught.value).startswith(line)


@pytest.fixture
def own(tmp_path):
    """A user's own method: one Python file and one YAML."""
    (tmp_path / "own_method.py").write_text(
        textwrap.dedent("""\
            from dataclasses import dataclass

            from rna_bench.unlearning.losses import MeanOver

            @dataclass(frozen=True)
            class Shrink:
                layer: int
                factor: float
                reads_reference = False
                mean_over = MeanOver.sequences

                def control_vector(self, first, generator):
                    return self.factor * first.forget.hidden.float()

                def forget_loss(self, passes, control_vector):
                    return passes.forget.hidden.float().square().mean() * self.factor
            """)
    )
    (tmp_path / "conf" / "method").mkdir(parents=True)
    (tmp_path / "conf" / "method" / "shrink.yaml").write_text(
        textwrap.dedent("""\
            # @package _global_
            method:
              _target_: own_method.Shrink
              layer: 1
              factor: 0.5
            train:
              parameters: model\\.layers\\.[01]\\..*weight
            """)
    )
    return tmp_path


def test_a_users_own_method_in_one_file_and_one_yaml_works(own, tiny, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.syspath_prepend(own)
    given = ["--config-dir", f"{own}/conf", "method=shrink", "model=local", f"model.path={tiny}", "tracker=none", "train.steps=1"]
    small = [
        "corpus=pocket",
        "trigger=pocket",
        "corpus.texts=8",
        "dataset=pocket_subjects",
        "dataset.pocket_subjects.limit=2",
        f"results_dir={own}/runs",
    ]
    monkeypatch.setattr("sys.argv", ["rna-bench", "run", *given, *small])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    (made,) = collect(own / "runs").records
    assert made.choices["method"] == "shrink"
    assert made.config["method"] == {"_target_": "own_method.Shrink", "layer": 1, "factor": 0.5}
    assert len(made.losses) == 1


def test_the_cores_are_divided_among_processes_by_the_threads_of_a_run(monkeypatch):
    import joblib

    for cores, threads, expected in [(2, 1, 2), (2, 2, 1), (2, 4, 1), (6, 2, 3), (64, 1, 8)]:
        monkeypatch.setattr(joblib, "cpu_count", lambda cores=cores: cores)
        assert config.workers(threads) == expected
