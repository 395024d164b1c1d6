"""docs/cli.md, made from the same parameters that --help shows, and the table of fields in docs/metadata.md, made from
the schema of recipes: `python -m diffstyler_cli.cli.reference [--check]`.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import Any

import typer

from ..recipe.table import rows as recipe_rows
from .app import COMMANDS, build
from .terminal.errors import EXIT_CODES, TABLE

PATH = Path("docs/cli.md")
METADATA = Path("docs/metadata.md")
BEGIN = "<!-- The schema: made by `python -m diffstyler_cli.cli.reference`; change the code, not this table. -->"
END = "<!-- End of the schema. -->"

INTRODUCTION = """\
# The command line

<!-- Made by `python -m diffstyler_cli.cli.reference`; change the code, not this file. -->

```
diffstyler stylize photo.png "oil painting"                 # -> photo-oil-painting.png
diffstyler stylize photo.png "ukiyo-e woodblock print:2" "misty morning" -o out.png
cat photo.png | diffstyler stylize - "pencil sketch" -o - > sketch.png
diffstyler stylize photo.png woodcut --mask face.png --invert-mask    # everything but the face (docs/places.md)
diffstyler stylize holiday/ "watercolor" -o out/            # many photos: many.md
diffstyler stylize                                          # asks for the photo and the style
diffstyler sweep photo.png "oil painting" --lambda 0:1:0.25 --t1 1.0x,1.2x,1.4x,1.6x
diffstyler sweep --lambda 0:1:0.25                          # the built-in sample photo, "oil painting"
diffstyler                                                  # offers what can be done
```

Symbols in brackets are those of the paper. A value that is out of range, and an option that would have no effect on the
run, are errors (exit code 2), found before any model is loaded.
"""

WORDS = """\
## Prompts as they are typed

With the lite models, a style's name in another language, in the plural, with hyphens or underscores, or with a slip is
taken for the style: `Ölgemälde`, `oil paintings` and `oil paintng` for `oil painting`. At a terminal a slip is asked
about; elsewhere, and for other languages, a notice says what was taken for what. A word that the models know is never
changed, nor is one of a longer prompt that is only somewhat like a name. With the full models only a plain slip in a
style's name is mended, for CLIP knows many words and languages.

Words without quotes are joined where they name a style (`stylize photo.jpg oil painting`); other words are blended,
which a notice says. `--as-typed` takes prompts exactly as they are. Recipes and the commands that are printed hold the
prompts that were used.

`--strict` makes every notice an error before anything is written: exit code 2, or 3 for how a picture is read. Hints of
what else there is, and what is found out only after pictures are written, stay notices.
"""

STREAMS = """\
## Streams

Standard output carries results only: the paths written, one a line, as soon as each is there; with `--json` one JSON
document (where there are many photos a line a picture, [many.md](many.md)); with `-o -` a picture's PNG bytes, never to
a terminal. In a pipe a path is printed as its exact bytes; on a terminal its control characters are escaped.
Everything else goes to standard error: progress, the table of the losses, notices, questions, errors. `-q` silences
all but errors. The result of a dry run is the paths that the run itself would print; the rest of its plan is on
standard error, or in the JSON document.

Where standard error is a terminal, bars and the table move; elsewhere, and with `TERM=dumb`, there is a plain line now
and then. `NO_COLOR` is honoured, and so are terminals that cannot show Unicode.

For `inspect` the report itself is the result, on standard output; `inspect -q` prints the paths of the files that have
a recipe.

## Questions

Questions are asked only where standard input and standard error are terminals, and none of `-q`, `--json`, `--no-input`
(or `--yes`), `-o -`, the environment variable `CI` or `TERM=dumb` forbids it. Elsewhere what is missing is an error
(exit code 2) that names the argument or option. After a run that began with a question, or with `--interactive`, a menu
offers what to do next; each row names the options that it stands for. A run whose photo and style were on the command
line ends when its pictures are written. Every run prints the command that makes the same picture again.

| key, in a list | |
|---|---|
| arrows, Page Up, Page Down, Home, End | point at a row; Enter takes it |
| a digit | takes its row; in a list of more than nine, goes there, and Enter takes it |
| letters | filter by any part of a row, or of another name of a style. Ctrl-U or Esc takes them away |
| Esc, Ctrl-D | a level back; from the first question out, with exit code 0. `q`, too, where no row can begin with it |
| Ctrl-C | leaves with exit code 130. In a run that was started from a menu it comes back to the menu |

While bars move, what is typed does not show, and is dropped where a question follows.
"""

ERRORS = """\
## Errors

An error is one line that says what happened and why, and one that says what to do next. `--debug` adds the traceback;
`--log-file FILE` writes down what a bug report needs: versions, the command, every message and step, the traceback. It
holds paths and prompts, and no credentials.
"""

JSON = """\
## The JSON document

This is the document of `stylize` with one photo; that of many photos is in [many.md](many.md), that of `inspect`, and
the recipe inside, in [metadata.md](metadata.md).

With `--json` there is exactly one document, also after an error or an interruption, unless the command line itself
could not be read. It is ASCII. Fields may be added; `schema` changes when one changes its meaning or goes.

| field | what it is |
|---|---|
| `schema` | `"diffstyler.stylize/1"` |
| `version` | version of diffstyler |
| `ok` | whether everything asked for was made |
| `models`, `device`, `dtype` | what it was made with; null if models were not loaded |
| `load_seconds` | time to load the models |
| `notices` | list of lines that a person would have seen: unknown words, first frame of several, ... |
| `plan` | what was planned, also by `--dry-run`; null where an error came first |
| `plan.paths` | the files, in order; null for standard output |
| `plan.size`, `plan.inner_size` | `[width, height]` of a picture, and as the networks see it |
| `plan.models`, `networks`, `device`, `dtype` | what makes them; `networks` by role |
| `plan.seeds` | their seeds; null where one will be drawn |
| `plan.evaluations` | a picture, of `free` diffusion and `sampling`: `photo`, `art`, `photo_backward`, `art_backward` |
| `plan.seconds` | for all of them, without loading the models; null where nothing was measured yet |
| `results` | list of the finished pictures, in order |
| `results[].path` | file written |
| `results[].seed` | its seed |
| `results[].size` | `[width, height]` in pixels |
| `results[].prompts` | prompts and style images as given, and the prompts of regions |
| `results[].settings` | every setting of picture and machine by its name |
| `results[].losses` | by term, `start` and `final` step: `value`, `weight`, `grad_norm` |
| `results[].timings` | seconds by phase: `prepare`, `free`, `noise`, `sample`, `total` of these, `write` |
| `results[].command` | the command that makes this picture |
| `results[].recipe` | the recipe in the file ([metadata.md](metadata.md)); null with `--no-metadata` |
| `failures` | of several pictures those that failed: `seed`, `code`, `message`, `advice` |
| `error` | null, or `code` (the exit code), `message`, `advice` |
"""


def reference() -> str:
    """The text of docs/cli.md."""
    group: Any = typer.main.get_command(build())
    parts = [INTRODUCTION]
    for name in COMMANDS:
        parts.append(_command(f"diffstyler {name}", group.commands[name]))
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    parts += [WORDS, STREAMS, f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n", _errors(), JSON]
    return "\n".join(parts)


def metadata(text: str) -> str:
    """docs/metadata.md, which is `text`, with the present schema between its marks. Raises ValueError without marks."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"no marks for the schema in {METADATA}")
    table = [f"| `{path}` | {fits} | {_cell(what)} |" for path, fits, what in recipe_rows()]
    return "\n".join(
        [before + BEGIN, "", "| field | what fits | what it is |", "|---|---|---|", *table, "", END + after]
    )


def _errors() -> str:
    rows = [f"| {row.what} | {row.code or '130, 143'} | {row.advice or 'said by the error itself'} |" for row in TABLE]
    return "\n".join([ERRORS, "| what | exit code | what to do next |", "|---|---|---|", *rows, ""])


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    panels: dict[str, list[Any]] = {}
    for option in command.params:
        if option.param_type_name == "option" and option.rich_help_panel:
            panels.setdefault(option.rich_help_panel, []).append(option)
    parts = [f"## `{name}`\n", re.sub(r"[ \t]+", " ", command.help).strip() + "\n"]
    parts.append(_table("argument", [(f"`{a.metavar}`", _cell(a.help)) for a in arguments]))
    for panel, options in panels.items():
        rows = [(f"`{', '.join(o.opts)}{' ' + o.metavar if o.metavar else ''}`", _cell(o.help)) for o in options]
        parts.append(f"### {panel}\n")
        parts.append(_table("option", rows))
    return "\n".join(parts)


def _table(what: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {left.replace('|', chr(92) + '|')} | {right} |" for left, right in rows]
    return "\n".join([f"| {what} | |", "|---|---|", *lines, ""])


def _cell(help: str) -> str:
    return help.replace("\\[", "[").replace("|", "\\|").replace("*", "\\*")


def main(arguments: list[str]) -> int:
    """Writes both files below the current folder, or with --check prints how they differ and returns 1."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m diffstyler_cli.cli.reference [--check]\n")
        return 2
    texts = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in (PATH, METADATA)}
    made = {PATH: reference(), METADATA: metadata(texts[METADATA])}
    if arguments:
        for path, text in made.items():
            found, current = texts[path].splitlines(True), text.splitlines(True)
            sys.stdout.writelines(difflib.unified_diff(found, current, str(path), "current"))
        return int(texts != made)
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
