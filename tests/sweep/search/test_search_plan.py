import pytest

from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.data import gather
from rna_bench.experiment.resolvers import config_folder
from rna_bench.sweep.search.plan import plan_search

NAMES = sorted(path.stem for path in (config_folder("sweeps") / "search").glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_search_file_composes_and_all_ends_of_its_space_make_runs(name):
    plan = plan_search(name, [])
    assert [dimension.key for dimension in plan.space.values()] == ["noise.scale", "noise.layer"]
    assert [objective.maximised for objective in plan.objectives.values()] == [False, True]
    assert plan.base.results_dir.parts == ("results", "runs", f"search_{name}")
    assert plan.search.startup < plan.search.trials
    assert plan.search.seed == plan.base.seed
    assert plan.space["layer"].probes[-1] == plan.base.recipe.method.layer  # no noise above it reaches the loss
    assert "search" not in plan.base.config


def test_a_trial_is_the_run_that_the_command_line_would_make_of_it(composed):
    settings = ["seed=3", "train.retain_weight=100", "train.steps=100", "scoring.every=100", "noise.scale=0.7", "noise.layer=0"]
    alone = gather(experiment_config(*compose_run(settings)))
    assert gather(composed.experiment({"scale": 0.7, "layer": 0})).identity == alone.identity
    assert gather(composed.experiment({"scale": 0.7, "layer": 1})).identity != alone.identity


def test_options_of_a_group_can_be_searched():
    plan = plan_search("pocket", ["+search.space.method={key: method, choices: [rmu, adaptive_rmu]}"])
    assert plan.experiment({"method": "adaptive_rmu", "scale": 1.0}).choices["method"] == "adaptive_rmu"


def test_settings_are_all_but_what_may_change_under_way(composed):
    same = plan_search("pocket", ["seed=3", "search.trials=9", "search.patience=9", "search.folder=x", "results_dir=y"])
    assert same.settings == composed.settings
    assert plan_search("pocket", ["seed=3", "search.space.scale.high=9"]).settings != composed.settings
    assert set(composed.settings["noise"]) == {"_target_", "unit"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.space.layer.high=2", r"search\.space=4\.0 2: makes no run \(noise\.layer=2"),
        ("noise.scale=2", r"noise\.scale=2: is chosen by the search; leave it out"),
        ("search.trials=0", r"search\.trials=0: give 1 or more"),
        ("search.folder=../x", r"search\.folder=\.\./x: give the name of a folder below"),
        ("search.space={scale: 3}", r"search\.space\.scale=3: give \{key"),
        ("+search.space.scale.step=3", r"search\.space\.scale\.step=3: is not a key of Range"),
        (
            "search.objectives.forget_accuracy._target_=a.B",
            r"search\.objectives\.forget_accuracy\._target_=a\.B: cannot be imported",
        ),
        ("+search.budget=3", r"search\.budget=3: is not a key of Search"),
        ("noise=none", r"noise\.layer=0: there is no such key with noise=none; in a grid give nu_layer=0"),
    ],
)
def test_a_bad_search_is_refused_before_anything_is_run(override, message):
    with pytest.raises(InputError, match=message):
        plan_search("pocket", [override])


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("rna_bench.sweep.search.plan.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs optuna; pip install 'rna_bench\[search\]'"):
        plan_search("pocket", [])
