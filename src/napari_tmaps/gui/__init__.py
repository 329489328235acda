"""The napari window: readers, writers, sample data and dock widgets. All Qt and napari is here."""
