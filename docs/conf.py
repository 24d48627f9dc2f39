"""The documentation, built offline: `make docs`. Warnings are errors; mathematics is drawn by a file that is part of it."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import gallery
import reference

project = "nessmap"
author = copyright = "The nessmap developers"
release = importlib.metadata.version("nessmap")

extensions = ["myst_parser", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["examples/README.md"]

html_theme = "furo"
html_title = "nessmap"
html_theme_options = {"navigation_with_keys": True}
html_static_path: list[str] = []
html_extra_path = ["sample"]  # explorers, opened from the gallery


def setup(app):
    """Pages that are made of the code and of the sweep files."""

    def write(app):
        reference.write(Path(app.srcdir) / "reference.md")
        gallery.write(Path(app.srcdir) / "gallery")

    app.connect("builder-inited", write)
