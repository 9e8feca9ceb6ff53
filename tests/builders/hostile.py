"""Records that have the form of one and hold what no run of ours writes: each by what is odd about it."""

import math
from dataclasses import replace

from rna_bench.core.types import EvalPoint, Score, Status, StepLoss
from rna_bench.runs.identity import identity
from tests.builders.records import make_record, scored

NAN, FORGET_ONLY = math.nan, scored()[:1]


def odd_records():
    """Return records by what is odd about them; all but the unusable ones count in tables or are named there."""
    run = make_record(11, 1.0)
    noiseless = {key: value for key, value in run.config.items() if key != "noise"}
    mine = {"_target_": "no.such.module.Mine", "scale": [0.1, 0.2], "layer": [0, 1], "unit": None}
    return {
        "no scores": replace(run, scores=()),
        "no eval points, no losses": replace(make_record(12, 1.0), losses=()),
        "losses that are not finite": replace(make_record(13, 1.0), losses=(StepLoss(0, "bio", NAN, math.inf),)),
        "eval points that are not finite": replace(
            make_record(14, 1.0), eval_points=(EvalPoint(0, NAN, scored(), {"bio": NAN}), EvalPoint(1, math.inf, scored(), {}))
        ),
        "eval points without scores": replace(make_record(1, 1.0), eval_points=(EvalPoint(0, 8.0, ()), EvalPoint(1, 2.0, ()))),
        "negative losses": make_record(15, 1.0, eval_points=((-1.0, scored()), (-7.0, scored()))),
        "forget questions alone": make_record(2, 1.0, FORGET_ONLY, eval_points=((8, FORGET_ONLY), (2, FORGET_ONLY))),
        "a method of no module": make_record(16, 0.0, change={"method": {"_target_": "no.such.module.Mine"}}, method="mine"),
        "a noise of no module": make_record(17, change={"noise": mine}),
        "a foreign noise of our name": make_record(18, change={"noise": {"_target_": "theirs.GaussianNoise", "scale": "much"}}),
        "no noise section": replace(run, config=noiseless, identity=identity(noiseless, run.fingerprints)),
        "a status without a reason": replace(make_record(19, 1.0, status=Status.diverged), reason=""),
    }


def unusable_records():
    """Return records that cannot be shown beside others, by the words of the reason."""
    run = make_record(31, 1.0)
    bad = (*scored()[:1], Score("mmlu", "retain", "clean", NAN, None, 10))
    config = run.config
    return {
        "accuracy nan on 10 questions is not possible": replace(run, scores=bad),
        "accuracy 1.5 on 10 questions": replace(run, scores=(Score("mmlu", "retain", "clean", 1.5, None, 10),)),
        "accuracy 0.5 on 0 questions": replace(run, scores=(Score("mmlu", "retain", "clean", 0.5, None, 0),)),
        "lacks model.dtype": replace(run, config=config | {"model": {"path": "/here"}}),
        "its seed is 'x'": replace(run, config=config | {"seed": "x"}),
        "lacks the fingerprint of its model": replace(run, fingerprints={"questions": "bb"}),
    }
