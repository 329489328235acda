"""Tools of other people that judge what we write."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def ome_schema() -> Any:
    """The OME schema 2016-06; `assertValid(tree)` raises on anything that breaks it."""
    import ome_types
    from lxml import etree

    return etree.XMLSchema(etree.parse(Path(ome_types.__file__).with_name("ome-2016-06.xsd")))


@pytest.fixture
def full_disk():
    """A block in which the system takes no file longer than so many bytes, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs limits on the size of files (POSIX)")

    @contextmanager
    def limited(size: int):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
