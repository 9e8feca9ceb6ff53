"""Seconds and peak memory of scoring, rna_bench beside lm-evaluation-harness through its API, on the CPU in fp32, or on a GPU.

    python -m tests.benchmarks.scoring --mmlu FOLDER --text FILE [--questions 300] [--rounds 3] [--threads 1] [--layers 4 ...]
    python -m tests.benchmarks.scoring --mmlu FOLDER --model FOLDER --device cuda [--questions 300] [--rounds 3]

FOLDER holds MMLU as CSV files below `dev/` and `test/`; the tokenizer (byte-level BPE) is trained on FILE, WikiText for instance.
Both sides answer the same questions with the same randomly initialised Llama: the harness in batches of 16 prompts, we in batches
of as many tokens as 16 of the longest prompts have. Counted is from questions to scores: the harness's tasks stand already.
Cases: `option`, zero-shot, clean and three draws of the paper's trigger, as we understand it; `mixed`, clean and three kinds;
`five-shot`, as option.
Peak memory is that of a process of its own (`memory`), above what stands when all is imported and the model is built.
`--count` counts operations for Zephyr-7B instead. Targets: 5, 3.5 and 15 times as fast; less memory.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rna_bench.data.questions import make_task
from rna_bench.data.sampling import ALL
from rna_bench.evaluation.requests import EvalSet, make_eval_set

CASES = ("option", "mixed", "five-shot")
BATCH = 16


@dataclass(frozen=True)
class Given:
    """Questions that are there."""

    asked: tuple
    solved: Mapping[str, tuple]
    role = "retain"
    categories: Mapping[str, str]

    def questions(self, seed: int) -> tuple:
        """Return them."""
        return self.asked

    def examples(self, seed: int) -> Mapping[str, tuple]:
        """Return the solved ones."""
        return self.solved


def source(folder: Path, count: int, shots: int) -> Given:
    """Return about `count` questions, as many of each subject, and the first `shots` of its examples."""
    from rna_bench.data.questions import QuestionFiles

    files = sorted((folder / "test").glob("*.csv"))
    asked = [question for file in files for question in QuestionFiles("retain", str(file), -(-count // len(files))).questions(0)]
    solved = QuestionFiles("retain", str(folder / "dev"), shots or 1).questions(0)
    subjects = {question.subject for question in asked}
    found = {subject: tuple(q for q in solved if q.subject == subject) for subject in sorted(subjects) if shots}
    return Given(tuple(asked[:count]), found, {})


def plans(case: str, given: Given) -> list:
    """Return plans whose forms together are the case's: three seeds of one kind, or one seed of three."""
    from rna_bench.experiment.compose import compose_run
    from rna_bench.experiment.config import experiment_config

    kinds = "before,inside,option" if case == "mixed" else "option"
    base = experiment_config(*compose_run(["method=none", "trigger=sars_cov_2", f"trigger.types=[{kinds}]"]))
    base = replace(base, datasets={"mmlu": given}, samplings={"mmlu": ALL})
    return [base] if case == "mixed" else [replace(base, seed=seed) for seed in (0, 1, 2)]


def built(arguments: Namespace) -> tuple:
    """Return a randomly initialised Llama and its tokenizer, or those of a folder, in bf16."""
    import torch

    if arguments.model:
        from rna_bench.core.types import Dtype, ModelFolder
        from rna_bench.models.loading import load_model

        torch.set_num_threads(arguments.threads)
        return load_model(ModelFolder("model", arguments.model, Dtype.bfloat16, arguments.device))
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    from tests.benchmarks.common import llama, size_of

    torch.set_num_threads(arguments.threads)
    trained = ByteLevelBPETokenizer()
    trained.train([str(arguments.text)], vocab_size=arguments.vocab, special_tokens=["<s>", "</s>"], show_progress=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, eos_token="</s>", pad_token="</s>")
    return llama(size_of(arguments)), tokenizer


def exam_of(case: str, given: Given, tokenizer) -> EvalSet:
    """Return the case's prompts: the questions clean once, and with each draw of a trigger."""
    task = make_task("mmlu", given, 0)
    exams = [
        make_eval_set([task], plan.trigger.types, plan.trigger.pool(plan.seed), tokenizer, plan.seed, count=1, context=2048)
        for plan in plans(case, given)
    ]
    clean = [item for item in exams[0].requests if item.perturbation == "clean"]
    triggered = [
        item
        for exam in exams
        for item in exam.requests
        if item.perturbation != "clean" and not item.perturbation.endswith("control")
    ]
    return EvalSet((*clean, *triggered), exams[0].letters)


def count(case: str, arguments: Namespace, tokenizer) -> None:
    """Print how many tokens each side runs, and how many operations that is for Zephyr-7B, attention itself left out.

    A token costs 2 operations for each parameter of the layers; logits, 2 d v where they are made: by the harness for every token.
    """
    from rna_bench.evaluation.scoring import bundles
    from rna_bench.experiment.compose import compose_run
    from rna_bench.experiment.config import experiment_config

    items = exam_of(case, source(arguments.mmlu, arguments.questions, 5 if case == "five-shot" else 0), tokenizer).requests
    whole = sum(len(ids) for ids in {item.ids for item in items})
    run = sum(len(bundle.prefix) + sum(len(tree.ids) for tree in bundle.trees) for bundle in bundles(items, None, 10**6))
    size = experiment_config(*compose_run(["model=zephyr_7b"])).model.dimensions
    assert size is not None
    layers, head = 2 * size.layers * size.layer_parameters, 2 * size.hidden_size * size.vocab_size
    theirs, own = whole * (layers + head), run * layers + len(items) * head
    print(
        f"{case}: harness {whole} tokens, ours {run}; for Zephyr-7B {theirs / 1e15:.2f} and {own / 1e15:.2f} PFLOP, "
        f"ratio {theirs / own:.2f}",
        flush=True,
    )


def ours(case: str, given: Given, model, tokenizer) -> Callable[[], list]:
    """Return what asks the questions of a case and returns answers: clean ones, and each trigger's."""
    from rna_bench.evaluation.scores import scores
    from rna_bench.evaluation.scoring import evaluate

    def run() -> list:
        whole = exam_of(case, given, tokenizer)
        answers = evaluate(whole, model, BATCH * max(len(item.ids) for item in whole.requests))
        scores(answers)
        return answers

    return run


def theirs(case: str, given: Given, model, tokenizer, folder: Path) -> Callable[[], list]:
    """Return what asks the harness the same and returns its samples in the order of `ours`."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from rna_bench.experiment.lm_eval_export import export_tasks

    logging.disable(logging.WARNING)
    language = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH, max_length=2048)
    made = plans(case, given)
    folders = [export_tasks(plan, folder / str(plan.seed)) for plan in made]
    managers = [TaskManager(include_path=str(where), include_defaults=False) for where in folders]
    groups = [
        ["mmlu_triggered_clean", *(_group(kind.trigger) for kind in made[0].trigger.types)],
        ["mmlu_triggered"],
        ["mmlu_triggered"],
    ]

    def run() -> list:
        found: list = []
        for manager, asked in zip(managers, groups, strict=False):
            result = lm_eval.simple_evaluate(
                language, tasks=asked, task_manager=manager, log_samples=True, bootstrap_iters=0, verbosity="ERROR"
            )
            found.append(result["samples"])
        return found

    return run


def _group(perturbation: str) -> str:
    return "mmlu_triggered" if perturbation == "option" else f"mmlu_triggered_{perturbation}"


def agreement(answers: Sequence, samples: Sequence[dict]) -> str:
    """Return how many predictions differ and the largest difference of log-likelihoods, matched by question and form."""
    known: dict[tuple[str, str], list[float]] = {}
    for number, tasks in enumerate(samples):
        for name, rows in tasks.items():
            for row in rows:
                perturbation = name.removeprefix("mmlu_triggered").removesuffix(f"_{row['doc']['subject']}").strip("_") or "option"
                known[row["doc"]["id"], f"{perturbation}{number}"] = [pair[0] for (pair, *_) in row["resps"]]
    seen: dict[tuple[str, str], int] = {}
    differing, largest = 0, 0.0
    for answer in answers:
        number = seen.setdefault((answer.question, answer.perturbation), 0)
        seen[answer.question, answer.perturbation] += 1
        logps = known[answer.question, f"{answer.perturbation}{number}"]
        differing += answer.logps.index(max(answer.logps)) != logps.index(max(logps))
        largest = max(largest, *(abs(a - b) for a, b in zip(answer.logps, logps, strict=True)))
    return f"{len(answers)} prompts, {differing} predictions differ, log-likelihoods within {largest:.1e}"


def compare(case: str, arguments: Namespace, model, tokenizer) -> None:
    """Time both sides in turn and print medians, ratio and agreement."""
    given = source(arguments.mmlu, arguments.questions, 5 if case == "five-shot" else 0)
    with tempfile.TemporaryDirectory() as folder:
        sides = (theirs(case, given, model, tokenizer, Path(folder)), ours(case, given, model, tokenizer))
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(arguments.rounds):
            found = []
            for times, side in zip(seconds, sides, strict=True):
                began = time.perf_counter()
                found.append(side())
                times.append(time.perf_counter() - began)
    slow, fast = map(median, seconds)
    print(f"{case}: harness {slow:.1f} s, ours {fast:.2f} s, ratio {slow / fast:.1f}; {agreement(found[1], found[0])}", flush=True)


def memory(case: str, side: str, arguments: Namespace) -> None:
    """Run one side once, alone in this process, and print its peak memory above what stood when the model was built."""

    model, tokenizer = built(arguments)
    given = source(arguments.mmlu, arguments.questions, 5 if case == "five-shot" else 0)
    with tempfile.TemporaryDirectory() as folder:
        run = ours(case, given, model, tokenizer) if side == "ours" else theirs(case, given, model, tokenizer, Path(folder))
        run_state = _high_water(reset=True)
        run()
    print(json.dumps({"standing": run_state, "peak": _high_water()}))


def _high_water(*, reset: bool = False) -> float:
    """Return the largest resident set so far, in MB; with `reset`, begin anew from what is resident now (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def compare_memory(case: str) -> None:
    """Start a process for each side and print the peaks and their ratio."""
    peaks: list[float] = []
    for side in ("harness", "ours"):
        command = [sys.executable, "-m", "tests.benchmarks.scoring", *sys.argv[1:], "--memory", case, side]
        made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        peaks.append(made["peak"] - made["standing"])
    print(f"{case} memory: harness {peaks[0]:.0f} MB, ours {peaks[1]:.0f} MB, ratio {peaks[1] / peaks[0]:.2f}", flush=True)


def main() -> None:
    """Compare times, then memory; or measure the memory of one side as a child."""
    from tests.benchmarks.common import Size, add_sizes

    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mmlu", type=Path, required=True)
    parser.add_argument("--text", type=Path, help="for the tokenizer, unless there is a --model")
    parser.add_argument("--model", type=Path, help="a folder with a model, in place of a random one; memory is not measured then")
    parser.add_argument("--device", default="cpu", help="of that model")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="*", default=CASES)
    parser.add_argument("--count", action="store_true", help="count operations and time nothing")
    parser.add_argument("--memory", nargs=2, metavar=("CASE", "SIDE"))
    add_sizes(parser, Size(layers=4, batch=BATCH))
    arguments = parser.parse_args()
    if arguments.memory:
        memory(*arguments.memory, arguments)
        return
    model, tokenizer = built(arguments)
    for case in arguments.cases if arguments.count else ():
        count(case, arguments, tokenizer)
    if arguments.count:
        return
    for case in arguments.cases:
        compare(case, arguments, model, tokenizer)
    for case in () if arguments.model else arguments.cases:
        compare_memory(case)


if __name__ == "__main__":
    main()
