"""Settings that stay: [preset.NAME] in the configuration file holds values of options, and --preset NAME gives them.

What options on the line give goes before the preset. Recipes and the commands that are printed hold the values, never
the preset's name: they make the same picture on a machine that has no such file.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from ..config import MachineConfig, StylizeConfig, kind_of, options
from ..config_file import EXAMPLE, TableOf, config_path, read_config
from ..errors import UsageError
from ..naming import cut
from ..t1 import T1
from .options import parse

MOST_TOLD = 12
"""Names of presets in a message."""


def preset_names() -> list[str]:
    """The presets of the configuration file. Raises `UsageError` where it cannot be read."""
    return list(read_config().section("preset").content)


def read_preset(name: str) -> dict[str, str | bool]:
    """The preset's values by setting, as an option would have them: texts, and True or False for flags.

    Raises:
        UsageError: there is no such preset, or something in it is no setting or out of range; it names file and key.
    """
    presets = read_config().section("preset")
    if name not in presets:
        raise _unknown(name, list(presets.content))
    return _values(presets.section(name))


def _values(table: TableOf) -> dict[str, str | bool]:
    flags = {option.flag.lstrip("-").replace("-", "_"): setting for setting, option in options().items()}
    found: dict[str, str | bool] = {}
    for key, value in table.content.items():
        setting = flags.get(key.replace("-", "_"))
        if setting is None:
            raise _no_setting(table.where, key, [option.flag.lstrip("-") for option in options().values()])
        if setting in found:
            raise UsageError(f"{table.where}: {key} is there twice, with - and with _.", "Leave one out.")
        found[setting] = _checked(table.where, key, setting, value)
    return found


def _checked(where: str, key: str, setting: str, value: Any) -> str | bool:
    """The value as an option's text, which is in range."""
    flag = kind_of(setting) == "bool"
    if isinstance(value, bool) != flag or not isinstance(value, (bool, int, float, str)):
        kind = "true or false" if flag else "a number, or a text in quotes"
        raise UsageError(f"{where}: {key} is {kind}.", EXAMPLE)
    if isinstance(value, bool):
        return value
    text = str(value)
    try:
        parsed = parse(setting, text)
        if setting == "t1":
            T1.parse(parsed)  # whether it is as long as --steps is seen with the rest of the line
        elif setting in options(MachineConfig):
            dataclasses.replace(MachineConfig(), **{setting: parsed}).validate()
        else:
            dataclasses.replace(StylizeConfig(), **{setting: parsed}).validate()
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.advice) from error
    return text


def _no_setting(where: str, key: str, names: list[str]) -> UsageError:
    close = difflib.get_close_matches(key.replace("_", "-"), names, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return UsageError(
        f"{where}: {cut(key)} is no setting that a preset can hold.", f"{guess}Settings: {', '.join(names)}."
    )


def _unknown(name: str, names: list[str]) -> UsageError:
    file = config_path()
    if not names:
        return UsageError(
            f"--preset {cut(name)}: {file} has no presets." if file.exists()
            else f"--preset {cut(name)}: there are no presets; {file} does not exist.",
            f"Write one there, as [preset.{name}] and below it lambda = 0.7; see docs/settings.md."
            if name.isidentifier() and len(name) < 40 else EXAMPLE,
        )  # fmt: skip
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"Did you mean {cut(close[0])}? " if close else ""
    listed = [cut(each) for each in names[:MOST_TOLD]] + [f"and {len(names) - MOST_TOLD} more"][
        : len(names) > MOST_TOLD
    ]
    return UsageError(
        f"--preset {cut(name)}: there is no such preset in {file}.", f"{guess}Presets: {', '.join(listed)}."
    )


def merged(preset: str | None, given: Mapping[str, str | bool]) -> tuple[dict[str, str | bool], frozenset[str]]:
    """The texts of all settings, those on the line before those of the preset; and the names of the latter."""
    lent = {} if preset is None else {k: v for k, v in read_preset(preset).items() if k not in given}
    order = {**lent, **given}
    return {name: order[name] for name in options() if name in order}, frozenset(lent)
