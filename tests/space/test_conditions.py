"""Networks that are told texts in a way of their own, or nothing; pairs of them that fit, and those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image
from space_networks import TABLES, card_of
from torch import Tensor

from diffstyler_cli import Stylizer
from diffstyler_cli.errors import UsageError
from diffstyler_cli.models.base import ComponentInfo, Conditioner, Drawer, VelocityNetwork
from diffstyler_cli.models.codec import PIXELS, Codec
from diffstyler_cli.models.discrete import AdaptedNetwork
from diffstyler_cli.sample import SAMPLE

SMALL: dict[str, Any] = {"size": 64, "steps": 2, "seed": 1, "cutouts": 1}
INFO = ComponentInfo("noted", 0, "0" * 64, "a test")


class Words:
    """A text encoder: its sequence says how many letters the text has."""

    shape = (3, 2)

    def __init__(self, times: float = 1.0) -> None:
        self.times = times
        self.encoded: list[str] = []

    def encode(self, texts: list[str]) -> Tensor:
        self.encoded += texts
        return torch.stack([torch.full(self.shape, self.times * len(text)) for text in texts])


def letters(cond: Tensor | None) -> list[float]:
    assert cond is not None
    return cond.flatten(1)[:, 0].tolist()


def noting(told: list[Tensor | None]) -> Any:
    def network(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        told.append(cond)
        return 0.1 * x if cond is None else 0.1 * x + 1e-3 * cond.flatten(1).mean(1)[:, None, None, None]

    return network


def adapted(heard: list[Tensor | None], conditioner: Conditioner | None = None, **facts: Any) -> AdaptedNetwork:
    return AdaptedNetwork(
        noting(heard), card_of("noted", **facts), TABLES["linear"], "epsilon", conditioner=conditioner
    )


def with_networks(
    stylizer: Stylizer, photo: VelocityNetwork | None = None, art: VelocityNetwork | None = None, codec: Codec = PIXELS
) -> Stylizer:
    drawers = [network and Drawer(network, INFO, codec) for network in (photo, art)]
    return Stylizer(stylizer.components.with_networks("cpu", *drawers), torch.device("cpu"), torch.float32)


def test_a_photo_network_hears_the_prompts_by_its_own_encoder_and_nothing_in_free_diffusion(stylizer: Stylizer) -> None:
    told: list[Tensor | None] = []
    own = with_networks(stylizer, adapted(told, Words()))
    own.stylize(SAMPLE, ["woodcut:2", "mosaic:0.5"], **SMALL, t1="3", guidance_scale=0.0)
    assert [letters(cond) for cond in told] == [[0.0]] * 2 + [[0.0, 7.0, 6.0]] * 2


def test_where_the_weights_leave_the_null_condition_no_share_it_is_not_asked(stylizer: Stylizer) -> None:
    told: list[Tensor | None] = []
    own = with_networks(stylizer, adapted(told, Words()))
    own.stylize(SAMPLE, "woodcut:1", **SMALL, guidance_scale=0.0)
    assert letters(told[-1]) == [7.0]


@pytest.mark.parametrize(("says", "expected"), [("nothing", [0.0]), ("prompts", [0.0, 14.0])])
def test_an_art_network_hears_what_its_card_says(stylizer: Stylizer, says: Any, expected: list[float]) -> None:
    told: list[Tensor | None] = []
    both = with_networks(stylizer, adapted([], Words()), adapted(told, Words(2.0), told=says))
    both.stylize(SAMPLE, "woodcut:3", **SMALL, guidance_scale=0.0)
    assert [letters(cond) for cond in told] == [expected] * 2


def test_the_sets_own_embeddings_and_another_encoder_go_together(stylizer: Stylizer) -> None:
    told: list[Tensor | None] = []
    art = adapted(told, Words(), told="prompts")
    mixed = with_networks(stylizer, art=art)
    picture = mixed.stylize(SAMPLE, "woodcut", **SMALL, lam=0.5).image
    assert letters(told[-1]) == [0.0, 7.0]
    assert picture.tobytes() != stylizer.stylize(SAMPLE, "woodcut", **SMALL, lam=0.5).image.tobytes()


def test_regions_have_their_own_prompts_in_a_network_s_own_way(stylizer: Stylizer, tmp_path: Path) -> None:
    told: list[Tensor | None] = []
    own = with_networks(stylizer, adapted(told, Words()))
    with Image.open(SAMPLE) as photo:
        half = Image.new("L", photo.size)
    half.paste(255, (0, 0, half.width // 2, half.height))
    style = tmp_path / "style.png"
    Image.open(SAMPLE).save(style)
    own.stylize(SAMPLE, "mosaic", **SMALL, regions=[(half, "woodcut")], style_images=[f"{style}:2"])
    assert letters(told[-1]) == [0.0, 6.0, 7.0]


def test_style_images_cannot_be_told_to_it_and_somebody_says_so_once(stylizer: Stylizer, tmp_path: Path) -> None:
    told: list[Tensor | None] = []
    own = with_networks(stylizer, adapted(told, Words()))
    style = tmp_path / "style.png"
    Image.open(SAMPLE).save(style)
    for _ in range(2):
        own.stylize(SAMPLE, "mosaic", style_images=[style], **SMALL)
    assert letters(told[-1]) == [0.0, 6.0]
    assert own.notices == ["noted takes texts and no pictures: the losses alone follow style images."]
    alone = own.stylize(SAMPLE, style_images=[style], **SMALL)
    assert letters(told[-1]) == [0.0]
    assert alone.recipe["style_images"][0]["name"] == "style.png"
    for off in (
        {"guidance_scale": 0.0},
        dict.fromkeys(("w_instruction", "w_content", "w_nce", "w_aesthetic", "w_tv"), 0.0),
    ):
        with pytest.raises(UsageError, match="noted takes texts and no pictures, and no loss is on"):
            own.stylize(SAMPLE, style_images=[style], **SMALL | off)
    own.stylize(SAMPLE, "mosaic", style_images=[style], **SMALL | {"guidance_scale": 0.0})  # the prompt is heard


def test_an_unconditional_photo_network_follows_the_losses_alone(stylizer: Stylizer) -> None:
    told: list[Tensor | None] = []
    own = with_networks(stylizer, adapted(told))
    own.stylize(SAMPLE, "mosaic", **SMALL)
    assert told == [None] * len(told)
    assert own.notices == ["noted takes neither prompts nor style images: the losses alone follow them."]
    with pytest.raises(UsageError, match="neither prompts nor style images, and no loss is on"):
        own.stylize(SAMPLE, "mosaic", **SMALL | {"guidance_scale": 0.0})


def test_a_conditioner_is_asked_once_a_picture_and_the_encoder_s_parameters_are_not_the_network_s(
    stylizer: Stylizer,
) -> None:
    words = Words()
    own = with_networks(stylizer, adapted([], words))
    for _ in range(2):
        own.stylize(SAMPLE, ["mosaic", "woodcut"], **SMALL, guidance_scale=0.0)
    assert sorted(words.encoded) == ["", "mosaic", "mosaic", "woodcut", "woodcut"]
    assert own.components.photo.parameter_count == 0


def test_words_that_only_the_network_knows_are_no_mistake(stylizer: Stylizer) -> None:
    """The losses' encoder is the set's; a text encoder of the network's own knows more."""
    own = with_networks(stylizer, adapted([], Words()))
    assert "know no word" in own.check_prompts(["qqzzy"])[0]
    own.stylize(SAMPLE, "qqzzy", **SMALL)
    with pytest.raises(UsageError, match='know no word of "qqzzy"'):
        stylizer.stylize(SAMPLE, "qqzzy", **SMALL)


# --- which networks fit together -------------------------------------------------------------------------------------
def test_networks_of_two_spaces_are_refused(stylizer: Stylizer) -> None:
    latents = adapted([], channels=4, space="sd1")
    with pytest.raises(UsageError, match=r"lite-photo and noted cannot be mixed: one works on pixels \(3 channels\)"):
        with_networks(stylizer, art=latents)
    other = adapted([], channels=4, space="another")
    with pytest.raises(UsageError, match=r"on another \(4 channels\), the other on sd1 \(4\)"):
        with_networks(stylizer, other, latents)


def test_a_codec_of_other_channels_is_refused(stylizer: Stylizer) -> None:
    networks = [adapted([], channels=4, space="sd1") for _ in range(2)]
    with pytest.raises(UsageError, match="noted takes 4 channels, the latents of its codec have 3"):
        with_networks(stylizer, *networks)


def test_embeddings_of_another_encoder_are_refused(stylizer: Stylizer) -> None:
    with pytest.raises(UsageError, match="noted takes text embeddings of 512 numbers; the lite set's have 256"):
        with_networks(stylizer, adapted([], cond_dim=512))
    deaf = with_networks(stylizer, art=adapted([], cond_dim=512))  # it is told nothing
    deaf.stylize(SAMPLE, "mosaic", **SMALL, guidance_scale=0.0)


def test_a_network_takes_the_role_that_it_is_given(stylizer: Stylizer) -> None:
    parts = with_networks(stylizer, adapted([], role="art"), adapted([], role="photo")).components
    assert [(n.role, n.card.role) for n in (parts.photo, parts.art)] == [("photo", "photo"), ("art", "art")]
    assert parts.info["photo"] == INFO
    assert parts.info["encoder"] == stylizer.components.info["encoder"]
    assert parts.codec is PIXELS


def test_networks_and_a_codec_with_weights_are_moved_to_the_device(stylizer: Stylizer) -> None:
    class Moved(type(PIXELS)):
        places: ClassVar[list[Any]] = []

        def to(self, device: Any) -> None:
            self.places.append(device)

    layer = torch.nn.Conv2d(3, 3, 1)
    network = AdaptedNetwork(lambda x, *_: layer(x), card_of(), TABLES["linear"], "epsilon")
    network.network = layer
    parts = stylizer.components.with_networks("meta", Drawer(network, INFO, Moved()))
    assert Moved.places == ["meta"]
    assert {parameter.device.type for parameter in parts.photo.parameters()} == {"meta"}
    assert not any(parameter.requires_grad for parameter in parts.photo.parameters())
