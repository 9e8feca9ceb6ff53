"""Two files that say the same are told from two that do not."""

import io
import re

import pytest
from matplotlib.figure import Figure
from PIL import Image

from rna_bench.reporting.figures.style import drawing_settings
from tests.comparison import differences

CSV = b"model,accuracy,accuracy n,p\nrmu,27.916666666666668,5,0.0473451\nrsv,0.0,5,\n"
MARKDOWN = """\
| model   | accuracy   |
|:--------|:-----------|
| rmu     | 96.2 ± 7.5 |

From 30 records, code revision 08cbb3a98e.
""".encode()
HTML = b'<p>2 runs</p><script>{"loss":57.82803726196289,"retain":77.34,"seed":4,"bits":"//8A"}</script>'


WITHOUT_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def figure(kind="svg", points=((0, 1), (1, 3)), series=1, title="Losses", colour="#0072b2"):
    """A figure with a bold title, as matplotlib writes it."""
    with drawing_settings():
        drawn = Figure(figsize=(3, 2))
        axes = drawn.subplots()
        axes.set_title(title)
        axes.set(xlim=(0, 4), ylim=(0, 4))
        for place in range(series):
            axes.plot(*zip(*points, strict=True), marker="os"[place], color=colour)
        buffer = io.BytesIO()
        drawn.savefig(buffer, format=kind, metadata=WITHOUT_DATE[kind])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", WITHOUT_DATE)
def test_a_figure_drawn_again_is_the_same(kind):
    assert differences(f"a.{kind}", figure(kind), figure(kind)) == []


@pytest.mark.parametrize("kind", WITHOUT_DATE)
@pytest.mark.parametrize("change", [{"points": ((0, 1), (1, 3.5))}, {"series": 2}, {"series": 0}, {"colour": "#d55e00"}])
def test_a_moved_point_a_missing_series_and_another_colour_are_noticed(kind, change):
    assert differences(f"a.{kind}", figure(kind, **change), figure(kind)) != []


def test_a_point_that_moved_by_a_tenth_of_a_point_is_noticed_and_one_that_moved_by_rounding_is_not():
    # 4 units are 0.77 * 2 * 72 = 110.88 points high
    assert differences("a.svg", figure(points=((0, 1), (1, 3 + 0.1 * 4 / 110.88))), figure()) != []
    assert differences("a.svg", figure(points=((0, 1), (1, 3 + 0.001 * 4 / 110.88))), figure()) == []


def test_letters_and_marks_may_have_other_names_in_an_svg():
    known = figure()
    for pattern, other in (
        (rb"DejaVuSans-Bold-\w+", b"DejaVuSans-Bold-c1e0"),
        (rb"axes_\d", b"axes_7"),
        (rb"\bp\w{10}\b", b"p0123456789"),
    ):
        name = re.search(pattern, known)[0]
        assert differences("a.svg", known.replace(name, other), known) == []


def test_a_letter_with_another_shape_is_noticed():
    known = figure()
    other = re.sub(rb'(<path id="DejaVuSans-Bold-\w+" d="M )', rb"\g<1>77", known, count=1)
    assert differences("a.svg", other, known) != []


def test_another_text_is_noticed_by_its_words_and_by_its_letters():
    known = figure()
    assert any("Losset" in line for line in differences("a.svg", figure(title="Losset"), known))
    assert differences("a.svg", known.replace(b"<!-- Losses -->", b"<!-- Losset -->"), known) != []


def test_who_drew_a_figure_does_not_count():
    known = figure()
    assert b"Matplotlib v" in known
    assert differences("a.svg", known.replace(b"Matplotlib v", b"Matplotlib v9."), known) == []


def test_a_picture_of_another_size_is_another():
    def picture(size):
        buffer = io.BytesIO()
        Image.new("RGB", size).save(buffer, "PNG")
        return buffer.getvalue()

    assert differences("a.png", picture((3, 4)), picture((4, 3))) == [
        "[(3, 4), None, None, None] is not [(4, 3), None, None, None]"
    ]


@pytest.mark.parametrize(
    ("name", "known", "was", "may_be", "may_not_be"),
    [
        ("a.csv", CSV, b"27.916666666666668", b"27.916666666666664", b"27.917"),
        ("a.csv", CSV, b"0.0473451", b"0.0473452", b"0.0473551"),
        ("a.csv", CSV, b"0.0,5", b"1.4e-15,5", b"0.001,5"),
        ("a.csv", CSV, b"5,0.04", b"5,0.04", b"6,0.04"),
        ("a.csv", CSV, b"rmu", b"rmu", b"RMU"),
        ("a.csv", CSV, b"accuracy n,p", b"accuracy n,p", b"accuracy n,q"),
        ("a.csv", CSV, b"rsv,0.0,5,\n", b"rsv,0.0,5,\n", b""),
        ("a.md", MARKDOWN, b"96.2", b"96.3", b"96.4"),
        ("a.md", MARKDOWN, b"| rmu     |", b"| rmu |", b"| rmu | |"),
        ("a.md", MARKDOWN, b":--------|", b":---|", b"--------|"),
        ("a.md", MARKDOWN, b"30 records", b"30  records", b"31 records"),
        ("a.md", MARKDOWN, b"08cbb3a98e", b"08cbb3a98e", b"08cbb3a98f"),
        ("a.html", HTML, b"57.82803726196289", b"57.82803726", b"57.829"),
        ("a.html", HTML, b"77.34", b"77.35", b"77.4"),
        ("a.html", HTML, b'"seed":4', b'"seed":4', b'"seed":5'),
        ("a.html", HTML, b"//8A", b"//8A", b"//8B"),
    ],
)
def test_numbers_may_differ_by_rounding_and_nothing_else_may(name, known, was, may_be, may_not_be):
    assert known.count(was) == 1
    assert differences(name, known.replace(was, may_be), known) == []
    assert differences(name, known.replace(was, may_not_be), known) != []
