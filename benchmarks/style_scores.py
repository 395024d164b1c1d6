"""Scores of every style by an independent judge, for `inspect --styles`: writes models/lite/scores.csv.

`python benchmarks/style_scores.py FOLDER --judge DIR` reads the pictures that `docs/pictures/contact.py` painted into
FOLDER (<photo>__<style>.png, and the photos in FOLDER/photos). DIR holds `judge.py` with its features and classifier.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import statistics
from pathlib import Path
from typing import Any

from diffstyler_cli.models.lite import scores
from diffstyler_cli.models.lite.styles import STYLES

TABLE = Path(scores.__file__).with_name("scores.csv")
COLUMNS = ("style", "pictures", "first", "top3", "rises", "content")


def judged(folder: Path, judge: Path) -> list[dict[str, Any]]:
    """One row a picture: style, content, and rank, p, p_photo where the judge knows the style."""
    spec = importlib.util.spec_from_file_location("judge", judge / "judge.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(judge / "judge.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows: list[dict[str, Any]] = module.sheet(module.Judge(), folder)["rows"]
    return rows


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a style, in the order of `STYLES`."""
    found = []
    for style in STYLES:
        own = [row for row in rows if row["style"] == style.key]
        if not own:
            continue
        known = [row for row in own if "rank" in row]

        def share(name: str, values: list[bool], known: list[Any] = known) -> dict[str, Any]:
            return {name: f"{statistics.mean(values):.3f}" if known else ""}

        found.append(
            {"style": style.key, "pictures": len(own)}
            | share("first", [row["rank"] == 1 for row in known])
            | share("top3", [row["rank"] <= 3 for row in known])
            | share("rises", [row["p"] > row["p_photo"] for row in known])
            | {"content": f"{statistics.mean(row['content'] for row in own):.3f}"}
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judge", type=Path, required=True)
    given = parser.parse_args()
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table(judged(given.folder, given.judge)))


if __name__ == "__main__":
    main()
