"""Networks of other packages, by the entry point group `diffstyler.networks` (docs/networks.md).

Finding out which there are imports neither them nor torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError

if TYPE_CHECKING:
    from .base import Drawer

GROUP = "diffstyler.networks"


@dataclass(frozen=True)
class Plugin:
    """What an installed package offers under a name. Nothing of it is imported before it is called."""

    name: str
    package: str
    version: str
    point: EntryPoint

    @property
    def source(self) -> str:
        """Of which package it is, for recipes."""
        return f"package {self.package} {self.version}"

    def __call__(self) -> Drawer:
        """The network as the package's function returns it, alone or with its codec; for `Components.with_networks`.

        Raises `WeightsError` where the package's code fails, or returns something else.
        """
        from ..weights.digest import sha256_of_tensors
        from .base import ComponentInfo, Drawer, VelocityNetwork
        from .codec import PIXELS

        try:
            made: Any = self.point.load()()
        except Exception as error:
            raise WeightsError(
                f"The network {self.name} of {self.source} cannot be loaded: {type(error).__name__}: {error}",
                f"Ask its authors, or remove the package: pip uninstall {self.package}",
            ) from error
        network, codec = made if isinstance(made, tuple) and len(made) == 2 else (made, PIXELS)
        if not isinstance(network, VelocityNetwork):
            raise WeightsError(
                f"{self.point.value} of {self.source} returned {type(network).__name__} and no network.",
                "It must return a VelocityNetwork, or one with its codec; see docs/networks.md.",
            )
        digest = sha256_of_tensors(network.state_dict())
        return Drawer(network, ComponentInfo(self.name, network.parameter_count, digest, self.source), codec)


def networks() -> Mapping[str, Plugin]:
    """What installed packages offer, by name, sorted; of two with one name the first found."""
    found: dict[str, Plugin] = {}
    for point in entry_points(group=GROUP):
        package, version = (point.dist.name, point.dist.version) if point.dist is not None else ("?", "?")
        found.setdefault(point.name, Plugin(point.name, package, version, point))
    return dict(sorted(found.items()))
