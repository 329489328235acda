"""`python -m napari_tmaps.cli` is the program tmaps."""

from napari_tmaps.cli import main

main()
