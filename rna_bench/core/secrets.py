"""Refuses API keys and tokens in a configuration, which is recorded, published and sent to trackers."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rna_bench.core.types import InputError

NAME = re.compile(
    r"(?:^|[_.-])(?:api_?key|access_?key|key|token|secret|password|passwd|passphrase|credentials?|auth)$", re.IGNORECASE
)
MIN_LENGTH = 8
"""Characters that a secret has at least; a shorter value can be in any text by chance."""


def refuse(config: Mapping[str, Any]) -> None:
    """Raise InputError if a key is named like a secret or a value contains one from the environment. The error shows no secret."""
    secrets = {name: value for name, value in os.environ.items() if NAME.search(name) and len(value) >= MIN_LENGTH}
    for key, value in leaves(config):
        if NAME.search(key) and value not in (None, ""):
            raise InputError(
                key, "(not shown)", "looks like a secret, and a configuration is recorded; set an environment variable"
            )
        leaked = next((name for name, secret in secrets.items() if secret in str(value)), None)
        if leaked:
            raise InputError(key, "(not shown)", f"contains the value of the environment's {leaked}, and is recorded; leave it out")


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings and lists with its dotted key; values in a list have the key of the list."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from leaves(value, key)
    else:
        yield key, node
