import logging
import subprocess
import sys

import pytest

from rna_bench.core import log
from rna_bench.core.log import print_result, progress_bar, set_up

MESSAGES = logging.getLogger("rna_bench.somewhere")


def log_each_level() -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        MESSAGES.log(level, "a message of %s", level)


@pytest.mark.parametrize(
    ("level", "lines"),
    [
        ("DEBUG", ["a message of 10", "a message of 20", "warning: a message of 30", "error: a message of 40"]),
        ("INFO", ["a message of 20", "warning: a message of 30", "error: a message of 40"]),
        ("WARNING", ["warning: a message of 30", "error: a message of 40"]),
    ],
)
def test_messages_from_a_level_on_are_plain_lines_on_standard_error(capsys, level, lines):
    set_up(level)
    log_each_level()
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in lines))


def test_setting_up_again_prints_no_line_twice(capsys):
    set_up("INFO")
    set_up("INFO")
    MESSAGES.info("once")
    assert capsys.readouterr().err == "once\n"


def test_a_root_logger_that_a_library_configures_prints_nothing_of_ours(capsys):
    root = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(root)
    try:
        MESSAGES.info("once")
    finally:
        logging.getLogger().removeHandler(root)
    assert capsys.readouterr().err == "once\n"


def test_other_processes_inherit_the_level():
    set_up("WARNING")
    code = "from rna_bench.core import log; log.set_up(); log.LOGGER.info('hidden'); log.LOGGER.warning('shown')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "warning: shown\n")


def test_a_level_that_does_not_exist_is_info(monkeypatch, capsys):
    monkeypatch.setenv(log.LEVEL, "loud")
    set_up()
    log_each_level()
    assert capsys.readouterr().err.startswith("a message of 20\n")


def test_results_go_to_standard_output(capsys):
    set_up("ERROR")
    print_result("a table")
    assert capsys.readouterr() == ("a table\n", "")


@pytest.mark.parametrize(("level", "bars", "shown"), [("INFO", True, True), ("INFO", False, False), ("WARNING", True, False)])
def test_bars_are_shown_on_a_terminal_unless_quiet_or_in_a_worker(capsys, monkeypatch, level, bars, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up(level, bars=bars)
    with progress_bar("scoring", "questions", 3) as bar:
        bar.update()
    assert ("scoring" in capsys.readouterr().err) == shown


def test_a_message_clears_the_bars_and_draws_them_again_below(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up("INFO")
    with progress_bar("scoring", "questions", 3):
        capsys.readouterr()
        MESSAGES.info("a message")
        before, after = capsys.readouterr().err.split("a message\n")
    assert before.strip() == ""
    assert before.endswith("\r")
    assert "scoring" in after


def test_where_there_is_no_terminal_progress_is_lines_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(log, "EVERY", 30.0)
    now = iter([0.0, 10.0, 40.0, 50.0, 80.0])
    monkeypatch.setattr(log.time, "monotonic", lambda: next(now))
    set_up("INFO")
    with progress_bar("unlearning", "steps", 10) as bar:
        for _ in range(3):  # at 10 s, at 40 s, when 2 of 10 took 40 s, and at 50 s
            bar.update()
        bar.update(7)  # the end
    assert capsys.readouterr().err == "unlearning: 2 of 10 steps, 0:02:40 left\n"


@pytest.mark.parametrize(("level", "bars"), [("INFO", False), ("WARNING", True)])
def test_a_worker_or_a_quiet_command_has_no_lines_of_progress(capsys, monkeypatch, level, bars):
    monkeypatch.setattr(log, "EVERY", 0.0)
    set_up(level, bars=bars)
    with progress_bar("unlearning", "steps", 10) as bar:
        bar.update()
        bar.set_postfix(forget=1.0)
    assert capsys.readouterr().err == ""
