"""Studies of a mock experiment, whose outcomes are a formula of the values that are tried; no model is run."""

from contextlib import suppress

import pytest
from optuna.trial import TrialState

from rna_bench.core.types import InputError
from rna_bench.sweep.search.journal import cut_partial_line, is_alive, registered_launch
from rna_bench.sweep.search.study import JOURNAL, TrialOutcome, latest_trials, load_study, open_study


def outcome(values):
    """More noise makes the model more robust to triggers, and lets it forget less; layer 0 is worse in both."""
    return [20 + 5 * values["scale"] + 3 * (values["layer"] == 0), 50 + 5 * values["scale"] - 3 * (values["layer"] == 0)]


def go(plan, stop=None, unfit=lambda place: "", failing=lambda place: False, final=False):
    """Try what is left; with `stop`, end as a killed process does, in the middle of that place."""
    with open_study(plan) as study:
        while claim := study.claim():
            if claim.place == stop:
                raise KeyboardInterrupt
            if failing(claim.place):
                study.report_failure(claim, f"run-{claim.place}", "it broke", final=final)
                continue
            study.report(claim, TrialOutcome(f"run-{claim.place}", outcome(claim.values), unfit(claim.place)))


def seen(plan):
    """Return the values and outcome of each place, in order."""
    return [(place, trial.params, trial.values) for place, trial in latest_trials(load_study(plan).trials).items()]


def test_a_search_tries_as_many_settings_as_asked_within_its_space_and_no_more(make_plan):
    plan = make_plan(trials=12, startup=4)
    go(plan)
    go(plan)
    trials = seen(plan)
    assert [place for place, _, _ in trials] == list(range(12))
    assert all(0.05 <= params["scale"] <= 4 and params["layer"] in (0, 1) for _, params, _ in trials)
    assert len({params["scale"] for _, params, _ in trials}) == 12
    assert {params["layer"] for _, params, _ in trials} == {0, 1}


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(make_plan):
    whole, cut = make_plan("whole", trials=12, startup=4), make_plan("cut", trials=12, startup=4)
    go(whole)
    for place in (0, 3, 3, 7):
        with suppress(KeyboardInterrupt):
            go(cut, stop=place)
    go(cut)
    assert seen(cut) == seen(whole)
    states = [trial.state for trial in load_study(cut).trials]
    assert (states.count(TrialState.COMPLETE), states.count(TrialState.FAIL)) == (12, 4)


def test_more_trials_continue_a_search_as_if_they_had_been_asked_for_at_once(make_plan):
    go(make_plan("long", trials=9, startup=4))
    go(make_plan("short", trials=5, startup=4))
    go(make_plan("short", trials=9, startup=4))
    assert seen(make_plan("short", startup=4)) == seen(make_plan("long", startup=4))


def test_another_seed_is_another_search(make_plan):
    go(make_plan("one", trials=3, seed=1))
    go(make_plan("two", trials=3, seed=2))
    assert seen(make_plan("one", seed=1)) != seen(make_plan("two", seed=2))


def test_two_launches_at_once_share_the_places(make_plan):
    plan = make_plan(trials=7, startup=3)
    with open_study(plan) as one, open_study(plan) as two:
        tried = []
        while claims := [claim for study in (one, two) if (claim := study.claim())]:
            tried += [claim.place for claim in claims]
            for study, claim in zip((one, two), claims, strict=False):
                study.report(claim, TrialOutcome(f"run-{claim.place}", outcome(claim.values), ""))
    assert tried == list(range(7))


def test_what_a_living_launch_is_at_is_left_to_it(make_plan):
    plan = make_plan(trials=2)
    with open_study(plan) as one:
        first = one.claim()
        with open_study(plan) as two:
            assert (first.place, two.claim().place, two.claim()) == (0, 1, None)
    with open_study(plan) as three:  # both launches are over, and neither reported an outcome
        claims = [three.claim() for _ in range(3)]
    assert claims[0].values == first.values
    assert [claim and claim.place for claim in claims] == [0, 1, None]
    assert "died" in claims[0].again


def test_what_failed_is_tried_again_with_the_same_values_by_the_next_launch_alone(make_plan):
    plan = make_plan(trials=4)
    go(plan, failing=lambda place: place == 2)
    trial = latest_trials(load_study(plan).trials)[2]
    assert (trial.state, trial.user_attrs["reason"], trial.user_attrs["identity"]) == (TrialState.FAIL, "it broke", "run-2")
    assert len(load_study(plan).trials) == 4
    go(plan)
    mended = latest_trials(load_study(plan).trials)[2]
    assert (mended.state, mended.params) == (TrialState.COMPLETE, trial.params)
    assert len(load_study(plan).trials) == 5


def test_what_would_fail_again_is_not_tried_again(make_plan):
    plan = make_plan(trials=4)
    go(plan, failing=lambda place: place == 2, final=True)
    go(plan)
    assert len(load_study(plan).trials) == 4


def test_the_front_is_what_nothing_beats_and_leaves_out_what_is_unfit(make_plan):
    plan = make_plan(trials=10)
    go(plan, unfit=lambda place: "collapsed" if place == 4 else "")
    trials = [(trial.user_attrs["place"], *trial.values) for trial in load_study(plan).trials]
    fit = [each for each in trials if each[0] != 4]
    naive = [one for one in fit if not any(other[1] <= one[1] and other[2] >= one[2] and other[1:] != one[1:] for other in fit)]
    assert [(t.user_attrs["place"], *t.values) for t in load_study(plan).front()] == sorted(naive, key=lambda each: each[1])


@pytest.mark.parametrize("torn", [b'{"op_code":8,"worker', b'{"op_code":8}garbage', b"\x00" * 5000])
def test_a_line_that_a_kill_left_half_written_is_dropped(make_plan, torn):
    whole, cut = make_plan("whole", trials=6), make_plan("cut", trials=6)
    go(whole)
    with suppress(KeyboardInterrupt):
        go(cut, stop=3)
    with (cut.folder / JOURNAL).open("ab") as journal:
        journal.write(torn)
    go(cut)
    assert seen(cut) == seen(whole)


def test_a_search_killed_after_any_line_of_its_journal_goes_on(make_plan):
    whole = make_plan("whole", trials=2, startup=1)
    go(whole)
    lines = (whole.folder / JOURNAL).read_bytes().splitlines(keepends=True)
    for count in range(len(lines)):
        cut = make_plan(f"cut-{count}", trials=2, startup=1)
        cut.folder.mkdir()
        (cut.folder / JOURNAL).write_bytes(b"".join(lines[:count]))
        go(cut)
        assert seen(cut) == seen(whole)


def test_mending_leaves_a_whole_journal_alone(tmp_path):
    for before, after in ((b"", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n"), (b"a", b"")):
        (tmp_path / "journal").write_bytes(before)
        cut_partial_line(tmp_path / "journal")
        assert (tmp_path / "journal").read_bytes() == after


def test_a_launch_is_alive_until_it_ends(tmp_path):
    with registered_launch(tmp_path) as name, registered_launch(tmp_path) as other:
        assert is_alive(tmp_path, name)
        assert is_alive(tmp_path, name)
        assert name != other
    assert not is_alive(tmp_path, name)
    assert list((tmp_path / "launches").iterdir()) == []


def test_other_settings_are_refused_by_name(make_plan, composed):
    go(make_plan(trials=2, startup=3))
    with pytest.raises(InputError, match=r"search\.startup=4: this search was begun with 3; give another search\.folder"):
        go(make_plan(trials=2, startup=4))
    assert len(load_study(make_plan(trials=2, startup=3)).trials) == 2


def test_a_damaged_journal_is_named(make_plan):
    plan = make_plan(trials=2)
    go(plan)
    (plan.folder / JOURNAL).write_bytes(b"nonsense\n" + (plan.folder / JOURNAL).read_bytes())
    with pytest.raises(InputError, match=r"study\.journal: is damaged"):
        go(plan)


def test_a_search_that_was_not_begun_has_no_front(make_plan):
    with pytest.raises(InputError, match="was not begun"):
        load_study(make_plan())
