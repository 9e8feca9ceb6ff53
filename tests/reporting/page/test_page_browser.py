"""The page in a headless Chromium: checked by axe-core, and operated by mouse and keyboard."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from rna_bench.reporting.page.build import write_report
from rna_bench.runs.collection import collect
from rna_bench.runs.record import QUESTIONS, read_responses
from tests.builders.records import HOSTILE, pairs, swept

pytestmark = pytest.mark.slow

PUBLISHED = Path(__file__).parents[3] / "results" / "published"
ROWS = "#table tbody tr"
SIZES = [(1280, 800), (390, 800)]
VIEWS = ["", "#run={0}", "#compare={0},{1}"]


def ids(page, sweep=None, **like):
    runs = json.loads(page.locator("#core").text_content())["runs"]
    some = [run for run in runs if sweep is None or sweep in run["sweeps"]]
    return [run["id"] for run in some if all(run[key] == value for key, value in like.items())]


def noisy_and_baseline(page):
    """Return the ids of a run with the largest noise scale and of its no-noise baseline."""
    alike = {"sweep": "pocket", "model": "pocket world 0", "method": "rmu", "seed": 1}
    return ids(page, **alike, noise="2 rms") + ids(page, **alike, noise="0")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(opened, size, scheme, view):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core: pip install 'rna_bench[browser]'")
    page = opened(size=size, scheme=scheme)
    page.evaluate("hash => { location.hash = hash; }", view.format(*noisy_and_baseline(page)))
    page.wait_for_timeout(300)
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")
    page.wait_for_timeout(300)
    violations = axe.Axe().run(page).response["violations"]
    assert [(rule["id"], rule["impact"], [node["target"] for node in rule["nodes"]][:3]) for rule in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_table_sorts_both_ways_and_says_so(opened):
    page = opened()
    button = page.get_by_role("button", name="perturbed")
    column = [run["perturbed"] for run in json.loads(page.locator("#core").text_content())["runs"]]
    for order, down in (("ascending", False), ("descending", True)):
        button.click()
        assert page.locator("#table th[aria-sort=ascending], #table th[aria-sort=descending]").count() == 1
        assert page.locator("#table th", has=button).get_attribute("aria-sort") == order
        shown = [float(cell) for cell in page.locator(f"{ROWS} td:nth-last-child(3)").all_text_contents()]
        expected = sorted((value for value in column if value is not None), reverse=down)
        assert shown == pytest.approx(expected[:50], abs=0.051)  # one digit is shown


def test_filters_narrow_table_and_plot_alike(opened):
    page = opened()
    total = len(ids(page))
    assert page.locator("#count").text_content() == f"All {total} runs."
    page.locator("#by-method").select_option("rmu")
    page.get_by_label("Contains").fill("world 1 noise 2")
    expected = set(ids(page, method="rmu", model="pocket world 1", noise="2 rms"))
    assert len(expected) >= 5
    assert page.locator("#count").text_content() == f"{len(expected)} of {total} runs."
    assert {row.get_attribute("data-id") for row in page.locator(ROWS).all()} == expected
    assert {point.get_attribute("data-id") for point in page.locator(".point[data-id]").all()} == expected
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.querySelector('#count').textContent.startsWith('All ')")
    page.get_by_label("Contains").fill("no such run")
    assert page.locator(ROWS).count() == 0


def test_pages_of_the_table_turn(opened):
    page = opened()
    assert page.locator(ROWS).count() == 50
    page.get_by_role("button", name="Later").click()
    assert page.locator(ROWS).count() == 50
    total = len(ids(page))
    assert page.locator("#place").text_content() == f"rows 51 to 100 of {total}"
    for _ in range((total - 1) // 50 - 1):
        page.get_by_role("button", name="Later").click()
    assert page.locator(ROWS).count() == (total - 1) % 50 + 1
    assert page.get_by_role("button", name="Later").is_disabled()


def test_runs_chosen_in_the_table_are_compared_and_back_and_forward_work(opened):
    page = opened()
    noisy, plain = noisy_and_baseline(page)
    page.get_by_label("Contains").fill("pocket world 0 rmu seed 1")
    for one in (noisy, plain):
        page.get_by_role("checkbox", name=f"compare {one}").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    assert page.locator("h1:visible").text_content() == "2 runs compared"
    assert page.evaluate("document.activeElement.tagName") == "H1"
    differing = page.get_by_role("region", name="Settings that differ").locator("tbody th").all_text_contents()
    assert differing == ["noise._target_", "noise.layer", "noise.scale", "noise.unit"]
    assert page.locator(".charts figure").count() == 6
    page.get_by_role("link", name=plain).first.click()
    assert page.locator("h1:visible").text_content() == f"Run {plain}"
    page.go_back()
    assert page.locator("h1:visible").text_content() == "2 runs compared"
    page.go_back()
    assert page.locator("#overview").is_visible()
    assert page.get_by_label("Contains").input_value() == "pocket world 0 rmu seed 1"
    page.go_forward()
    assert page.locator("h1:visible").text_content() == "2 runs compared"


def test_flipped_questions_are_those_of_the_responses(opened):
    page = opened()
    noisy, plain = noisy_and_baseline(page)
    page.evaluate("hash => { location.hash = hash; }", f"#compare={noisy},{plain}")
    page.get_by_label("Perturbation").select_option("before")
    folders = {run.record.identity: run.folder for run in collect(PUBLISHED / "pocket").runs}
    frames = [read_responses(folders[one] / QUESTIONS).to_pandas() for one in (noisy, plain)]
    right = []
    for frame in frames:
        asked = frame[frame.perturbation == "before"].set_index("question")
        right.append(asked.filter(like="logp").to_numpy().argmax(axis=1) == asked.answer)
    worse = sorted(right[0].index[right[0] & ~right[1].reindex(right[0].index)])
    box = page.locator("details", has_text="Right in the first, wrong here")
    assert box.locator("summary").text_content() == f"Right in the first, wrong here: {len(worse)}"
    box.locator("summary").click()
    while box.get_by_role("button").count():
        box.get_by_role("button").click()
    assert sorted(text.split(": ")[1] for text in box.locator(".mono").all_text_contents()) == worse
    assert box.locator("mark").count() == len(worse)


def test_the_plot_is_reached_and_used_by_keyboard(opened):
    page = opened()
    assert page.locator(".point[data-id][tabindex='0']").count() == 1
    page.locator(".point[data-id][tabindex='0']").focus()
    page.keyboard.press("End")
    last = page.evaluate("document.activeElement.dataset.id")
    page.keyboard.press("ArrowLeft")
    other = page.evaluate("document.activeElement.dataset.id")
    assert last != other
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Compare 2 runs").click()
    assert page.url.endswith(f"#compare={other},{last}")


def test_a_run_shows_where_it_comes_from(opened):
    page = opened()
    (one,) = ids(page, sweep="pocket_methods", method="dpo_kl", noise="0", seed=1)
    page.evaluate("hash => { location.hash = hash; }", f"#run={one}")
    (run,) = (run for run in collect(PUBLISHED / "pocket_methods").runs if run.record.identity == one)
    record = run.record
    text = page.locator("#view").text_content()
    expected = [record.provenance["revision"], record.provenance["packages"]["torch"], *record.fingerprints.values()]
    for word in (*expected, f"pocket_methods/{run.folder.name}/record.json", "Status: finished"):
        assert word in text
    assert page.get_by_role("region", name="Scores").locator("tbody tr").count() == len(record.scores)


def test_an_unknown_run_is_named_and_the_skip_link_leaves_the_address(opened):
    page = opened(hash_="#run=deadbeef")
    assert page.locator("h1:visible").text_content() == "deadbeef is not in this page"
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert page.url.endswith("#run=deadbeef")


def test_hostile_names_are_words_in_every_view(opened, tmp_path):
    runs = [replace(run, model=HOSTILE, reason=HOSTILE) for run in pairs()]
    write_report(swept(tmp_path / "runs", *runs), tmp_path / "report.html")
    page = opened(tmp_path / "report.html")
    page.on("dialog", lambda dialog: pytest.fail(f"a name was run: {dialog.message}"))
    for view in ("", f"#run={runs[0].identity}", f"#compare={runs[0].identity},{runs[1].identity}"):
        page.evaluate("hash => { location.hash = hash; }", view)
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
        assert HOSTILE in page.locator("main").text_content()


def test_what_is_left_out_stands_first(opened, tmp_path):
    first, *rest = pairs()
    swept(tmp_path / "runs", first, *rest)
    (tmp_path / "runs" / "swept" / first.identity / "record.json").write_text("{")
    write_report(tmp_path / "runs", tmp_path / "report.html")
    page = opened(tmp_path / "report.html", size=(390, 800))
    assert page.locator("main > section").first.get_attribute("class") == "alarm"
    assert first.identity in page.get_by_role("region", name="Left out of this page").text_content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_there_are_the_summary_and_a_plain_table(opened):
    page = opened(script=False)
    assert page.locator("h1:visible").count() == 1
    assert page.locator("noscript table tbody tr").count() == len(ids(page))
    assert page.locator("#filters").is_hidden()


def state(page):
    return parse_qs(page.evaluate("location.hash.slice(1)"), keep_blank_values=True)


def test_filters_order_and_chosen_runs_are_in_the_address_and_come_back_from_it(opened):
    page = opened()
    page.locator("#by-method").select_option("rmu")
    page.get_by_label("Contains").fill("world 1")
    page.get_by_role("button", name="perturbed").click()
    page.get_by_role("button", name="perturbed").click()
    one = page.locator(ROWS).first.get_attribute("data-id")
    page.get_by_role("checkbox", name=f"compare {one}").check()
    assert state(page) == {"method": ["rmu"], "words": ["world 1"], "sort": ["-perturbed"], "chosen": [one]}
    shown = page.locator(ROWS).all_text_contents()
    again = opened(hash_=page.evaluate("location.hash"))
    assert again.locator(ROWS).all_text_contents() == shown
    assert again.get_by_role("checkbox", name=f"compare {one}").is_checked()
    assert again.locator("#table th", has=again.get_by_role("button", name="perturbed")).get_attribute("aria-sort") == "descending"


def test_a_run_and_the_way_back_keep_the_filters(opened):
    page = opened(hash_="#method=npo_kl&sort=seed")
    before = page.locator(ROWS).all_text_contents()
    page.locator(f"{ROWS} a").first.click()
    assert state(page)["method"] == ["npo_kl"]
    page.reload()
    page.get_by_role("link", name="← all runs").click()
    assert page.locator(ROWS).all_text_contents() == before


def test_a_method_of_the_first_table_leads_to_its_runs_and_unknown_values_are_left_out(opened):
    page = opened()
    page.locator("#methods tbody a", has_text="rmu").last.click()
    assert set(page.locator(f"{ROWS} td:nth-child(5)").all_text_contents()) == {page.locator("#by-method").input_value()}
    other = opened(hash_="#method=no_such&sort=no_such&chosen=no_such")
    assert other.locator("#count").text_content().startswith("All ")
    assert other.evaluate("location.hash") == ""


def test_filtering_by_a_sweep_shows_the_base_runs_that_it_shares(opened):
    page = opened(hash_="#sweep=pocket_paper&method=none")
    assert page.locator(ROWS).count() == 10
