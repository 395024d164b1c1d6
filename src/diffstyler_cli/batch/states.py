"""What tells files from themselves after a change: asked file by file, or for many once a folder elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .. import remote
from ..errors import InputImageError
from ..remote import Place, Unreachable, Url, place_of
from .inputs import Photo
from .manifest import state_of


class States:
    """Of files by path or address; `listed` are known, and `folder` holds no others."""

    def __init__(self, listed: Mapping[str, str] = MappingProxyType({}), folder: Url | None = None) -> None:
        self._listed = listed
        self._folder = folder

    def of(self, path: str) -> str:
        """As `state_of`."""
        if path in self._listed:
            return self._listed[path]
        return "" if self._is_listed(path) else state_of(path)

    def there(self, path: str) -> bool:
        """Whether it is there."""
        return path in self._listed or (not self._is_listed(path) and remote.exists(place_of(path)))

    def _is_listed(self, path: str) -> bool:
        return self._folder is not None and self._folder.holds(path) is not None


NOW = States()
"""As they are when they are asked for."""


def states_of(photos: Iterable[Photo], folder: Place | None) -> States:
    """Of the photos and of what is in the folder of the results, as they are now. Raises `Unreachable`."""
    listed = {photo.path: photo.state for photo in photos if photo.state}
    if not isinstance(folder, Url):
        return States(listed)
    try:
        listed |= {file.url.text: file.state for file in remote.find(folder, recursive=True)}
    except Unreachable:
        raise
    except InputImageError:  # it is not there yet
        pass
    return States(listed, folder)
