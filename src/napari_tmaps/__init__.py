"""TissueMAPS reborn in napari: from the microscope's folder to objects, features and answers."""
