import pytest

from rna_bench.core.secrets import refuse
from rna_bench.core.types import InputError


@pytest.mark.parametrize(
    "config",
    [
        {"token": "abc"},
        {"model": {"hf_token": "abc"}},
        {"tracker": {"api_key": "abc"}},
        {"tracker": {"apikey": "abc"}},
        {"x": [{"PASSWORD": "abc"}]},
        {"aws-secret": "abc"},
    ],
)
def test_a_key_named_like_a_secret_is_refused_without_showing_its_value(config):
    with pytest.raises(InputError, match="looks like a secret") as caught:
        refuse(config)
    assert "abc" not in str(caught.value)


def test_a_value_that_contains_a_secret_of_the_environment_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    with pytest.raises(InputError, match=r"model\.path=\(not shown\): contains the value of the environment's HF_TOKEN") as caught:
        refuse({"model": {"path": "https://me:hf_0123456789@host/model"}})
    assert "hf_0123456789" not in str(caught.value)


def test_keys_that_only_resemble_those_of_secrets_are_accepted():
    refuse({"train": {"max_tokens": 512, "keep": 1}, "scoring": {"batch_tokens": 8192}, "monkey": "a", "token": None, "n": [1, 2]})
