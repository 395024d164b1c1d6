"""The parts that a model set fills. Everything that lists them derives from this table: options, files, recipes, docs.

Pure data, free to import.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One part of a model set.

    Args:
        name: in recipes and in `models.base.Components`.
        key: in options, the registry, the cache, the configuration file and environment variables.
        title: in messages.
    """

    name: str
    key: str
    title: str

    @property
    def option(self) -> str:
        """The option that names a local file with its weights."""
        return f"--{self.key}-weights"

    @property
    def weights_variable(self) -> str:
        """The environment variable that does the same."""
        return f"DIFFSTYLER_{self.key.upper()}_WEIGHTS"

    @property
    def source_variable(self) -> str:
        """The environment variable that names a place to fetch its weights from."""
        return f"DIFFSTYLER_{self.key.upper()}_SOURCE"


ROLES = (
    Role("photo", "photo", "photo network"),
    Role("art", "art", "art network"),
    Role("encoder", "clip", "text-image encoder"),
    Role("features", "vgg", "content features"),
    Role("aesthetic", "aesthetic", "aesthetic regressor"),
)
"""In the order in which messages name them."""

BY_KEY = {role.key: role for role in ROLES}
KEYS = tuple(BY_KEY)
