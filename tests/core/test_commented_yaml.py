from rna_bench.core.commented_yaml import commented_keys

TEXT = """\
# About all of it.
first: 1 # one
# above
# in two lines
second: [a, 'b # no comment'] # behind

section: # of two
  inner: x
  list:
    - 1
empty: {}
"""


def test_each_key_has_its_value_as_written_and_the_comments_above_and_behind(tmp_path):
    (tmp_path / "one.yaml").write_text(TEXT)
    assert [tuple(key) for key in commented_keys(tmp_path / "one.yaml")] == [
        ("first", "1", "one"),
        ("second", "[a, 'b # no comment']", "above in two lines behind"),
        ("section", "", "of two"),
        ("section.inner", "x", ""),
        ("section.list", "", ""),
        ("empty", "{}", ""),
    ]


def test_a_file_without_keys_has_none(tmp_path):
    (tmp_path / "one.yaml").write_text("# nothing\n")
    assert commented_keys(tmp_path / "one.yaml") == []
