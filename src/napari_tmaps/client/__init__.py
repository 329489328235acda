"""A client of a server of experiments: `from napari_tmaps.client import TmClient`."""

from napari_tmaps.client.api import TmClient

__all__ = ["TmClient"]
