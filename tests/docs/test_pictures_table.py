"""docs/pictures.md has the formats as they are written."""

from __future__ import annotations

from pathlib import Path

from diffstyler_cli.images.encode import FORMATS

DOCUMENT = Path(__file__).parents[2] / "docs/pictures.md"


def test_the_table_of_written_formats_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").split("## Writing")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    said = {"PNG": "sRGB chunk", "AVIF": "nclx"}
    assert rows[2:] == [
        [
            name,
            ", ".join(kind.suffixes),
            str(kind.longest),
            str(kind.options["quality"]) if kind.lossy else "none",
            "ICC profile" if kind.profile else said[name],
            "yes" if kind.dpi else "no",
            "yes" if kind.alpha else "on white",
        ]
        for name, kind in FORMATS.items()
    ]
