"""Colours of the figures: maps that are even to the eye, series that stay apart for every kind of vision.

BATLOW and VIK are nodes of the published 256-colour tables at equal distances; straight lines between them stay
within one step of 255 of every published colour. Crameri, F., Scientific colour maps, Zenodo, doi
10.5281/zenodo.1243862, under the MIT licence:

    Copyright (c) 2020 Fabio Crameri. Permission is hereby granted, free of charge, to any person obtaining a copy of
    this software and associated documentation files (the "Software"), to deal in the Software without restriction,
    including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
    copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following
    conditions: The above copyright notice and this permission notice shall be included in all copies or substantial
    portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
    INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
    NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
    LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
    SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap, ListedColormap

BATLOW = (
    "011959 08255b 0d315d 0f3b5f 114360 134b61 165262 1b5962 226061 2a655e 356a59 406f54 4d734d 597646 667a3f "
    "737e38 818232 90862d a08a2b b08d2e bf9035 ce923f db954c e8985b f29d6c f8a27e fca891 fdaea3 fdb4b4 fdbac5 "
    "fcc0d6 fbc6e8 faccfa"
)
VIK = (
    "001261 011865 021f69 02256d 022b71 023175 023779 033d7d 034481 034a85 045089 07578d 0c5e92 136596 1b6d9b "
    "2574a1 2f7ca6 3b85ac 478db1 5395b7 609dbc 6ca5c2 79adc7 86b5cd 92bdd2 9fc5d7 acccdc b8d4e1 c5dbe5 d1e1e9 "
    "dce5e9 e6e7e7 ece5e1 eee1d9 eedacf ecd3c4 e9cbb9 e6c3ae e2bba4 dfb399 dcab8f d9a485 d59c7b d29571 cf8e68 "
    "cc865e c97f55 c6784c c37243 c06a3a bc6331 b85b28 b3531f ad4a16 a5400e 9c3709 932e06 8b2706 832106 7c1b06 "
    "741506 6d1007 660a07 600408 590008"
)

# At least 20 CAM02-UCS units apart for normal vision, deuteranopia, protanopia and tritanopia (tests/test_figures.py).
SERIES = ("#0b2f6b", "#c8452c", "#45abc6", "#7050d8", "#6a0f2a", "#d8b03c")
MARKERS = ("o", "s", "^", "D", "v", "P")

BELOW_ERROR = "#cfcfcf"  # a value that two standard errors do not tell from zero, where colours are logarithmic
EXACT_ZERO = "#ffffff"
HATCH = "#5a5f66"
Z_STEPS = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)


def batlow() -> Colormap:
    """Sequential, dark to light: observables of one sign."""
    return _table("batlow", BATLOW)


def vik() -> Colormap:
    """Diverging about a pale centre: signed observables, with zero in the centre."""
    return _table("vik", VIK)


def z_steps() -> tuple[Colormap, BoundaryNorm]:
    """Seven steps of vik for z-scores; |z| < 1 is neutral, beyond 3 darkest."""
    shades = vik()((0.0, 0.17, 0.33, 0.5, 0.69, 0.83, 1.0))
    colours = ListedColormap(list(shades[1:-1]), "z").with_extremes(under=shades[0], over=shades[-1])
    return colours, BoundaryNorm(Z_STEPS, len(shades) - 2)


def flat(colour: str) -> Colormap:
    """One colour for every value."""
    return ListedColormap([colour])


def _table(name: str, nodes: str) -> Colormap:
    return LinearSegmentedColormap.from_list(name, ["#" + node for node in nodes.split()], N=256)
