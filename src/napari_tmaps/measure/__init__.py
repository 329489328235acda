"""Fast kernels behind the measuring and segmenting modules: arrays in, arrays out.

Everything per object starts from *runs* (`runs.py`): the horizontal pieces of each object, object
by object. Import the files, not this package: they load numba, which takes a while.
"""
