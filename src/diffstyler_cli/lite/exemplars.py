"""The few artworks of each style that photographs are painted after, by file name.

Chosen by eye for a bold, even texture and for palettes unlike each other. After any artwork at random, no two pictures
of a style would be painted alike, and a small network learns the mean of them: mud.
"""

EXEMPLARS: dict[str, tuple[str, ...]] = {
    "art-nouveau": (
        "art-nouveau_0014_leon-bakst.jpg",
        "art-nouveau_0059_ivan-bilibin.jpg",
        "art-nouveau_0063_boris-kustodiev.jpg",
    ),
    "baroque": (
        "baroque_0027_jacob-jordaens.jpg",
        "baroque_0108_adriaen-van-ostade.jpg",
        "baroque_0141_peter-paul-rubens.jpg",
    ),
    "cubism": (
        "cubism_0017_amadeo-de-souza-cardoso.jpg",
        "cubism_0020_albert-gleizes.jpg",
        "cubism_0030_franz-marc.jpg",
        "cubism_0038_amadeo-de-souza-cardoso.jpg",
    ),
    "drawing": (
        "drawing_0024_rembrandt.jpg",
        "drawing_0057_vincent-van-gogh.jpg",
        "drawing_0103_mikhail-nesterov.jpg",
    ),
    "engraving-etching": (
        "engraving-etching_0019_gustave-dore.jpg",
        "engraving-etching_0076_gustave-dore.jpg",
        "engraving-etching_0129_gustave-dore.jpg",
    ),
    "expressionism": (
        "expressionism_0016_chaim-soutine.jpg",
        "expressionism_0053_ernst-ludwig-kirchner.jpg",
        "expressionism_0062_ernst-ludwig-kirchner.jpg",
        "expressionism_0142_august-macke.jpg",
    ),
    "fauvism": (
        "fauvism_0012_henri-matisse.jpg",
        "fauvism_0029_ilya-mashkov.jpg",
        "fauvism_0045_othon-friesz.jpg",
        "fauvism_0060_andre-derain.jpg",
    ),
    "impressionism": (
        "impressionism_0028_camille-pissarro.jpg",
        "impressionism_0065_alfred-sisley.jpg",
        "impressionism_0234_childe-hassam.jpg",
        "impressionism_0247_childe-hassam.jpg",
    ),
    "ink-illustration": (
        "ink-illustration_0001_aubrey-beardsley.jpg",
        "ink-illustration_0008_aubrey-beardsley.jpg",
        "ink-illustration_0035_aubrey-beardsley.jpg",
    ),
    "ink-wash": (
        "ink-wash_0018_song-dynasty-painter.jpg",
        "ink-wash_0115_ming-dynasty-painter.jpg",
        "ink-wash_0143_ming-dynasty-painter.jpg",
        "ink-wash_0170_ming-dynasty-painter.jpg",
    ),
    "naive-art": (
        "naive-art_0018_henri-rousseau.jpg",
        "naive-art_0022_niko-pirosmani.jpg",
        "naive-art_0048_louis-vivin.jpg",
        "naive-art_0060_louis-vivin.jpg",
    ),
    "oil-painting": (
        "oil-painting_0058_european-school.jpg",
        "oil-painting_0092_european-school.jpg",
        "oil-painting_0126_european-school.jpg",
        "oil-painting_0148_european-school.jpg",
    ),
    "pointillism": (
        "pointillism_0032_henri-edmond-cross.jpg",
        "pointillism_0042_henri-edmond-cross.jpg",
        "pointillism_0089_henri-edmond-cross.jpg",
        "pointillism_0103_paul-signac.jpg",
    ),
    "post-impressionism": (
        "post-impressionism_0014_albert-marquet.jpg",
        "post-impressionism_0028_maurice-prendergast.jpg",
        "post-impressionism_0054_pierre-bonnard.jpg",
        "post-impressionism_0151_paul-cezanne.jpg",
    ),
    "romanticism": (
        "romanticism_0040_john-constable.jpg",
        "romanticism_0047_william-turner.jpg",
        "romanticism_0106_francisco-goya.jpg",
        "romanticism_0132_cornelis-springer.jpg",
    ),
    "symbolism": (
        "symbolism_0044_ferdinand-hodler.jpg",
        "symbolism_0077_nicholas-roerich.jpg",
        "symbolism_0094_ferdinand-hodler.jpg",
        "symbolism_0125_odilon-redon.jpg",
    ),
    "ukiyo-e": (
        "ukiyo-e_0028_kitagawa-utamaro.jpg",
        "ukiyo-e_0072_katsushika-hokusai.jpg",
        "ukiyo-e_0098_utagawa-kuniyoshi.jpg",
        "ukiyo-e_0139_utagawa-kuniyoshi.jpg",
    ),
    "van-gogh": (
        "van-gogh_0098_vincent-van-gogh.jpg",
        "van-gogh_0146_vincent-van-gogh.jpg",
        "van-gogh_0157_vincent-van-gogh.jpg",
        "van-gogh_0177_vincent-van-gogh.jpg",
    ),
    "watercolor": (
        "watercolor_0005_carl-larsson.jpg",
        "watercolor_0006_carl-larsson.jpg",
        "watercolor_0042_carl-larsson.jpg",
        "watercolor_0078_rudolf-von-alt.jpg",
    ),
    "woodcut": (
        "woodcut_0009_felix-vallotton.jpg",
        "woodcut_0023_felix-vallotton.jpg",
        "woodcut_0028_felix-vallotton.jpg",
    ),
}
"""By style, for the styles that have artworks."""
