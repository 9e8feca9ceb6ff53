import json
import random
import re
from dataclasses import replace

import pytest
from huggingface_hub import constants
from omegaconf import OmegaConf
from pandas import DataFrame

from rna_bench.core.types import InputError, Text
from rna_bench.data.hub_corpus import Headings, Order, TextSource, TopicCorpus


def source(path, files=("*",), **changes):
    return replace(TextSource("a/b", "main", list(files), None if path is None else str(path), "text"), **changes)


def corpus(bio, retain=None, **changes):
    return replace(TopicCorpus({"bio": bio}, retain or bio, Order.file, 0, Headings.keep, 0), **changes)


def texts(made, seed=0):
    return [text.body for text in made.topics(seed)[0].forget]


@pytest.fixture
def lines(tmp_path):
    """Write lines as a text file and return it."""

    def write(*given, name="x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in given))
        return path

    return write


def test_texts_longer_than_the_minimum_are_kept_to_the_character_and_blank_ones_never(lines):
    path = lines("abc", "abcd", " abcd ", "", "     ")
    assert texts(corpus(source(path), min_characters=3)) == ["abcd", " abcd "]
    assert texts(corpus(source(path))) == ["abc", "abcd", " abcd "]


def test_order_is_the_files_or_drawn_from_the_seed(lines):
    given = [f"text {number}" for number in range(20)]
    made = corpus(source(lines(*given)))
    assert texts(made, 0) == texts(made, 1) == given
    shuffled = replace(made, order=Order.shuffled)
    assert texts(shuffled, 0) == texts(shuffled, 0) != texts(shuffled, 1)
    assert sorted(texts(shuffled, 0)) == sorted(given)
    expected = list(given)
    random.Random("3/corpus/corpus.forget.bio").shuffle(expected)
    assert texts(shuffled, 3) == expected
    (topic,) = shuffled.topics(0)
    assert topic.forget != topic.retain  # each source has an order of its own


def test_headings_of_wikitext_are_kept_or_dropped(lines):
    given = [" = Valkyria Chronicles III = ", " = = Gameplay = = ", " x = y and so on = ", "a = b", "="]
    path = lines(*given)
    assert texts(corpus(source(path))) == given
    assert texts(corpus(source(path), headings=Headings.drop)) == given[2:]


def test_limit_takes_the_first_texts_that_are_kept_and_reads_no_further(lines, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        "\n".join([json.dumps({"text": "ab"}), json.dumps({"text": "abcd"}), json.dumps({"text": "abcde"}), "not JSON"])
    )
    made = corpus(source(path), min_characters=3, limit=2)
    assert texts(made) == ["abcd", "abcde"]
    assert sorted(texts(replace(made, order=Order.shuffled))) == ["abcd", "abcde"]
    with pytest.raises(InputError, match=r"x\.jsonl:4: is not JSON"):
        texts(replace(made, limit=3))


def test_the_column_is_chosen(tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps({"title": "a title", "text": "a text", "doi": 7}))
    assert texts(corpus(source(tmp_path / "x.jsonl", column="title"))) == ["a title"]


def test_topics_come_in_the_order_given_and_share_the_retain_text(lines):
    bio, cyber, wiki = (source(lines(name, name=f"{name}.txt")) for name in ("bio", "cyber", "wiki"))
    made = TopicCorpus({"cyber": cyber, "bio": bio}, wiki, Order.file, 0, Headings.keep, 0).topics(0)
    assert [(topic.name, topic.forget, topic.retain) for topic in made] == [
        (name, (Text("", name),), (Text("", "wiki"),)) for name in ("cyber", "bio")
    ]


def test_of_a_folder_the_files_that_match_are_read_in_the_order_of_their_names(lines, tmp_path):
    for name in ("copy/b.txt", "copy/in/a.txt", "copy/c.md"):
        lines(name, name=name)
    assert texts(corpus(source(tmp_path / "copy", ["*.txt"]))) == ["copy/b.txt", "copy/in/a.txt"]
    assert texts(corpus(source(tmp_path / "copy", ["in/*"]))) == ["copy/in/a.txt"]


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("", ["*.jsonl"], "the folder has no file *.jsonl; give one file, or other patterns in corpus.forget.bio.files"),
        ("", ["*"], "match files of two formats in"),
        ("no.txt", ["*"], "does not exist; give a file or a folder, or null for the hub"),
        ("a.md", ["*"], "has an unknown format; give a file that ends in .txt, .jsonl, .parquet"),
    ],
)
def test_what_is_not_there_is_missing_and_refused_in_the_same_words(lines, tmp_path, name, files, message):
    for other in ("a.txt", "b.parquet", "a.md"):
        lines("x", name=other)
    made = corpus(source(tmp_path / name, files), source(lines("x", name="r.txt")))
    (line,) = made.missing()
    assert line.startswith("corpus.forget.bio.")
    assert message in line
    with pytest.raises(InputError, match=re.escape(line)):
        made.topics(0)


def test_some_of_the_hubs_files_are_refused(lines, tmp_path):
    lines("x", name="copy/train-00001-of-00002.jsonl")
    (line,) = corpus(source(tmp_path / "copy", ["train-*"]), source(lines("x"))).missing()
    assert line.endswith("/copy: the folder lacks 1 of 2 train-*-of-00002.jsonl; copy all of them")


def test_text_that_is_all_too_short_is_refused(lines):
    with pytest.raises(InputError, match=r"^corpus\.forget\.bio=.*x\.txt: has no text above 50 characters; lower it$"):
        corpus(source(lines("short")), min_characters=50).topics(0)


@pytest.mark.parametrize("change", [{"min_characters": -1}, {"limit": -1}, {"max_characters": -1}, {"forget": {}}])
def test_bad_settings_are_refused(lines, change):
    with pytest.raises(InputError, match=rf"^corpus\.{next(iter(change))}="):
        corpus(source(lines("x")), **change)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_the_hubs_cache_is_read_and_its_commit_is_named(cache, lines):
    made = corpus(source(None, ["*.jsonl", "*.txt"], note="ask for access"), source(lines("x", name="r.txt")))
    (line,) = made.missing()
    assert line.startswith("corpus.forget.bio.repo=a/b at main: not in the local cache (all of it); ")
    assert line.endswith("or copy its files here and give corpus.forget.bio.path=FOLDER; ask for access")
    assert made.commits() == {}
    with pytest.raises(InputError, match=re.escape(line)):
        made.topics(0)
    lines("c" * 40, name="cache/datasets--a--b/refs/main")
    lines("from the hub", name=f"cache/datasets--a--b/snapshots/{'c' * 40}/data/train.txt")
    assert made.missing() == []
    assert texts(made) == ["from the hub"]
    assert made.commits() == {"a/b": "c" * 40}


@pytest.mark.parametrize("name", ["wmdp", "wmdp_released"])
def test_the_shipped_corpora_are_all_missing_offline_and_say_that_bio_is_gated(cache, name):
    from hydra import compose, initialize_config_dir

    from rna_bench.core.schemas import build
    from rna_bench.experiment.resolvers import config_folder

    with initialize_config_dir(str(config_folder("conf")), version_base="1.3"):
        made = build("corpus", compose("run", [f"corpus={name}", "method=none"]).corpus)
    bio, cyber, wiki = made.missing()
    assert "gated, so ask for access on https://huggingface.co/datasets/cais/wmdp-bio-forget-corpus, then set HF_TOKEN" in bio
    assert cyber.startswith("corpus.forget.cyber.repo=cais/wmdp-corpora at daf89fa9b6: ")
    assert wiki.startswith("corpus.retain.repo=Salesforce/wikitext at b08601e043: ")
    released = name == "wmdp_released"
    assert (made.order, made.headings) == ((Order.file, Headings.keep) if released else (Order.shuffled, Headings.drop))
    assert made.retain.repository("x").patterns == (f"wikitext-2-raw-v1/{'test' if released else 'train'}-00000-of-00001.parquet",)
    assert OmegaConf.structured(made.retain).column == "text"


def test_forget_texts_are_stripped_before_they_are_counted_and_every_text_is_cut(lines):
    bio, wiki = source(lines("  abcdef ", "  ab  ", name="b.txt")), source(lines("  uvwxyz ", name="w.txt"))
    made = corpus(bio, wiki, strip=True, max_characters=5, min_characters=3)
    assert texts(made) == ["abcde"]
    assert [text.body for text in made.topics(0)[0].retain] == ["  uvw"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_lines_of_a_raw_topic_are_not_parsed(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    if ending == "parquet":
        DataFrame({"text": ["é", "b"]}).to_parquet(path)
    else:
        path.write_text('{"text":  "\\u00e9"}\n\n{"text": "b"}\n')
    made = corpus(source(path))
    assert texts(made) == ["é", "b"]
    first = '{"text": "\\u00e9"}\n' if ending == "parquet" else '{"text":  "\\u00e9"}\n'  # to the character, where there is a line
    assert texts(replace(made, raw_topic="bio")) == [first, '{"text": "b"}\n']
    assert [text.body for text in replace(made, raw_topic="bio").topics(0)[0].retain] == ["é", "b"]


def test_a_raw_topic_that_there_is_not_is_refused(lines):
    with pytest.raises(InputError, match=r"^corpus\.raw_topic=cyber: is no topic; give '' or one of bio$"):
        corpus(source(lines("x")), raw_topic="cyber")
