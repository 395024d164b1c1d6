"""The styles that the lite models know by name: synonyms and artists.

Pure data, free to import. The first word of `names` is the one that the styles list shows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """One style: `names` are interchangeable in a prompt, `artists` stand for it too."""

    key: str
    names: tuple[str, ...]
    artists: tuple[str, ...] = ()


STYLES: tuple[Style, ...] = (
    Style("oil-painting", ("oil painting", "oil on canvas", "classical oil painting", "old master painting", "oils")),
    Style("impressionism", ("impressionism", "impressionist painting", "impressionist"), ("claude monet", "monet", "renoir", "pissarro", "sisley")),
    Style("post-impressionism", ("post-impressionism", "post impressionism", "post-impressionist painting"), ("cezanne", "gauguin", "bonnard")),
    Style("van-gogh", ("van gogh", "vincent van gogh", "starry night", "swirling brush strokes")),
    Style("pointillism", ("pointillism", "pointillist painting", "divisionism", "painting made of dots"), ("seurat", "georges seurat", "signac")),
    Style("expressionism", ("expressionism", "expressionist painting", "expressionist"), ("munch", "edvard munch", "kirchner", "schiele")),
    Style("fauvism", ("fauvism", "fauvist painting", "fauve"), ("matisse", "henri matisse", "derain")),
    Style("cubism", ("cubism", "cubist painting", "cubist"), ("juan gris", "gris")),
    Style("art-nouveau", ("art nouveau", "jugendstil"), ("klimt", "gustav klimt")),
    Style("baroque", ("baroque", "baroque painting", "chiaroscuro"), ("rembrandt", "rubens", "caravaggio style")),
    Style("romanticism", ("romanticism", "romantic painting", "romanticist"), ("aivazovsky", "caspar david friedrich", "constable")),
    Style("symbolism", ("symbolism", "symbolist painting"), ("odilon redon", "redon", "roerich")),
    Style("naive-art", ("naive art", "naive painting", "folk art", "primitivism"), ("henri rousseau", "pirosmani")),
    Style("ukiyo-e", ("ukiyo-e", "ukiyo-e woodblock print", "woodblock print", "japanese print", "japanese woodblock"), ("hokusai", "hiroshige", "utamaro")),
    Style("ink-wash", ("ink wash", "ink wash painting", "sumi-e", "chinese ink painting", "shan shui")),
    Style("ink-illustration", ("ink illustration", "pen and ink", "ink drawing", "pen drawing", "india ink"), ("beardsley", "aubrey beardsley")),
    Style("watercolor", ("watercolor", "watercolour", "watercolor painting", "watercolour painting", "aquarelle")),
    Style("engraving-etching", ("engraving", "etching", "engraved print", "copperplate", "engraving etching"), ("gustave dore", "dore")),
    Style("woodcut", ("woodcut", "linocut", "wood cut", "black and white woodcut", "lino print"), ("vallotton", "felix vallotton")),
    Style("drawing", ("pencil sketch", "pencil drawing", "drawing", "sketch", "pencil", "graphite drawing")),
    Style("charcoal", ("charcoal", "charcoal drawing", "charcoal sketch")),
    Style("pastel", ("pastel", "pastel drawing", "chalk pastel", "soft pastel")),
    Style("cartoon", ("cartoon", "comic", "comic book", "anime", "cel shading")),
    Style("mosaic", ("mosaic", "roman mosaic", "tile mosaic", "tiles")),
    Style("stained-glass", ("stained glass", "stained glass window", "leaded glass")),
    Style("pixel-art", ("pixel art", "8-bit", "pixelated", "retro game")),
    Style("halftone", ("halftone", "pop art", "screen print", "newsprint dots"), ("roy lichtenstein", "lichtenstein", "warhol")),
    Style("low-poly", ("low-poly", "low poly", "polygon art", "triangles")),
)  # fmt: skip

PHOTO_NAMES: tuple[str, ...] = ("photo", "photograph", "a photo", "photography", "realistic photo")
"""Words for the photograph itself; as a prompt they change nothing."""

MOODS: dict[str, tuple[str, ...]] = {
    "warm": ("warm", "warm colors", "warm light"),
    "cold": ("cold", "cold blue", "blue", "cool colors"),
    "golden": ("golden", "golden light", "gold"),
    "sepia": ("sepia", "sepia toned"),
    "black-and-white": ("black and white", "monochrome", "grayscale"),
    "vivid": ("vivid", "colorful", "saturated", "bright colors"),
    "muted": ("muted", "muted colors", "faded", "desaturated"),
    "pastel": ("pastel colors", "pale", "soft colors"),
    "dark": ("dark", "night", "at night", "gloomy"),
    "bright": ("bright", "sunny", "sunlit"),
    "high-contrast": ("high contrast", "dramatic"),
}
"""Words of colour and light that go with any style: "golden oil painting"."""

SUBJECTS: tuple[str, ...] = (
    "portrait", "woman", "landscape", "still life", "garden", "river", "trees", "girl", "house", "flowers", "bridge",
    "sea", "field", "port", "child", "man",
)  # fmt: skip
"""Words for what is shown; they occur in the titles of at least 14 training artworks."""

FEATURED: tuple[str, ...] = (
    "oil painting", "impressionism", "van gogh", "watercolor", "pencil sketch", "woodcut", "ukiyo-e", "pointillism",
    "engraving", "ink wash", "cartoon", "mosaic",
)  # fmt: skip
"""A short list to pick from."""

STYLE_BY_KEY: dict[str, Style] = {style.key: style for style in STYLES}
