"""What the built-in encoder makes of words: names of a style lie together, moods and templates do not hide it."""

from __future__ import annotations

import pytest
import torch

from diffstyler_cli import Stylizer
from diffstyler_cli.models.base import TextImageEncoder
from diffstyler_cli.models.lite.styles import PHOTO_NAMES, STYLES
from diffstyler_cli.training.captions import MOODS

FIRST = [style.names[0] for style in STYLES]


@pytest.fixture(scope="module")
def encoder(stylizer: Stylizer) -> TextImageEncoder:
    return stylizer.components.encoder


def nearest(encoder: TextImageEncoder, texts: list[str], count: int = 1) -> list[list[str]]:
    """The first names of the styles nearest to each text, nearest first."""
    with torch.no_grad():
        likeness = encoder.encode_text(texts) @ encoder.encode_text(FIRST).T
    return [[FIRST[i] for i in row.topk(count).indices] for row in likeness]


def test_every_synonym_and_artist_means_its_style(encoder: TextImageEncoder) -> None:
    for style in STYLES:
        found = nearest(encoder, [*style.names, *style.artists])
        assert found == [[style.names[0]]] * len(found), style.key


def test_templates_and_unknown_subjects_leave_the_style(encoder: TextImageEncoder) -> None:
    texts = {
        "in the style of hiroshige": "ukiyo-e",
        "woodcut painting of a harbour at dusk": "woodcut",
        "a painting by monet": "impressionism",
        "oil painting of a dog": "oil painting",
        "woodblock print": "ukiyo-e",
    }
    assert nearest(encoder, list(texts)) == [[name] for name in texts.values()]


@pytest.mark.parametrize("mood", sorted(MOODS))
def test_a_mood_leaves_the_style_and_moves_the_embedding(encoder: TextImageEncoder, mood: str) -> None:
    word = MOODS[mood][0][0]
    plain = ["woodcut", "oil painting", "watercolor"]
    moody = [f"a {word} {name}" for name in plain]
    assert nearest(encoder, moody) == [[name] for name in plain]
    with torch.no_grad():
        likeness = (encoder.encode_text(plain) * encoder.encode_text(moody)).sum(1)
    assert likeness.mean() < 0.98  # a black and white woodcut is hardly another one


def test_names_of_the_photograph_lie_together(encoder: TextImageEncoder) -> None:
    with torch.no_grad():
        embeddings = encoder.encode_text(list(PHOTO_NAMES))
    assert (embeddings @ embeddings.T).min() > 0.8
