import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from rna_bench.cli.main import main
from rna_bench.core.types import InputError, Status
from rna_bench.reporting.page.build import page_html, write_report
from rna_bench.reporting.page.responses import ResponseReader
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.verdicts import claims
from rna_bench.runs import record
from rna_bench.runs.collection import collect
from tests.builders.records import HOSTILE, make_record, pairs, scored, swept
from tests.comparison import differences

ROOT = Path(__file__).parents[3]


class Seen(HTMLParser):
    """Elements, and the text of scripts by id, as a browser takes them from the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        last, attributes = self.tags[-1] if self.tags else ("", {})
        if last == "script":
            self.scripts[attributes.get("id", "script")] = self.scripts.get(attributes.get("id", "script"), "") + data
        self.words += data


def test_the_committed_page_is_what_the_published_records_give(monkeypatch):
    monkeypatch.chdir(ROOT)
    text, left_out = page_html(collect(Path("results/published"), deep=True))
    assert left_out == []
    assert differences("report.html", text.encode(), Path("results/report.html").read_bytes()) == []


def test_the_pages_responses_add_up_to_the_records_scores():
    reader = ResponseReader()
    for run in collect(ROOT / "results" / "published", deep=True).runs:
        responses, start = reader.read(run.folder), 0
        right = {}
        for perturbation, places in responses.order.perturbations:
            for place, one in zip(places, responses.right[start : start + len(places)], strict=True):
                key = responses.order.questions[place][0], perturbation
                right[key] = right.get(key, 0) + bool(one)
            start += len(places)
        assert right == {(score.task, score.perturbation): round(score.accuracy * score.n) for score in run.record.scores}


def test_the_order_in_which_records_were_written_changes_nothing(tmp_path):
    one, other = (
        page_html(collect(swept(tmp_path / name / "runs", *runs), deep=True))[0]
        for name, runs in (("a", pairs()), ("b", pairs()[::-1]))
    )
    assert one.replace("/a/", "/b/") == other


def test_nothing_is_fetched_and_only_the_pages_own_script_and_style_may_run(tmp_path):
    text, _ = page_html(collect(swept(tmp_path, *pairs()), deep=True))
    seen = Seen(text)
    links = [attributes.get(key) for _, attributes in seen.tags for key in ("src", "href") if key in attributes]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    policy = next(attributes["content"] for _, attributes in seen.tags if "content-security-policy" in str(attributes).lower())
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        inner = re.search(rf"<{tag}(?: type=\"module\")?>(.*?)</{tag}>", text, re.DOTALL).group(1)
        assert f"'sha256-{b64encode(hashlib.sha256(inner.encode()).digest()).decode()}'" in policy


def test_a_hostile_name_is_text_everywhere(tmp_path):
    bad = make_record(3, status=Status.diverged, model=HOSTILE, scores=scored(), change={"train": {"parameters": HOSTILE}})
    runs = [replace(run, model=HOSTILE) for run in pairs()] + [replace(bad, reason=HOSTILE)]
    text, _ = page_html(collect(swept(tmp_path, *runs), deep=True))
    seen = Seen(text)
    assert {tag for tag, _ in seen.tags}.isdisjoint({"img", "iframe", "object"})
    links = [attributes["href"] for tag, attributes in seen.tags if tag == "a"]
    assert [link for link in links if not link.startswith("#")] == []
    core, details = (json.loads(seen.scripts[name]) for name in ("core", "details"))
    assert {run["model"] for run in core["runs"]} == {HOSTILE}
    assert HOSTILE in [run["reason"] for run in details["runs"]]


def test_cards_say_what_the_tables_say_and_name_the_methods_that_they_count(tmp_path):
    runs = [*pairs(), make_record(1, method="none")]
    text, _ = page_html(collect(swept(tmp_path, *runs), deep=True))
    words = " ".join(Seen(text).words.split())
    for claim in claims(grouped(runs), runs, (tmp_path / "swept").as_posix()):
        for line in (claim.title, claim.rule, *claim.counts, *claim.evidence):
            assert " ".join(re.sub(r"[*`]", "", line).split()) in words
    assert "not shown for 1 of 1 method: rmu" in words
    assert "swept 5 runs" in words


def test_the_first_table_says_which_method_to_use_and_is_of_the_sweep_that_compares_most(tmp_path):
    other = make_record(1, method="npo_kl", change={"train": {"steps": 3}})
    for name, runs in {"one": pairs(), "two": [*pairs(), other]}.items():
        for run in runs:
            record.write(tmp_path / name / run.identity, run, [])
    text, _ = page_html(collect(tmp_path, deep=True))
    table = text[text.index('<table class="methods">') :]
    links = re.findall(r'href="#runs&amp;([^"]*)">([^<]*)<', table[: table.index("</table>")])
    assert {(dict(parse_qsl(unescape(link)))["sweep"], method) for link, method in links} == {("two", "rmu"), ("two", "npo_kl")}
    assert text.index("Which method should I use?") < text.index("Does unlearning break")


def test_a_run_that_two_sweeps_share_is_one_row_in_both(tmp_path):
    run = make_record(1, method="none")
    for name in ("one", "two"):
        record.write(tmp_path / name / run.identity, run, [])
    core = json.loads(Seen(page_html(collect(tmp_path, deep=True))[0]).scripts["core"])
    assert [(run["sweep"], run["sweeps"]) for run in core["runs"]] == [("one + 1", ["one", "two"])]


def test_what_is_damaged_is_named_loudly(tmp_path):
    first, second, *_ = pairs()
    swept(tmp_path, first, second)
    (tmp_path / "swept" / first.identity / record.QUESTIONS).unlink()
    (tmp_path / "swept" / "broken").mkdir()
    (tmp_path / "swept" / "broken" / record.RECORD).write_text("{")
    message = write_report(tmp_path, tmp_path / "report.html")
    words = Seen((tmp_path / "report.html").read_text(encoding="utf-8")).words
    assert "Left out of this page: 2 damaged or missing" in words
    for line in (r"broken: record=.*is not a valid record", rf"{first.identity}: questions=.*cannot be read"):
        assert re.search(line, words)
        assert re.search(f"left out: {line}", message)


def test_a_damaged_file_of_responses_is_left_out_and_the_run_stays(tmp_path):
    (run,) = pairs()[:1]
    path = swept(tmp_path, run) / "swept" / run.identity / record.RECORD
    values = json.loads(path.read_text()) | {"sha256": {}, "schema_version": 4}  # with hashes, the record is left out as well
    path.write_text(json.dumps(values))
    path.with_name(record.QUESTIONS).write_bytes(b"PAR1 but not really")
    text, left_out = page_html(collect(tmp_path, deep=True))
    assert [line.split(":")[0] for line in left_out] == [run.identity]
    (details,) = json.loads(Seen(text).scripts["details"])["runs"]
    assert "bits" not in details
    assert details["scores"]


def test_runs_that_did_not_finish_are_in_no_verdict_and_named(tmp_path):
    bad = make_record(9, 1.0, status=Status.diverged, scores=scored())
    text, _ = page_html(collect(swept(tmp_path, bad, *pairs()), deep=True))
    assert "1 of them diverged or has no scores" in text
    assert f'href="#run={bad.identity}"' in text


def test_the_command_finds_records_by_folder_and_writes_beside_them(tmp_path, monkeypatch, capsys):
    swept(tmp_path / "mine", *pairs())
    monkeypatch.setattr("sys.argv", ["rna-bench", "report", str(tmp_path / "mine")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert f"{tmp_path / 'mine' / 'report.html'}: 4 runs" in capsys.readouterr().out
    assert (tmp_path / "mine" / "report.html").stat().st_size > 20_000


def test_a_folder_in_the_way_is_one_line_and_leaves_nothing(tmp_path):
    swept(tmp_path / "mine", *pairs())
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    with pytest.raises(InputError, match=r"--out=.*choose another file"):
        write_report(tmp_path / "mine", tmp_path / "out" / "report.html")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
