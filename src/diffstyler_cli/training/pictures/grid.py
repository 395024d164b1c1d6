"""The lattice that patterns of training pictures lie on."""

PERIOD = 16
"""Pixels after which a lite diffusion network's own grid repeats, counted from the picture's corner: what its levels
divide the resolution by (`LiteUNet.multiple`). Tiles, dots and hatching in training pictures repeat with it. At
random places they could not be predicted from a photograph, and the networks would paint their mean."""

TILE = PERIOD // 2
"""Pixels between tiles, printed dots and pairs of big pixels."""
