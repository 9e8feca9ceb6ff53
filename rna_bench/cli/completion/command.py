"""The command that prints the scripts, which ask it what may follow the words typed."""

import argparse
from collections.abc import Sequence

BASH = r"""# Completion of rna-bench in bash: eval "$(rna-bench completion bash)"
_rna_bench() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n' current
    COMPREPLY=($("${COMP_WORDS[0]/#\~/$HOME}" completion --complete "$line" 2>/dev/null))
    current="${line##*[[:space:]]}"
    if [[ "$COMP_WORDBREAKS" == *=* && "$current" == *=* ]]; then # bash replaces what is behind the =
        COMPREPLY=("${COMPREPLY[@]#"${current%%=*}="}")
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _rna_bench rna-bench
"""
ZSH = r"""#compdef rna-bench
# Completion of rna-bench in zsh: eval "$(rna-bench completion zsh)", after compinit
_rna_bench() {
    local -a found
    found=("${(@f)$(${~words[1]} completion --complete "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    found=(${found:#})
    if (( ! $#found )); then
        _files
        return
    fi
    compadd -Q -S '' -- ${(M)found:#*[=.]}
    compadd -Q -- ${found:#*[=.]}
}
compdef _rna_bench rna-bench
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH}


def completion_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench completion`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench completion",
        description="Print the script that completes commands, flags, groups, options, keys and names in a shell.",
        epilog='In ~/.bashrc: eval "$(rna-bench completion bash)"; in ~/.zshrc, after compinit: eval "$(rna-bench completion zsh)"',
    )
    parser.add_argument("shell", nargs="?", choices=[*SCRIPTS], help="which shell the script is for")
    parser.add_argument("--complete", metavar="LINE", help="print what the last word of LINE may become; the scripts ask so")
    return parser


def completion(arguments: Sequence[str]) -> None:
    """Print a script, or what may follow a command line."""
    from rna_bench.core.types import InputError

    parsed = completion_parser().parse_args(arguments)
    if parsed.complete is not None:
        from rna_bench.cli.completion.following import following_words

        print("\n".join(following_words(parsed.complete)))
    elif parsed.shell:
        print(SCRIPTS[parsed.shell], end="")
    else:
        raise InputError("completion", "", f"choose one of {', '.join(SCRIPTS)}")
