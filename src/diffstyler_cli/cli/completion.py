"""Completion in bash, zsh, fish and PowerShell: the scripts, and putting them where the shell looks for them.

Those for bash and zsh are ours: Typer's lose the quotes of names with spaces.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from ..errors import UsageError
from ..naming import cut

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
CURRENT = "current"
"""Stands for the shell that the command was typed into."""
COMPLETION_OPTIONS = ("--show-completion", "--install-completion")
SHOW = "Print the completion script of a shell (bash, zsh, fish, powershell), by default of the current one."
INSTALL = "Put it where that shell finds it."
VARIABLE = "_DIFFSTYLER_COMPLETE"

BASH = """\
_diffstyler_completion() {
    local IFS=$'\\n' word
    COMPREPLY=()
    for word in $(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _DIFFSTYLER_COMPLETE=complete_bash "$1"); do
        case ${COMP_WORDS[COMP_CWORD]} in
            [\\"\\']*) COMPREPLY+=("$word") ;;
            *) COMPREPLY+=("$(printf %q "$word")") ;;
        esac
    done
}

complete -o default -F _diffstyler_completion diffstyler
"""

ZSH = """\
#compdef diffstyler

_diffstyler_completion() {
    local line
    local -a lines names shown
    lines=("${(@f)$(env _DIFFSTYLER_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
        _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" diffstyler)}")
    for line in $lines; do
        names+=("${line%%$'\\t'*}")
        shown+=("${line/$'\\t'/  -- }")
    done
    if (( $#names )); then
        compadd -l -d shown -a names
    else
        _files
    fi
}

if [[ $funcstack[1] == _diffstyler ]]; then
    _diffstyler_completion "$@"
else
    compdef _diffstyler_completion diffstyler
fi
"""
OWN = {"bash": BASH, "zsh": ZSH}


def shell_option(flag: str, help: str) -> Any:
    """An option whose value is a shell's name, or nothing."""
    return typer.Option(flag, metavar="[SHELL]", help=help, show_default=False)


def prepare() -> None:
    """Makes the parser answer a shell that asks for completions, as it does where it has options of its own for it."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # imported there, not exported

        completion_init()


def show_script(shell: str) -> str:
    """The completion script of a shell. Raises `UsageError` for one that there is none for."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # imported there, not exported

    shell = _named(shell)
    return OWN.get(shell) or str(get_completion_script(prog_name="diffstyler", complete_var=VARIABLE, shell=shell))


def install_script(shell: str) -> str:
    """Puts the completion script where the shell looks for it; returns a line that says where. Raises `UsageError`."""
    from typer.completion import install  # type: ignore[attr-defined]  # imported there, not exported

    name, path = install(shell=_named(shell), prog_name="diffstyler", complete_var=VARIABLE)
    if name in OWN:
        Path(path).write_text(OWN[name], encoding="utf-8")
    return f"{name} completion is installed in {path}; it works in shells that are started from now on."


def _named(shell: str) -> str:
    if shell == CURRENT:
        shell = _current()
    if shell not in SHELLS:
        raise UsageError(f"There is no completion for the shell {cut(shell)}.", f"Shells: {', '.join(SHELLS)}.")
    return shell


def _current() -> str:
    try:
        import shellingham

        return str(shellingham.detect_shell()[0])
    except Exception:  # not started by a shell, or the package is not there
        name = os.path.basename(os.environ.get("SHELL", ""))
    if not name:
        raise UsageError("The current shell cannot be told.", f"Name it: {', '.join(SHELLS)}.")
    return name
