import json

import pytest

from rna_bench.core.types import InputError
from rna_bench.data.held_out import HeldOutFile, HeldOutSource
from rna_bench.data.hub_corpus import TextSource
from rna_bench.pocket.held_out import TEXTS, PocketHeldOut
from rna_bench.pocket.sources import PocketCorpus

LINES = ("short", "a line that is long enough", " = A Heading that is long = ", "another line, long enough too")


@pytest.mark.parametrize("seed", [0, 1])
def test_no_text_of_the_pocket_world_that_is_held_out_is_trained_on(seed):
    held_out = PocketHeldOut(0).texts(seed)
    topics = PocketCorpus(0, 1200, 0.3, 0.5, 0.5).topics(seed)
    trained = {text.context + text.body for topic in topics for side in (topic.forget, topic.retain) for text in side}
    assert len(set(held_out)) == TEXTS
    assert trained.isdisjoint(held_out)
    assert held_out == PocketHeldOut(0).texts(seed)
    assert held_out != PocketHeldOut(0).texts(seed + 1)
    assert held_out != PocketHeldOut(1).texts(seed)


def test_the_first_documents_of_a_file_are_taken(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("\n".join(LINES))
    assert HeldOutFile(str(path), 10, 0).texts(0) == tuple(map(str.strip, LINES[1:]))
    assert HeldOutFile(str(path), 10, 1).texts(7) == (LINES[1],)
    assert HeldOutFile(str(path), 10, 0).missing() == []


def test_a_copy_of_wikitext_is_read_without_headings(tmp_path):
    path = tmp_path / "validation.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    source = TextSource("Salesforce/wikitext", "main", ["x"], str(path), "text")
    assert HeldOutSource(source, 10, 0).texts(0) == (LINES[1], LINES[3])
    assert HeldOutSource(source, 10, 0).missing() == []


def test_what_is_missing_or_too_short_is_one_line(tmp_path):
    assert HeldOutFile(str(tmp_path / "none"), 1, 0).missing() == [f"heldout.path={tmp_path / 'none'}: does not exist"]
    (tmp_path / "own.txt").write_text("short\n")
    with pytest.raises(InputError, match=r"heldout.path=.*has no text of 10 characters"):
        HeldOutFile(str(tmp_path / "own.txt"), 10, 0).texts(0)
    with pytest.raises(InputError, match=r"heldout\.limit=-1"):
        HeldOutFile(str(tmp_path / "own.txt"), 0, -1).texts(0)
