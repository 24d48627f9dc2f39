"""The same SVG in fewer bytes: coordinates to what an eye can see, nothing said twice, maps as pictures with a palette.

For what matplotlib writes, not for any SVG: its paths know the commands M, L, Q, C and z, with absolute coordinates. In
Python scour (0.38.2, no other release for years) would do some of it; the pictures in a map it leaves as they are.
"""

import re
import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
NAMESPACES = {
    "": "http://www.w3.org/2000/svg",
    "xlink": "http://www.w3.org/1999/xlink",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
}
# decimals of a place on the page [pt], inside a mark [pt], inside a letter [1/64 of its unit]
PAGE, MARK, GLYPH = 2, 3, 0
COLOURS = 256  # of a palette
SHORTEST = 6  # letters that are left of a hash
PICTURE = "data:image/png;base64,"
TOKEN = re.compile(r"[MLQCz]|-?\d[\d.]*(?:e-?\d+)?")
REFERENCE = re.compile(r"(?<=#)[A-Za-z][\w.-]*")
NUMBERED = re.compile(r"[A-Za-z0-9.]+_\d+")  # matplotlib counts what it draws; the names that we give stay
HASHED = re.compile(r"[a-z][0-9a-f]{10}")
LETTER = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*)-([0-9a-f]+)")  # font and code
ONLY_MOVED = re.compile(r"translate\((\S+) (\S+)\)")

Element = ElementTree.Element
Point = tuple[int, int]


def compact(text: str) -> str:
    """The SVG that matplotlib wrote, smaller; it looks the same, and the same text gives the same text.

    >>> compact('<svg xmlns="http://www.w3.org/2000/svg"><g id="patch_1"><path d="M 0 1.12345 L 9 1.12345"/></g></svg>')
    '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 1.12h9"/></svg>'
    """
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.fromstring(text)
    _rename(root)
    marks = {path for part in root.iter(f"{SVG}defs") for path in part.iter(f"{SVG}path")}
    for element in root.iter():
        _shorten(element, MARK if element in marks else PAGE)
    _say_once(root)
    _flatten(root)
    _join(root)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def compact_path(path: str, places: int) -> str:
    """Path data with relative coordinates of so many decimals; what lies on a straight line is one line.

    >>> compact_path("M 10 10 L 20 10 L 30 10 L 30 0.5 Q 1 2 3 4 z", 1)
    'M10 10h20v-9.5q-29 1.5-27 3.5z'
    """
    parts: list[str] = []
    here = start = (0, 0)
    tokens = TOKEN.findall(path)
    line: Point | None = None  # not written yet: it may go on
    index = 0
    while index < len(tokens):
        command = tokens[index]
        count = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0}[command]
        numbers = [round(float(number) * 10**places) for number in tokens[index + 1 : index + 1 + 2 * count]]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        index += 1 + 2 * count
        steps = [(x - here[0], y - here[1]) for x, y in points]
        if command == "L" and line is not None and _goes_on(line, steps[0]):
            line = (line[0] + steps[0][0], line[1] + steps[0][1])
        else:
            parts += [_line(line, places)] if line is not None else []
            line = steps[0] if command == "L" else None
        if command == "M":
            parts.append("M" + _joined(points[0], places))
            start = points[0]
        elif command in "QC":
            parts.append(command.lower() + _joined([number for step in steps for number in step], places))
        elif command == "z":
            parts.append("z")
        here = points[-1] if points else start
    parts += [_line(line, places)] if line is not None else []
    return re.sub(r"z(?=z)", "", "".join(parts))


def _goes_on(line: Point, step: Point) -> bool:
    """The step has the direction of the line, or one of them no length."""
    across, along = line[0] * step[1] - line[1] * step[0], line[0] * step[0] + line[1] * step[1]
    return (0, 0) in (line, step) or (across == 0 and along > 0)


def _line(step: Point, places: int) -> str:
    if step[1] == 0:
        return "h" + _number(step[0], places)
    return "v" + _number(step[1], places) if step[0] == 0 else "l" + _joined(step, places)


def _joined(numbers: Sequence[int], places: int) -> str:
    """A minus parts numbers as well as a blank."""
    return " ".join(_number(number, places) for number in numbers).replace(" -", "-")


def _number(value: int, places: int) -> str:
    whole, rest = divmod(abs(value), 10**places)
    decimals = f"{rest:0{places}d}".rstrip("0") if places else ""
    written = f"{whole or ''}.{decimals}" if decimals else str(whole)
    return f"-{written}" if value < 0 else written


def _rounded(text: str, places: int) -> str:
    return _number(round(float(text) * 10**places), places)


def _rename(root: Element) -> None:
    """Short names of what is referred to; no names of what is only counted."""
    names = [name for element in root.iter() if (name := element.get("id"))]
    used = {name for element in root.iter() for value in element.attrib.values() for name in REFERENCE.findall(value)}
    hashes = [name for name in names if HASHED.fullmatch(name)]
    length = next(n for n in range(SHORTEST, 12) if len({name[:n] for name in hashes}) == len(hashes) or n == 11)
    short = {name: name[:length] for name in hashes}
    fonts = sorted({found[1] for name in names if (found := LETTER.fullmatch(name))})
    initials = {font: "".join(filter(str.isupper, font)) for font in fonts}
    if "" not in initials.values() and len(set(initials.values())) == len(fonts):
        short |= {name: initials[found[1]] + found[2] for name in names if (found := LETTER.fullmatch(name))}
    for element in root.iter():
        name = element.get("id", "")
        if name and name not in used and NUMBERED.fullmatch(name):
            del element.attrib["id"]
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, short.get(value, value))
            elif "#" in value and not value.startswith(PICTURE):
                element.set(key, REFERENCE.sub(lambda found: short.get(found[0], found[0]), value))


def _shorten(element: Element, places: int) -> None:
    """What one element says by itself."""
    element.tail = None
    if element.text and not element.text.strip():
        element.text = None
    transform = element.get("transform", "")
    if element.tag == f"{SVG}path":
        element.set("d", compact_path(element.get("d", ""), GLYPH if transform.startswith("scale(") else places))
    elif element.tag == f"{SVG}use" and (moved := ONLY_MOVED.fullmatch(transform)):
        del element.attrib["transform"]
        element.set("x", moved[1])
        element.set("y", moved[2])
    if element.tag == f"{SVG}use":
        for key in ("x", "y"):
            value = _rounded(element.get(key, "0"), PAGE)
            element.attrib.pop(key, None)
            if value != "0":
                element.set(key, value)
    elif element.tag == f"{SVG}image":
        element.set(LINK, PICTURE + _repacked(element.get(LINK, "").removeprefix(PICTURE)))
    if "style" in element.attrib:
        element.set("style", ";".join(f"{name}:{value}" for name, value in _style(element).items()))


def _style(element: Element) -> dict[str, str]:
    declared = (part.split(":", 1) for part in element.get("style", "").split(";") if part.strip())
    return {name.strip(): re.sub(r"#(.)\1(.)\2(.)\3$", r"#\1\2\3", value.strip()) for name, value in declared}


def _repacked(picture: str) -> str:
    """The same pixels with a palette, where they have few enough colours and none is transparent."""
    content = b64decode(picture)
    pixels = np.round(255 * imread(BytesIO(content), format="png")).astype(np.uint32)
    if pixels.ndim == 3 and (pixels.shape[2] == 3 or (pixels[..., 3] == 255).all()):
        colours, places = np.unique(pixels[..., :3] @ np.array([1 << 16, 1 << 8, 1], np.uint32), return_inverse=True)
        if len(colours) <= COLOURS:
            palette = colours.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
            content = min(content, indexed_png(places.reshape(pixels.shape[:2]).astype(np.uint8), palette), key=len)
    return b64encode(content).decode()


def indexed_png(places: NDArray[np.uint8], palette: bytes) -> bytes:
    """A PNG file of pixels (row, column) that are places in a palette of red, green, blue."""
    height, width = places.shape
    above = places - np.vstack([np.zeros((1, width), np.uint8), places[:-1]])
    # filter 2: the difference to the row above, which inside a row of cells is nought
    rows = np.hstack([np.full((height, 1), 2, np.uint8), above])
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": palette,
        b"IDAT": zlib.compress(rows.tobytes(), 9),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _say_once(root: Element) -> None:
    """What a mark says of its look is not said again where it is used; what all marks of a group say, the group says."""
    own = {element.get("id"): _style(element) for element in root.iter(f"{SVG}path") if element.get("id")}
    for element in root.iter(f"{SVG}use"):
        known = own.get(element.get(LINK, "")[1:], {})
        rest = [f"{name}:{value}" for name, value in _style(element).items() if name not in known]
        element.attrib.pop("style", None)
        if rest:
            element.set("style", ";".join(rest))
    for group in root.iter(f"{SVG}g"):
        styles = {child.get("style") for child in group}
        alike = len(group) > 1 and len(styles) == 1 and None not in styles and "style" not in group.attrib
        if alike and all(child.tag == f"{SVG}use" for child in group):
            group.set("style", group[0].attrib["style"])
            for child in group:
                del child.attrib["style"]


def _flatten(parent: Element) -> None:
    """Groups that say nothing give way to what they hold."""
    held: list[Element] = []
    for child in parent:
        _flatten(child)
        held += list(child) if child.tag == f"{SVG}g" and not child.attrib else [child]
    parent[:] = held


def _join(parent: Element) -> None:
    """Neighbouring lines that look alike become one path of several; what is filled or seen through stays apart."""
    held: list[Element] = []
    for child in parent:
        _join(child)
        style = child.get("style", "")
        line = child.tag == f"{SVG}path" and "id" not in child.attrib
        if line and "fill:none" in style and "opacity" not in style and held and _look(held[-1]) == _look(child):
            held[-1].set("d", held[-1].attrib["d"] + child.attrib["d"])
        else:
            held.append(child)
    parent[:] = held


def _look(element: Element) -> tuple[str, dict[str, str]]:
    return element.tag, {name: value for name, value in element.attrib.items() if name != "d"}
