"""What attacks take, by hand from the model's dimensions."""

import math
from dataclasses import replace

import pytest

from rna_bench.attacks.cost import AttackCost, Costed, Updates
from rna_bench.core.conf_files import config_folder
from rna_bench.doctor.attack_costs import ADAPTER_BYTES, attack_needs, attack_rows, attack_totals
from rna_bench.doctor.needs import PROMPT_TOKENS, needs_of
from rna_bench.experiment.attack_config import NamedAttack
from rna_bench.experiment.attack_split import TEXTS
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config

QUESTIONS, RATE = 1000, 100.0


class Own:
    """A user's attack; with a cost it says what it takes."""

    facts = 0

    def stages(self, target, text, random):
        return iter(())


class Saying(Own):
    def __init__(self, cost):
        self.known = cost

    def cost(self):
        return self.known


@pytest.fixture(scope="module")
def zephyr():
    plan = experiment_config(*compose_run(["model=zephyr_7b", "method=rmu", "attack=[quantise,lens]"]), [])
    return plan, plan.model.dimensions, needs_of(plan, plan.model.dimensions, plan.model.dtype)


def needed(zephyr, cost):
    return attack_needs(NamedAttack("mine", Saying(cost), {}), *zephyr, QUESTIONS, RATE)


def test_answers_are_prompts_through_all_layers_by_rounds_and_texts(zephyr):
    _, dimensions, needs = zephyr
    once = 2 * PROMPT_TOKENS * dimensions.layer_parameters * dimensions.layers / (RATE * 1e12) / 3600
    found = needed(zephyr, AttackCost(3, reads_texts=True))
    assert found.answers == pytest.approx((3 * QUESTIONS + TEXTS) * once)
    assert (found.updates, found.fits, found.state) == (0, 0, 0)
    assert found.peak == needs.weights + needs.scoring


def test_all_weights_take_gradients_and_two_moments_and_adapters_their_own(zephyr):
    _, dimensions, needs = zephyr
    whole = needed(zephyr, AttackCost(1, Updates(10, 2, 512, ".*")))
    assert whole.state == 3 * 2 * dimensions.parameters
    assert whole.peak > needs.weights + whole.state
    per_layer = sum(8 * sum(shape) for shape in dimensions.layer_tensors().values() if len(shape) == 2)
    adapters = needed(zephyr, AttackCost(1, Updates(10, 2, 512, ".*", rank=8)))
    assert adapters.state == dimensions.layers * per_layer * ADAPTER_BYTES
    # forward, and backward through all layers but the lowest and for all weights, and the head
    tokens, d, v = 10 * 2 * PROMPT_TOKENS, dimensions.hidden_size, dimensions.vocab_size
    flops = 2 * tokens * (dimensions.layer_parameters * (2 * dimensions.layers - 1) + dimensions.parameters + 2 * d * v)
    assert whole.updates == pytest.approx(flops / (RATE * 1e12) / 3600)
    assert adapters.updates < whole.updates
    short = needed(zephyr, AttackCost(1, Updates(10, 2, PROMPT_TOKENS // 2, ".*")))
    assert short.updates == pytest.approx(whole.updates / 2)


def test_further_prompts_are_run_once_and_a_backward_pass_keeps_activations(zephyr):
    _, _, needs = zephyr
    once, more = needed(zephyr, AttackCost(1)), needed(zephyr, AttackCost(1, prompts=QUESTIONS, backward=8))
    assert more.answers == pytest.approx(2 * once.answers)
    assert (once.peak, more.state) == (needs.weights + needs.scoring, 0)
    assert more.peak >= once.peak
    twice = needed(zephyr, AttackCost(1, backward=16))
    assert needed(zephyr, AttackCost(1, backward=64)).peak - needs.weights == pytest.approx(4 * (twice.peak - needs.weights))


def test_every_attack_of_ours_says_what_it_takes():
    names = sorted(path.stem for path in (config_folder("conf") / "attack").glob("*.yaml"))
    words = ["model=zephyr_7b", "method=rmu", f"attack=[{','.join(names)}]", "attack.prefix.text=questions"]
    attacks = experiment_config(*compose_run(words), words).attacks
    assert [one.name for one in attacks if not isinstance(one.attack, Costed)] == []
    assert len(attacks) == len(names) > 10


def test_copies_are_of_the_named_tensors(zephyr):
    _, dimensions, needs = zephyr
    found = needed(zephyr, AttackCost(2, copied=r".*down_proj.*"))
    copied = 2 * dimensions.layers * math.prod((dimensions.hidden_size, dimensions.intermediate_size))
    assert found.peak == needs.weights + copied + needs.scoring


def test_a_users_attack_without_a_cost_is_named_and_counts_nothing(zephyr):
    plan, dimensions, needs = zephyr
    own = replace(plan, attacks=(NamedAttack("mine", Own(), {}),))
    (row, _) = attack_rows(own, dimensions, needs, QUESTIONS, RATE)
    assert (row.name, row.text.split(",")[0]) == ("mine", "its cost is not known")
    assert attack_totals(own, dimensions, needs, QUESTIONS, RATE) == (0, 0)
    assert attack_rows(replace(plan, attacks=()), dimensions, needs, QUESTIONS, RATE) == []


def test_what_does_not_fit_is_said_with_what_would(zephyr):
    plan, dimensions, needs = zephyr
    words = ["model=zephyr_7b", "method=rmu", "attack=[relearn,relearn_benign,quantise,probe,lens]"]
    plan = experiment_config(*compose_run(words), words)
    rows = attack_rows(plan, dimensions, needs, QUESTIONS, RATE)
    texts = {row.name: row.text for row in rows if row.name}
    assert list(texts) == ["relearn", "relearn_benign", "quantise", "probe", "lens"]
    assert "memory 80.6 GB" in texts["relearn"]
    assert (
        "does not fit a GPU with 80 GB: gradients and AdamW of what it trains take 43.5 GB; attack=[relearn_lora]" in rows[1].text
    )
    assert "probes " in texts["probe"]
    totals = attack_totals(plan, dimensions, needs, QUESTIONS, RATE)
    assert totals.peak > 80e9
