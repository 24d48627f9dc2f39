"""The documentation, built offline: `make docs`. Warnings are errors; mathematics is drawn by a file that is part of it."""

import importlib.metadata
import re
import sys
from pathlib import Path

from docutils import nodes

sys.path.insert(0, str(Path(__file__).parent))
import gallery
import reference

project = "nessmap"
author = copyright = "The nessmap developers"
release = importlib.metadata.version("nessmap")

extensions = ["myst_parser", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
# the page of the theory has well over a thousand formulas: each is set when it comes into view
mathjax3_config = {"loader": {"load": ["ui/lazy"]}, "chtml": {"scale": 0.94}}
exclude_patterns = ["examples/README.md", "sample", "_build"]

html_theme = "furo"
html_title = "nessmap"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["static"]
html_css_files = ["page.css"]
html_js_files = ["page.js"]


def numbers_outside(app, doctree):
    """Equations of several lines: their number belongs outside of the lines, where MathJax takes it."""
    for equation in doctree.findall(nodes.math_block):
        text = equation.astext()
        tag = re.search(r"\\tag\{[^}]*\}", text)
        if tag and r"\\" in text:
            body = text.replace(tag[0], "").strip()
            equation.children = [nodes.Text(rf"\[\begin{{split}}{body}\end{{split}}{tag[0]}\]")]
            equation["nowrap"] = True


def setup(app):
    """Pages that are made of the code and of the sweep files."""

    def write(app):
        reference.write(Path(app.srcdir) / "reference.md")
        gallery.write(Path(app.srcdir) / "gallery")

    def copy(app, failure):
        if failure is None and app.builder.format == "html":
            gallery.copy_explorers(Path(app.outdir))

    app.connect("builder-inited", write)
    app.connect("doctree-read", numbers_outside)
    app.connect("build-finished", copy)
