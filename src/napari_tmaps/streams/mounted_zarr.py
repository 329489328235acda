"""A zarr store on a folder whose files lie elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

from zarr.storage import LocalStore

from napari_tmaps.streams.mounts import bring


class MountedStore(LocalStore):
    """A local store that has each file brought before it is read; see `mounts`."""

    async def _bring(self, key: str) -> None:
        await asyncio.to_thread(bring, self.root / key)

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """See LocalStore."""
        await self._bring(key)
        return await super().get(key, *args, **options)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        """See LocalStore."""
        wanted = list(key_ranges)
        for key in dict.fromkeys(key for key, _ in wanted):
            await self._bring(key)
        return await super().get_partial_values(prototype, wanted)

    async def exists(self, key: str) -> bool:
        """See LocalStore."""
        await self._bring(key)
        return await super().exists(key)
