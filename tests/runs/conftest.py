import pytest

from tests.runs.wandb_server import Server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """No key anywhere, and nothing of the user's touched."""
    for name in ("API_KEY", "MODE", "BASE_URL", "DIR", "SWEEP_ID", "RUN_ID"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")  # the package sets it too; here it is taken back after the test
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def server(home, monkeypatch):
    """A W&B server of our own, and a key for it; what W&B remembers of this process from before is forgotten."""
    import wandb

    wandb.teardown()
    started = Server()
    monkeypatch.setenv("WANDB_BASE_URL", started.url)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    yield started
    wandb.teardown()
    started.stop()
