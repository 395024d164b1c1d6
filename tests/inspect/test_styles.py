"""`inspect --styles`: every style that the models know, with its scores and its limits."""

from __future__ import annotations

import json
from collections.abc import Callable

from cli_harness import Outcome

from diffstyler_cli.models.lite.scores import LIMITS, style_scores
from diffstyler_cli.models.lite.styles import STYLES
from diffstyler_cli.models.lite.words import vocabulary

Cli = Callable[..., Outcome]
KEYS = [style.key for style in STYLES]


def test_every_style_has_scores_and_limits() -> None:
    scores = style_scores()
    assert list(scores) == KEYS
    assert sorted(LIMITS) == sorted(KEYS)
    for score in scores.values():
        assert score.pictures > 0
        assert 0 < score.content < 1
        shares = (score.first, score.top3, score.rises)
        assert shares.count(None) in (0, 3), "the judge knows a style or does not"
        if score.first is not None and score.top3 is not None:
            assert 0 <= score.first <= score.top3 <= 1


def test_the_table_and_the_document_list_them_all(cli: Cli) -> None:
    report = cli("inspect", "--styles").out.decode()
    document = json.loads(cli("inspect", "--styles", "--json").out)
    assert [row["name"] for row in document["styles"]] == [style.names[0] for style in STYLES]
    for row in document["styles"]:
        assert row["name"] in report
        assert row["limits"]
        assert set(row["scores"]) == {"pictures", "first", "top3", "rises", "content"}


def test_it_takes_no_file(cli: Cli) -> None:
    outcome = cli("inspect", "a.png", "--styles")
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "error: --styles takes no FILE.")


def test_the_machine_report_says_what_each_network_is(cli: Cli) -> None:
    report = cli("inspect").out.decode()
    assert all(name in report for name in ("lite-photo", "lite-art", "cc12m_1_cfg", "wikiart_256", "0.00637 to 0.996"))
    networks = json.loads(cli("inspect", "--json").out)["networks"]
    assert {network["prediction"] for network in networks} == {"v"}


def test_stylize_lists_the_same_without_a_photo(cli: Cli) -> None:
    for options in ([], ["--json"]):
        assert cli("stylize", "--list-styles", *options) == cli("inspect", "--styles", *options)
    assert cli("stylize", "gone.png", "oil", "--list-styles").code == 0


def test_words_of_moods_and_subjects_are_listed_and_known(cli: Cli) -> None:
    report = " ".join(cli("inspect", "--styles").out.decode().split())
    document = json.loads(cli("inspect", "--styles", "--json").out)
    words = [*document["subjects"], *(word for mood in document["moods"].values() for word in mood)]
    assert len(words) > 40
    for word in words:
        assert word in report
        assert set(word.split()) <= vocabulary()
    assert document["styles"][0]["languages"]["de"][0] == "Ölgemälde"
