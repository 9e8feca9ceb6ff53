from rna_bench.reporting.statistics.models import model_labels
from tests.builders.records import make_record


def local(fingerprint, path, name="local"):
    return make_record(1, model=name, fingerprint=fingerprint, change={"model": {"path": path}})


def test_a_model_is_called_by_its_name():
    assert model_labels([local("aa", "/here/A"), local("bb", "/here/B", "other")]) == {
        ("local", "aa"): "local",
        ("other", "bb"): "other",
    }


def test_models_of_one_name_are_told_apart_by_their_folders():
    labels = model_labels([local("aa", "/here/A"), local("bb", "/here/B")])
    assert list(labels.values()) == ["local (A)", "local (B)"]


def test_models_in_folders_of_one_name_are_told_apart_by_their_fingerprints():
    labels = model_labels([local("0123456789abcdef", "/one/A"), local("0123456fffffffff", "/two/A")])
    assert list(labels.values()) == ["local (01234567)", "local (0123456f)"]


def test_one_model_in_two_places_has_one_label():
    assert model_labels([local("aa", "/here/B"), local("aa", "/here/A")]) == {("local", "aa"): "local"}
