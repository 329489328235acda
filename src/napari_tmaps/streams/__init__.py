"""Images on their way to the disk: OME-Zarr and OME-TIFF, with their JSON."""
