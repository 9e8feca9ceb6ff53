import os
import signal
import threading
from types import SimpleNamespace

import pytest

from rna_bench.experiment.checkpointer import ENDED, Keeper, ending
from rna_bench.runs.signals import leave, terminable
from rna_bench.unlearning.checkpoint import CheckpointInterval
from rna_bench.unlearning.trainer import TrainingLog


class Done:
    """A place for states that notes when it was asked to keep one, and has `problems` in turn."""

    def __init__(self, *problems, takes=0.0, clock=None):
        self.run, self.kept, self.problems, self.takes, self.clock = "results/abc", [], list(problems), takes, clock

    def keep_state(self, _policy, _optimizer, history):
        self.kept.append(len(history.losses))
        self.clock.now += self.takes
        return self.problems.pop(0) if self.problems else ""

    def state(self, _policy, _optimizer):
        return None


def steps(done, every, count, *, told=lambda: False, seconds=1.0):
    """Take so many steps, each as long; return the keeper."""
    done.clock = SimpleNamespace(now=1000.0)
    keeper, history = Keeper(done, every, told, lambda: done.clock.now), TrainingLog()
    keeper.restore(None, None)
    for step in range(count):
        history.losses.append(step)
        done.clock.now += seconds
        keeper.after_step(None, None, history)
    return keeper


def test_the_state_is_kept_so_long_after_the_last_was_written():
    done = Done(takes=0.5)
    keeper = steps(done, CheckpointInterval(3, 0), 10)
    assert done.kept == [3, 6, 9]
    assert keeper.seconds == 1.5


def test_a_training_that_is_shorter_keeps_nothing():
    done = Done()
    assert steps(done, CheckpointInterval(120, 0), 100).seconds == 0
    assert done.kept == []


def test_a_full_disk_is_said_once_and_tried_again(capsys):
    done = Done("disk full", "disk full")
    steps(done, CheckpointInterval(0, 1), 3)
    assert done.kept == [1, 2, 3]
    assert capsys.readouterr().err == "warning: disk full\n"


def test_told_to_end_training_keeps_its_state_and_ends(capsys):
    done, told = Done(), [False, False, True]
    with pytest.raises(SystemExit) as ended:
        steps(done, CheckpointInterval(0, 0), 5, told=lambda: told.pop(0))
    assert ended.value.code == ENDED == 143
    assert done.kept == [3]
    assert "goes on after step 3" in capsys.readouterr().err


def send_sigterm(seen):
    with ending() as told:
        seen.append(told())
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append(told())
        seen.append(signal.getsignal(signal.SIGTERM))


def test_sigterm_is_noted_and_ends_the_process_when_the_context_is_left():
    seen = []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(SystemExit) as ended:
        send_sigterm(seen)
    assert seen == [False, True, signal.SIG_DFL]  # a second one would not be waited with
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@terminable()
def send_sigterm_with_a_tracker(seen):
    seen.append(signal.getsignal(signal.SIGTERM))
    send_sigterm(seen)


def test_a_tracker_that_ends_at_sigterm_waits_for_the_step_too():
    seen = []
    with pytest.raises(SystemExit) as ended:
        send_sigterm_with_a_tracker(seen)
    assert seen == [leave, False, True, leave]
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_without_sigterm_nothing_is_left_behind():
    with ending() as told:
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert not told()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_engines_own_handler_stays():
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with ending() as told:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not told()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert seen == [1]


def test_in_a_thread_no_handler_is_set():
    seen = []

    def work():
        with ending() as told:
            seen.append((told(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.SIG_DFL)]
