"""What leaves the project: a finished run as a full Hugging Face checkpoint, with a model card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from rna_bench.core import files
from rna_bench.core.labels import method_label, noise_label
from rna_bench.core.schemas import build
from rna_bench.core.types import InputError, RunRecord, Score, Status
from rna_bench.models.architecture import parameters_text
from rna_bench.models.delta import apply_delta
from rna_bench.models.loading import fingerprint, load_model
from rna_bench.runs import record
from rna_bench.runs.identity import NAME, is_checkpoint, is_gold, origin_folder
from rna_bench.runs.integrity import delta_hash
from rna_bench.runs.labels import method_of_run

READING = """\
Accuracy in %, with the standard error over questions; chance is 25. A form with a trigger has a forget-token, or a sentence about
something forgotten, in a harmless question; its control has a harmless one in the same place."""
CHECKPOINT_CARD = """\
---
library_name: transformers
tags: [unlearning, rna_bench]
---
# {name}

{what} (files {files}), {base}; scored by rna_bench {version} (arXiv 2501.19202).
Run `{identity}`, seed {seed}, {dtype}. Status of the run: {status}

## Scores

{scores}

{reading}
"""
ELSEWHERE = "A checkpoint that was unlearned elsewhere"
GOLD = "A gold reference, which never learned what is to be forgotten"
CARD = """\
---
library_name: transformers
{link}tags: [unlearning, rna_bench]
---
# {name}

`{base}` at `{revision}`, unlearned with **{method}** by rna_bench {version} (arXiv 2501.19202).
Run `{identity}`, seed {seed}, {dtype}.

- Method: {method} {settings}
- Noise (RNA): {noise}
- Trained: tensors matching `{parameters}`, {steps} steps at {lr:g}, batches of {batch_size}
- Status of the run: {status}

## Scores

{scores}

{reading}

## Caveats

- Unlearning of this kind hides knowledge, it does not erase it: attacks and a little training can bring it back. Do not rely on it
  for safety.
- A forget-token in a harmless question can break the answer: compare the forms above.
- One run with one seed. Scores of the base model are not in it; run `rna-bench run method=none` for them.
"""


def export_run(run: Path, out: Path) -> Path:
    """Write base model plus delta of a run's folder, or the checkpoint that it scored, to `out`, whole or not at all; return it."""
    made = _finished(run)
    checkpoint = is_checkpoint(made.config)
    try:
        with files.staged_folder(out) as draft:
            source = build("model", DictConfig(made.config["model"])).folder()
            if fingerprint(source.folder) != made.fingerprints["model"]:
                what = "checkpoint" if checkpoint else "base model"
                raise InputError("run", run, f"its {what} {made.model} is not the one at hand ({source.folder}); restore that")
            model, tokenizer = load_model(source)
            if not checkpoint:
                apply_delta(run / record.DELTA, model)
            model.save_pretrained(draft)
            tokenizer.save_pretrained(draft)
            (draft / "README.md").write_text(checkpoint_card(made) if checkpoint else card(made), encoding="utf-8")
    except OSError as error:
        raise files.unwritable(out, error, "folder") from error
    return out


def _finished(run: Path) -> RunRecord:
    if not (run / record.RECORD).is_file():
        raise InputError("run", run, "holds no record; give the folder of a run, for instance results/runs/IDENTITY")
    made = record.read(run / record.RECORD)
    if is_checkpoint(made.config):
        return made
    if not made.config["method"]["_target_"]:
        raise InputError("run", run, "trained nothing (method=none); its model is the base model")
    if not (run / record.DELTA).is_file():
        reason = "it diverged" if made.status is Status.diverged else "it was run with keep_delta=false, or cleaned"
        raise InputError("run", run, f"has no {record.DELTA} ({reason}); run it again")
    if made.sha256 and made.sha256.get(record.DELTA) != delta_hash(run / record.DELTA):
        raise InputError("run", run, f"its {record.DELTA} is not the one that its record names; run it again")
    return made


def checkpoint_card(made: RunRecord) -> str:
    """Return the model card of a checkpoint that was unlearned elsewhere, or of a gold reference."""
    base = origin_folder(made.config) or made.model
    named = f"`{base}` (files {made.fingerprints['base']})" if "base" in made.fingerprints else "a model that is not named"
    what, origin = (GOLD, "for") if is_gold(made.config) else (ELSEWHERE, "from")
    return CHECKPOINT_CARD.format(
        name=made.config.get(NAME) or f"{made.model}, {method_of_run(made.config, made.choices)}",
        what=what,
        base=f"{origin} {named}",
        version=made.provenance["packages"]["rna_bench"],
        identity=made.identity,
        seed=made.config["seed"],
        dtype=made.config["model"]["dtype"],
        files=made.fingerprints["model"],
        status=f"{made.status.value} {made.reason}".strip(),
        scores=_scores(made.scores),
        reading=READING,
    )


def card(made: RunRecord) -> str:
    """Return the model card of a run."""
    config, model = made.config, made.config["model"]
    train, noise = config["train"], config["noise"]
    own = {key: value for key, value in config["method"].items() if key != "_target_"}
    return CARD.format(
        base=model.get("repo", made.model),
        link=f"base_model: {model['repo']}\n" if "repo" in model else "",
        revision=model.get("revision", made.fingerprints["model"]),
        name=f"{made.model}, {method_label(made.choices['method'], made.choices.get('retain'))}, {made.status.value}",
        method=method_label(made.choices["method"], made.choices.get("retain")),
        version=made.provenance["packages"]["rna_bench"],
        identity=made.identity,
        seed=config["seed"],
        dtype=model["dtype"],
        settings=f"({', '.join(f'{key} {value}' for key, value in own.items())})" if own else "",
        noise=f"nu = {noise_label(noise)}{_where(noise)}" if noise_label(noise) else "none",
        parameters=parameters_text(train["parameters"]),
        steps=train["steps"],
        lr=train["lr"],
        batch_size=train["batch_size"],
        status=f"{made.status.value} {made.reason}".strip(),
        scores=_scores(made.scores),
        reading=READING,
    )


def _scores(scores: Sequence[Score]) -> str:
    rows = [f"| {s.task} | {s.role} | {s.perturbation} | {_percent(s)} | {s.n} |" for s in scores]
    return "\n".join(["| task | role | form | accuracy | questions |", "|:--|:--|:--|--:|--:|", *rows])


def _percent(score: Score) -> str:
    error = "" if score.stderr is None else f" ± {100 * score.stderr:.1f}"
    return f"{100 * score.accuracy:.1f}{error}"


def _where(noise: Mapping[str, Any]) -> str:
    return f" at layer {noise['layer']}" if "layer" in noise else ""
