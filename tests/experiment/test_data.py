import rna_bench.experiment.data
from rna_bench.core.cache import Recent
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.data import drop_cached, gather


def asked(recent: Recent[str], *words: str) -> list[str]:
    """Return which of the words were made when they were asked for in turn, each by its first letter."""
    made = []
    for word in words:
        assert recent.get(word[0], lambda word=word: made.append(word) or word) == word
    return made


def test_what_was_used_last_is_kept_up_to_its_room():
    assert asked(Recent(6, len), "aaa", "bbb", "aaa", "ccc", "aaa", "bbb") == ["aaa", "bbb", "ccc", "bbb"]  # c put out b, not a


def test_the_last_is_kept_whatever_its_size():
    assert asked(Recent(2, len), "aaa", "aaa", "bbb", "bbb", "aaa") == ["aaa", "bbb", "aaa"]


def test_what_is_forgotten_is_made_again():
    recent = Recent(6, len)
    asked(recent, "aaa")
    recent.clear()
    assert asked(recent, "aaa") == ["aaa"]


def counted(monkeypatch):
    """Count how often a task is made, and a model fingerprinted."""
    seen = {"tasks": 0, "models": 0}
    make, mark = rna_bench.experiment.data.make_task, rna_bench.experiment.data.loading.fingerprint

    def made(*given):
        seen["tasks"] += 1
        return make(*given)

    def marked(*given):
        seen["models"] += 1
        return mark(*given)

    monkeypatch.setattr(rna_bench.experiment.data, "make_task", made)
    monkeypatch.setattr(rna_bench.experiment.data.loading, "fingerprint", marked)
    drop_cached()
    return seen


def inputs(*overrides):
    return gather(experiment_config(*compose_run(["corpus.texts=8", *overrides])))


def test_runs_that_share_questions_text_and_model_make_them_once(monkeypatch):
    seen = counted(monkeypatch)
    one, other = inputs("noise.scale=0"), inputs("noise.scale=2", "method=adaptive_rmu")
    assert seen == {"tasks": 3, "models": 1}
    assert one.tasks is other.tasks
    assert one.topics is other.topics
    assert one.identity != other.identity


def test_another_seed_dataset_or_corpus_is_made_anew(monkeypatch):
    seen = counted(monkeypatch)
    first, seed, dataset = inputs(), inputs("seed=1"), inputs("dataset=pocket_subjects")
    assert seen["tasks"] == 3 + 3 + 1
    assert first.fingerprints["questions"] != seed.fingerprints["questions"] != dataset.fingerprints["questions"]
    assert first.fingerprints["corpus"] != seed.fingerprints["corpus"]
    assert inputs("corpus.texts=9").topics != first.topics
    assert inputs("method=none").topics == ()


def test_identities_are_those_without_what_was_kept():
    kept = [inputs("seed=3").identity for _ in range(2)]
    drop_cached()
    assert kept == [inputs("seed=3").identity] * 2
