"""nessmap maps where stochastic neural models are irreversible and where information flows in them."""

from importlib.metadata import version

__version__ = version("nessmap")
