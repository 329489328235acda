"""A pipeline as data: its file, its check before any image is read, its run on a site."""
