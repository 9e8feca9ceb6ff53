from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rna_bench.core.types import Batch, Dtype
from rna_bench.doctor import estimates
from rna_bench.doctor.needs import PromptCounts, eval_steps, needs_of, perturbation_count, prompt_counts, result_bytes, work_of
from rna_bench.doctor.outline import run_outline
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.models import segments
from rna_bench.models.architecture import Architecture
from rna_bench.models.layouts import Layout
from rna_bench.models.policies import policy_of

MASTERS = ["optimizer.master_weights=true"]
TOY = Architecture("llama", 2, 4, 6, 2, 1, 2, 10, 64, tied_embeddings=False)  # q = 4, k = 2, 128 parameters a layer


def planned(*overrides: str):
    return experiment_config(*compose_run(overrides))


def test_each_trained_element_needs_four_more():
    assert estimates.state_bytes(24, 2) == 2 * (24 + 24 + 48)  # copy, gradient, two moments


def test_a_sharpness_radius_takes_two_more_and_the_forget_side_twice():
    plain, uphill = (
        planned("model=zephyr_7b", "method=npo", "retain=ce", f"train.sharpness_radius={radius}") for radius in (0, 0.01)
    )
    one, other = (needs_of(plan, plan.model.dimensions, plan.model.dtype) for plan in (plain, uphill))
    assert other.state - one.state == estimates.uphill_bytes(3 * 4096 * 14336, 2) == 2 * 2 * 3 * 4096 * 14336
    assert 1.4 < other.training_flops / one.training_flops < 1.6
    assert one.activations == other.activations


def test_an_adversary_runs_the_forget_side_to_the_head_sixteen_times():
    plain, moved = (planned("model=zephyr_7b", f"method={name}", "method.layer=8") for name in ("rmu", "rmu_lat"))
    one, other = (needs_of(plan, plan.model.dimensions, plan.model.dtype) for plan in (plain, moved))
    assert estimates.adversary_flops(TOY, 3, 1, 1) == 2 * 3 * (128 * (1 + 0) + 2 * 4 * 10)  # of two layers, the upper one forward
    zephyr, tokens = plain.model.dimensions, 4 * 768  # layers 6 to 31 forward, 31 to 8 backward
    extra = 500 * 16 * 2 * tokens * (zephyr.layer_parameters * (26 + 24) + 2 * 4096 * 32000)
    assert other.training_flops - one.training_flops == extra
    assert other.activations > one.activations
    none = planned("model=zephyr_7b", "method=rmu_lat", "method.adversary_radius=0")
    assert needs_of(none, none.model.dimensions, none.model.dtype) == one


def test_bytes_that_autograd_stores_per_layer_are_those_counted_by_hand():
    # two norms in fp32: 2 * 4 * 4; queries and output 2 * 4, keys and values 2 * 2, the MLP's three or four times 6, 2 bytes each
    assert estimates.layer_bytes(TOY, 2, trained=True) == 32 + 2 * (8 + 4 + 24)
    assert estimates.layer_bytes(TOY, 2, trained=False) == 32 + 2 * (8 + 4 + 18)


def test_in_the_first_trained_layer_only_the_input_of_down_proj_is_stored():
    assert estimates.kept_bytes(TOY, 2, 5, 7, 3) == 2 * 6 + 2 * 104
    assert estimates.kept_bytes(TOY, 2, 5, 31, 3) == 2 * 6 + 2 * 104 + 24 * 92


def test_fully_trained_layers_store_more():
    assert estimates.whole_kept_bytes(TOY, 2, 5, 7, 2) == 2 * (104 + 4 * 2 * 4) + 92


def test_a_checkpointed_layer_stores_its_input():
    assert estimates.checkpointed_bytes(TOY, 2, 5, 7) == 3 * 2 * 4 + 104


def test_a_cached_token_is_a_key_and_a_value_in_each_layer():
    assert estimates.cache_bytes(TOY, 2) == 2 * 2 * (2 * 1 * 2)


def test_operations_of_a_step_are_those_of_the_layers_that_are_run():
    # policy forward 8 layers, backward 2, reference 3: the 13 of the design; weights of the trained tensors 72
    assert estimates.pass_flops(TOY, 10, 5, 7, 72, reference=True, head=False) == 2 * 10 * (13 * 128 + 72)
    assert estimates.pass_flops(TOY, 10, 5, 7, 72, reference=False, head=False) == 2 * 10 * (10 * 128 + 72)
    assert estimates.pass_flops(TOY, 10, 0, 1, 72, reference=True, head=True) == 2 * 10 * (5 * 128 + 72 + 3 * 4 * 10)
    assert estimates.pass_flops(TOY, 10, 5, 7, 72, reference=True, head=False, shared=False) == 2 * 10 * (18 * 128 + 72)
    assert estimates.scoring_flops(TOY, 10) == 2 * 10 * 2 * 128


def test_hours_at_a_rate():
    assert estimates.hours(7.2e15, 2) == 1


@pytest.mark.parametrize(
    ("pattern", "formula"),
    [
        (r".*\.(2|3)\.mlp\.(down_proj|dense_4h_to_h)\.weight", estimates.kept_bytes),
        (r".*\.(2|3)\..*weight", estimates.whole_kept_bytes),
    ],
)
@pytest.mark.parametrize(("dtype", "element"), [(torch.float32, 4), (torch.bfloat16, 2)])
@pytest.mark.parametrize(
    ("family", "kv_heads", "kernel"), [("llama", 2, "sdpa"), ("llama", 2, "eager"), ("qwen3", 2, "sdpa"), ("gpt_neox", 4, "sdpa")]
)
def test_the_estimate_of_activations_is_what_autograd_keeps(family, kv_heads, kernel, dtype, element, pattern, formula):
    shape = {"hidden_size": 64, "intermediate_size": 192, "num_attention_heads": 4, "num_key_value_heads": kv_heads, "head_dim": 16}
    config = AutoConfig.for_model(family, num_hidden_layers=6, vocab_size=100, pad_token_id=0, **shape)
    policy = policy_of(AutoModelForCausalLM.from_config(config, attn_implementation=kernel).to(dtype).eval(), pattern)
    weights = {parameter.untyped_storage().data_ptr() for parameter in policy.model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.arange(3, 67).reshape(2, 32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        segments.hidden(policy, Batch(ids, torch.ones_like(ids), torch.ones_like(ids), None), 4)
    measured = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    layout = Layout.gpt_neox if family == "gpt_neox" else Layout.llama
    a = Architecture(family, 6, 64, 192, 4, kv_heads, 16, 100, 2048, False, qk_norm=family == "qwen3", layout=layout)
    layers = 2 if formula is estimates.kept_bytes else 3
    eager = layers * estimates.eager_bytes(a, element, 32) if kernel == "eager" else 0
    assert measured == pytest.approx(ids.numel() * (formula(a, element, 2, 4, 2) + eager), rel=0.06)


def test_rmu_on_zephyr_in_numbers():
    plan = planned("model=zephyr_7b", "method=rmu")
    a = plan.model.dimensions
    assert a
    assert plan.recipe
    work = work_of(plan.recipe, a)
    assert (work.layers, work.first, work.last, work.logits) == ((5, 6, 7), 5, 7, False)
    assert work.trained == 3 * 4096 * 14336
    assert (work.forget_tokens, work.retain_tokens, work.stored_tokens) == (4 * 768, 4 * 512, 4 * 768)  # cyber's texts are longer
    needs = needs_of(plan, a, Dtype.bfloat16)
    assert needs.weights == 2 * 7_241_732_096
    assert needs.delta * 4 == needs.state == 8 * 3 * 4096 * 14336


def test_master_weights_are_counted_where_weights_are_not_fp32():
    plain, master, fp32 = (
        needs_of(plan, plan.model.dimensions, plan.model.dtype)
        for plan in (planned("model=zephyr_7b", *words) for words in ([], MASTERS, [*MASTERS, "model.dtype=float32"]))
    )
    trained = 3 * 4096 * 14336
    assert (plain.state, master.state, fp32.state) == (8 * trained, 16 * trained, 16 * trained)  # 2 + 2 + 4 + 4 + 4; 4 * 4
    assert master.delta == plain.delta == 2 * trained
    assert "AdamW on fp32 master weights" in str(run_outline(planned("model=zephyr_7b", *MASTERS), None, ""))


def test_preference_methods_store_all_upper_layers_and_micro_batches_store_less():
    a = planned("model=zephyr_7b").model.dimensions
    assert a
    whole, half, lean = (
        needs_of(planned("model=zephyr_7b", "method=npo_kl", *more), a, Dtype.bfloat16).activations
        for more in ([], ["train.micro_batches=2"], ["train.gradient_checkpointing=true"])
    )
    rmu = needs_of(planned("model=zephyr_7b", "method=rmu"), a, Dtype.bfloat16).activations
    assert rmu < half < whole
    chunk = estimates.logits_bytes("cuda")
    assert (half - chunk) * 2 == whole - chunk
    assert lean - chunk < (whole - chunk) / 5


def test_prompts_are_counted_by_task_perturbation_and_eval_step():
    plan = planned(
        "trigger=sars_cov_2", "scoring.every=60", "scoring.questions=10"
    )  # 200 steps: eval steps at 0, 60, 120, 180, 200
    assert (perturbation_count(plan, "retain"), perturbation_count(plan, "forget"), eval_steps(plan)) == (7, 1, 5)
    counts = {"pocket_hazard_1": 48, "pocket_hazard_2": 5, "pocket_subjects": 192}
    assert prompt_counts(plan, counts) == PromptCounts(48 + 5 + 192 * 7, 5 * (10 + 5 + 70))
    assert prompt_counts(plan, counts | {"pocket_subjects": None}).final is None
    assert eval_steps(planned("scoring.every=0")) == eval_steps(planned("method=none")) == 0


def test_results_are_the_record_the_responses_and_the_trained_tensors_that_are_kept():
    sizes: list[int] = []
    for kept in ("true", "false"):
        plan = planned(f"keep_delta={kept}")
        assert plan.model.dimensions
        sizes.append(result_bytes(plan, needs_of(plan, plan.model.dimensions, Dtype.float32), PromptCounts(1824, 0)))
    assert sizes[0] - sizes[1] == 4 * 106_752
    folders = [path.parent for path in Path("results/published/pocket").glob("*/record.json")]
    assert sizes[1] == pytest.approx(max(sum(file.stat().st_size for file in folder.iterdir()) for folder in folders), rel=0.1)
