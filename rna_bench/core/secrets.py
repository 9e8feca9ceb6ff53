"""Keys and tokens have no place in a configuration: it is recorded, published and told to trackers."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rna_bench.core.types import InputError

NAME = re.compile(
    r"(?:^|[_.-])(?:api_?key|access_?key|key|token|secret|password|passwd|passphrase|credentials?|auth)$", re.IGNORECASE
)
LEAST = 8
"""Characters that a secret has at least: a shorter value is in any text by chance."""


def refuse(config: Mapping[str, Any]) -> None:
    """Raise InputError when a key is named as a secret is, or a value holds one of the environment's. No secret is shown."""
    known = {name: value for name, value in os.environ.items() if NAME.search(name) and len(value) >= LEAST}
    for key, value in leaves(config):
        named = NAME.search(key)
        if named and value not in (None, ""):
            raise InputError(
                key, "(not shown)", "looks like a secret, and a configuration is recorded; set an environment variable"
            )
        held = next((name for name, secret in known.items() if secret in str(value)), None)
        if held:
            raise InputError(key, "(not shown)", f"holds the value of the environment's {held}, and is recorded; leave it out")


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings and lists with its dotted key; a list's values have the list's."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from leaves(value, key)
    else:
        yield key, node
