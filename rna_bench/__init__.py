"""Does an unlearned language model break on a forgotten word, and does random noise augmentation restore its robustness?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

__version__ = "0.1.0"


def load_results(name: str | None = None) -> "DataFrame":
    """Return the results in a folder of records (results/runs), or of a name below results/runs or results/published, tidily.

    Records in folders of the folder are read too. There is a row for each run, task and perturbation, also of runs that diverged
    or collapsed; a warning names each record that cannot be read. Columns:

    - `run`: the record's identity; `status`: finished, diverged or collapsed; `folder`: where the record is
    - `model`, `dtype`, `master_weights`, `method` (with its retain loss; none is the base model), `seed`
    - `steps`, `lr`, `batch_size`, `retain_weight` of training, and, as the last columns, settings of methods, for instance
      `method.steering_coefficient` (missing where nothing was trained, and for methods without that setting)
    - `noise`: its label, for instance 1 rms (0 without noise, - for the base model); `noise_scale` (nu, 0 without noise; missing
      for the base model), `noise_unit` (rms or absolute), `noise_layer` (missing for noise at several layers)
    - `role`: forget or retain; `task`; `perturbation`: clean, a trigger type (option, before ...), or its control (option_control)
    - `accuracy` (0..1), `stderr` (missing for a task of one question), `n` questions, `population` (of which they are a
      sample; missing where all were asked), `ties` (missing in records of schema 1)
    - `calibration_error` (0..1): the expected calibration error on these questions, 15 bins of the probability of the choice among
      the four (Guo et al. 2017); missing where the responses cannot be read
    - `perplexity` of held-out retain text (missing where it was not measured, or is not finite)
    - where a record has continuations (`generation.prompts`), `generated_perplexity_BEGINNING` under the base model, and
      `repetition_BEGINNING` and `agreement_BEGINNING` (0..1), for the beginnings clean, control and trigger
    - `forget_loss`: the method's, at the last eval step; `revision`: the commit of the code that wrote the record
    """
    from rna_bench.reporting.results import results_frame

    return results_frame(name)


def load_attacks(name: str | None = None) -> "DataFrame":
    """Return the scores under attack of the runs that `load_results` returns, tidily; without attacks, an empty frame.

    There is a row for each run, attack, task, role, budget and variant. Columns are those of the run's settings in `load_results`,
    from `run` to `forget_loss`, `method.KEY`, `revision` and `folder`, and:

    - `attack`: its name; `task`; `role`: forget (the attack never saw these facts), retaught (it was trained on them) or retain
    - `budget` spent, for instance updates; `variant`: what tells states of one budget apart, as int8 and int4 ("" if there is one)
    - `accuracy` (0..1), `stderr` (missing for one question), `n` questions; `log_odds`: the mean log-odds of the right letter among
      the four, in nats (missing where it is not finite)
    - `step` of training after which the attack was tried (missing at the end)
    - `attack.KEY`: settings of the attack, for instance `attack.lr` (missing for attacks without that setting)
    """
    from rna_bench.reporting.results import attacks_frame

    return attacks_frame(name)
