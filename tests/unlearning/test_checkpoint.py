import json
import resource
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rna_bench.core.files import keep
from rna_bench.core.types import Dtype, InputError, Padding, Score
from rna_bench.models.store import NULL_STORE, Reuse, Store
from rna_bench.unlearning.checkpoint import CheckpointInterval, load_state, save_state
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.log import TrainingLog
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.adaptive_rmu import AdaptiveRMU
from rna_bench.unlearning.methods.circuit_breakers import CircuitBreakers
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rmu_lat import RMULAT
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.methods.simnpo import SimNPO
from rna_bench.unlearning.methods.task_vector import TaskVector
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW, AdamWVariant
from rna_bench.unlearning.retain_losses import KL, CrossEntropy, HiddenL2, HiddenMSE, LogProbabilityMSE
from rna_bench.unlearning.trainer import unlearn

TRAIN = Train(5, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
NOISE = RNA(0.5, Unit.rms, 1)
ADAMW, OLD = (made([0.9, 0.95], 1e-8, 0.01) for made in (AdamW, partial(AdamW, variant=AdamWVariant.transformers)))
MASTERS = [replace(made, master_weights=True) for made in (ADAMW, OLD)]
RECIPE = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), NOISE, TRAIN, ADAMW, {}, 0)
STEERING = [RMU(1, 3.0), AdaptiveRMU(1, 3.0), RSV(1, 3.0)]
SUM = Reduction.sequence_sum
PREFERENCE = [NPO(0.1, SUM), DPO(0.1, SUM, Variant.formula, ["no"]), SimNPO(0.1, 0.0, SUM)]
RECIPES = [
    *(replace(RECIPE, method=method, optimizer=made) for method, made in product(STEERING, (ADAMW, OLD))),
    *(replace(RECIPE, method=method, retain=retain) for method, retain in product(PREFERENCE, (KL(), LogProbabilityMSE()))),
    replace(RECIPE, train=replace(TRAIN, micro_batches=2, batch_size=4)),
    *(replace(RECIPE, optimizer=made, train=replace(TRAIN, micro_batches=2)) for made in MASTERS),
    replace(RECIPE, optimizer=MASTERS[0], method=PREFERENCE[0], retain=KL()),
    replace(RECIPE, method=PREFERENCE[0], retain=CrossEntropy(), train=replace(TRAIN, sharpness_radius=0.1)),
    replace(RECIPE, method=CircuitBreakers([0, 1], 5.0), retain=HiddenL2([0, 1])),
    replace(RECIPE, method=RMULAT(1, 3.0, 0, 0.5, 3, 0.05)),
    *(replace(RECIPE, method=TaskVector(2.0), retain=None, noise=None, optimizer=made) for made in (ADAMW, MASTERS[0])),
]


class InterruptionError(Exception):
    """Training was interrupted."""


class Keeping:
    """Keep every state; be interrupted after the given step, in which nothing is kept."""

    def __init__(self, path, stop=None):
        self.path, self.stop = path, stop

    def restore(self, policy, optimizer):
        return load_state(self.path, policy.trained, optimizer)

    def after_step(self, policy, optimizer, history):
        if len(history.losses) == self.stop:
            raise InterruptionError
        save_state(self.path, policy.trained, optimizer, history)


def watch(step):
    return (Score("t", "retain", "clean", 0.5 + step / 100, None, 2),) if step % 2 == 0 else None


def weights(policy):
    return {name: parameter.detach() for name, parameter in policy.trained.items()}


def train(policy, topics, recipe, *, keeper, store=NULL_STORE):
    told = []
    history = unlearn(policy, topics, recipe, watch, told.append, store, keeper)
    return history, told, weights(policy)


def interrupted(policy, topics, recipe, path, stop, store=NULL_STORE):
    with pytest.raises(InterruptionError):
        train(policy, topics, recipe, keeper=Keeping(path, stop), store=store)


def same(one, other):
    assert one[:2] == other[:2]
    assert all(torch.equal(one[2][name], tensor) for name, tensor in other[2].items())


@pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda r: f"{type(r.method).__name__}-{type(r.retain).__name__}-{type(r.optimizer).__name__}"
)
@pytest.mark.parametrize("dtype", Dtype)
def test_training_goes_on_to_the_bit_and_tells_of_all_of_it(fresh, two, tmp_path, recipe, dtype):
    def policy():
        return fresh(r"model\.layers\.[01]\..*", dtype)

    whole = train(policy(), two, recipe, keeper=Keeping(tmp_path / "whole"))
    interrupted(policy(), two, recipe, tmp_path / "kept", stop=4)  # after 3 of 5 steps
    same(train(policy(), two, recipe, keeper=Keeping(tmp_path / "kept")), whole)
    assert len(whole[0].losses) == 5


@pytest.mark.parametrize("stop", [2, 3, 4, 5])
def test_it_does_not_matter_after_which_step(fresh, two, tmp_path, stop):
    whole = train(fresh(), two, RECIPE, keeper=Keeping(tmp_path / "whole"))
    interrupted(fresh(), two, RECIPE, tmp_path / "kept", stop)
    same(train(fresh(), two, RECIPE, keeper=Keeping(tmp_path / "kept")), whole)


def test_training_can_be_interrupted_again_and_again(fresh, two, tmp_path):
    whole = train(fresh(), two, RECIPE, keeper=Keeping(tmp_path / "whole"))
    for stop in (2, 3, 4, 5):  # one step more each time
        interrupted(fresh(), two, RECIPE, tmp_path / "kept", stop)
    same(train(fresh(), two, RECIPE, keeper=Keeping(tmp_path / "kept")), whole)


@pytest.mark.parametrize("reuse", [Reuse(64, 0, None), Reuse(0, 64, None)])
def test_activations_that_runs_share_change_nothing(fresh, two, tmp_path, reuse):
    def policy():
        return fresh(r"model\.layers\.2\..*")

    recipe, store = replace(RECIPE, method=AdaptiveRMU(2, 3.0)), Store(reuse)
    whole = train(policy(), two, recipe, keeper=Keeping(tmp_path / "whole"))
    interrupted(policy(), two, recipe, tmp_path / "kept", 3, store)
    same(train(policy(), two, recipe, keeper=Keeping(tmp_path / "kept"), store=store), whole)
    assert store.hits
    store.close()


@pytest.mark.parametrize("lr", [1e18, 5e17], ids=["in a step", "in a look"])
def test_a_run_that_diverges_after_it_went_on_diverges_as_before(fresh, two, tmp_path, lr):
    recipe = replace(RECIPE, train=replace(TRAIN, lr=lr), optimizer=AdamW([0.0, 0.95], 1e-8, 0.0))
    one, other = (fresh(r"model\.layers\.1\.mlp\.down_proj\.weight") for _ in range(2))
    whole = train(one, two, recipe, keeper=Keeping(tmp_path / "kept"))  # the last state kept is that of the step before
    assert whole[0].diverged
    assert 1 < len(whole[0].losses) < 5
    same(train(other, two, recipe, keeper=Keeping(tmp_path / "kept")), whole)


def kept(policy, topics, path):
    interrupted(policy, topics, RECIPE, path, 3)
    return ADAMW.make(policy.trained.values(), 0.01)


def test_one_file_holds_a_step_as_a_whole(policy, two, tmp_path):
    kept(policy, two, tmp_path / "kept")
    with safe_open(tmp_path / "kept", "pt") as file:
        assert len(json.loads(file.metadata()["log"])["losses"]) == 2
        count = len(policy.trained)
        assert sum(name.startswith("trained/") for name in file.keys()) == count  # noqa: SIM118
        assert {file.get_tensor(name).item() for name in file.keys() if name.endswith("/step")} == {2}  # noqa: SIM118
        assert len(file.keys()) == 4 * count  # and two moments, and the step


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda raw: b"", lambda raw: raw[:100], lambda raw: b"{" + raw[1:]])
def test_a_damaged_file_changes_nothing(fresh, two, tmp_path, damage):
    policy, path = fresh(), tmp_path / "kept"
    kept(fresh(), two, path)
    path.write_bytes(damage(path.read_bytes()))
    before = {name: tensor.clone() for name, tensor in weights(policy).items()}
    optimizer = ADAMW.make(policy.trained.values(), 0.01)
    assert load_state(path, policy.trained, optimizer) is None
    assert not optimizer.state
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(policy).items())


def test_no_file_and_a_file_of_something_else_change_nothing(fresh, two, tmp_path):
    policy = fresh(r"model\.layers\.2\..*weight")
    optimizer = kept(fresh(), two, tmp_path / "kept")
    save_file({"trained/a": torch.ones(1)}, tmp_path / "bare")
    for name in ("none", "bare", "kept"):
        assert load_state(tmp_path / name, policy.trained, optimizer) is None


def test_what_json_has_no_word_for_is_refused_by_name(policy, tmp_path):
    optimizer = torch.optim.SGD(policy.trained.values(), lr=0.1)
    optimizer.state[next(iter(policy.trained.values()))] = {"odd": {1, 2}}
    with pytest.raises(InputError, match="optimizer=SGD"):
        save_state(tmp_path / "kept", policy.trained, optimizer, TrainingLog())


@pytest.mark.parametrize(
    ("every", "seconds", "steps", "due"),
    [
        ((120, 0), 119.9, 7, False),
        ((120, 0), 120.0, 7, True),
        ((0, 0), 1e9, 7, False),
        ((0, 3), 0.0, 6, True),
        ((9, 3), 8.0, 7, False),
    ],
)
def test_it_is_time_after_so_many_seconds_or_steps(every, seconds, steps, due):
    assert CheckpointInterval(*every).due(seconds, steps) is due


@pytest.mark.parametrize(("given", "key"), [((-1, 0), "seconds=-1"), ((float("nan"), 0), "seconds=nan"), ((1, -2), "steps=-2")])
def test_times_that_are_none_are_refused(given, key):
    with pytest.raises(InputError, match=key):
        CheckpointInterval(*given)


def test_a_full_disk_leaves_the_last_state_and_is_an_error_as_of_any_file(policy, two, tmp_path):
    path = tmp_path / "kept"
    optimizer = kept(policy, two, path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match=r"results_dir=.*cannot be written to \(.*File too large"):
            keep(path, lambda draft: save_state(draft, policy.trained, optimizer, TrainingLog()), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
