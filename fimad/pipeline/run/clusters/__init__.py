"""Tasks on many machines: an executor on Dask, what its workers do, and Slurm as the place where they run.

May import the rest of `run`; only `build` imports it.
"""
