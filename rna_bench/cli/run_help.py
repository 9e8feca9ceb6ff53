"""The help of `rna-bench run`: every group with its options, and every key with its value and comment, from the YAML files."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from rna_bench.core.commented_yaml import CommentedKey, commented_keys
from rna_bench.core.conf_files import conf_folders, config_folder, leading_comment, mapping, options
from rna_bench.core.terminal import width, wrapped

COLUMN = 32
"""Where comments begin."""
EXAMPLES = """\
Examples:
  rna-bench run noise.scale=0.5
  rna-bench run -m noise.scale=0,0.5,1,2
  rna-bench run method=adaptive_rmu noise=none seed=3
  rna-bench run method=npo model=zephyr_7b --help    the keys of these options"""
LATER = """\
Values that depend on model and method: preset/MODEL_METHOD.yaml, in conf or in a folder of your own (--config-dir FOLDER). The \
command line wins over your own YAML, your own YAML over a preset of ours, a preset over a method's and a model's defaults. \
`rna-bench run --cfg job` and the words of a run print what is composed of them."""
WITHOUT_KEYS = ("preset", "launcher")
"""Groups whose options set keys of others."""


def run_help(words: Sequence[str]) -> str:
    """Return the groups with their options, and the keys of run.yaml and of the options that the words choose."""
    own = next((Path(after) for word, after in pairwise(words) if word == "--config-dir"), None)
    folders = conf_folders(own)
    spine = commented_keys(config_folder("conf") / "run.yaml")
    comments = _group_comments(config_folder("conf") / "run.yaml")
    chosen = _chosen(words, folders, comments)
    groups = [_group(group, comment, folders) for group, comment in comments.items()]
    heading = "Groups and their options (GROUP=OPTION; `rna-bench list GROUP` says what each is):"
    parts = [
        _wrapped(heading, ""),
        *groups,
        "",
        "Keys, with their values (KEY=VALUE):",
        *_shown(spine),
        "",
        _wrapped(LATER, ""),
        "",
    ]
    for group, names in chosen.items():
        parts += [line for name in names for line in _option(group, name, folders)]
    return "\n".join([*parts, EXAMPLES])


def _shown(keys: Iterable[CommentedKey]) -> list[str]:
    """Return lines for the keys that are a user's; a section has one if there is a comment on it."""
    own = (key for key in keys if key.name.split(".")[0] not in ("defaults", "hydra") and not key.name.endswith("_target_"))
    return [_key(key) for key in own if key.value or key.comment]


def _group_comments(spine: Path) -> dict[str, str]:
    """Return the groups of run.yaml, each with the comment behind its entry in the list of defaults."""
    lines = spine.read_text(encoding="utf-8").partition("defaults:\n")[2].partition("\n\n")[0].splitlines()
    entries = (line.strip().removeprefix("- ").removeprefix("optional ") for line in lines)
    pairs = [(entry.partition(":")[0], entry.partition(" # ")[2]) for entry in entries if ": " in entry]
    return {group: comment for group, comment in pairs if " " not in group}


def _chosen(words: Sequence[str], folders: Sequence[Path], groups: Iterable[str]) -> dict[str, list[str]]:
    """Return the options whose keys are shown: those of the words, else what the model, the method and run.yaml choose."""
    given = {group: value for group, _, value in (word.partition("=") for word in words)}
    default: dict[str, object] = {}
    for entry in mapping(config_folder("conf") / "run.yaml")["defaults"]:
        default |= entry if isinstance(entry, dict) else {}
    for group in ("model", "method"):
        file = options(group, folders).get(given.get(group, str(default[group])))
        for entry in mapping(file).get("defaults", []) if file else []:
            pairs = entry.items() if isinstance(entry, dict) else ()
            default |= {str(key).removeprefix("override /").partition("@")[0]: value for key, value in pairs}
    found = {group: given.get(group, _first(default.get(group))) for group in groups if group not in WITHOUT_KEYS}
    return {group: _names(value) for group, value in found.items()}


def _first(value: object) -> object:
    """Return the first word of an interpolation, as wmdp of ${text_of:wmdp,${released}}; other values as they are."""
    return value[2:].partition(":")[2].partition(",")[0] if isinstance(value, str) and value.startswith("${") else value


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else str(value or "").strip("[]").split(",")


def _group(group: str, comment: str, folders: Sequence[Path]) -> str:
    about = _wrapped(comment, f"  {group:<11}")
    return f"{about}\n{_wrapped(', '.join(options(group, folders)), '    ')}"


def _option(group: str, name: str, folders: Sequence[Path]) -> list[str]:
    """Return lines about an option, and about those that it is built on: what a file says at its head, and its keys."""
    file = options(group, folders).get(name)
    if file is None:
        return []
    whole = file.read_text(encoding="utf-8").startswith("# @package _global_")
    own = [key for key in commented_keys(file) if key.name.split(".")[0] not in ("defaults", "hydra")]
    keys = own if whole else [key._replace(name=f"{group}.{key.name}") for key in own]
    built_on = [entry for entry in mapping(file).get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    others = [line for base in built_on for line in _option(group, base, folders)]
    return [_wrapped(f"{group}={name}: {leading_comment(file)}", ""), *_shown(keys), "", *others]


def _key(key: CommentedKey) -> str:
    shown = f"  {key.name}{f'={key.value}' if key.value else ':'}"
    if not key.comment:
        return shown
    if len(f"{shown}  {key.comment}") <= width() and len(shown) >= COLUMN - 1:
        return f"{shown}  {key.comment}"
    if len(shown) < COLUMN - 1:
        return _wrapped(key.comment, f"{shown:<{COLUMN}}", COLUMN)
    return f"{shown}\n{_wrapped(key.comment, ' ' * COLUMN, COLUMN)}"


def _wrapped(text: str, first: str, column: int = 0) -> str:
    return wrapped(text, first, " " * (column or len(first)))
