"""Does an unlearned language model break on a forgotten word, and does random noise augmentation mend it?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

__version__ = "0.1.0"


def load_results(name: str = "results/runs") -> "DataFrame":
    """Return the results in a folder of records, or of a name below results/runs or results/published, as a tidy data frame.

    Folders of folders are read, too. A row for each run, task and form, of runs that diverged or collapsed as well; records that
    cannot be read are warned of. Columns:

    - `run`: the record's identity; `status`: finished, diverged or collapsed; `folder`: where the record lies
    - `model`, `dtype`, `method` (none is the base model), `seed`, `steps` (of training; missing where there is none)
    - `noise_scale` (nu, 0 without noise; missing for the base model), `noise_unit` (rms or absolute), `noise_layer`
    - `role`: forget or retain; `task`; `perturbation`: clean, a trigger type (option, before ...), or its control (option_control)
    - `accuracy` (0..1), `stderr` (missing of a single question a subject), `n` questions, `ties` (missing in old records)
    - `forget_loss`: the method's, at the last look along the run; `revision`: the commit of the code that made the record
    """
    from rna_bench.reporting.results import load_results as load

    return load(name)
