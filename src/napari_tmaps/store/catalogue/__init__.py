"""The catalogue of an experiment: one SQLite file, written by one process.

Questions come back as pandas tables. Only the coordinator (the process that runs a workflow or
adds an acquisition) writes; jobs write files of their own.
"""

from napari_tmaps.store.catalogue.layout import Layout
from napari_tmaps.store.catalogue.names import Names
from napari_tmaps.store.catalogue.results import Results
from napari_tmaps.store.catalogue.runs import Runs


class Catalogue(Layout, Names, Results, Runs):
    """Tables of one experiment."""
