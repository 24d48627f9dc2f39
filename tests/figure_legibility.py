"""What makes a figure legible: its texts stay on the page and apart from each other and from the panels."""

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from nessmap.figures import style


def assert_legible(figure: Figure) -> None:
    """Every text is inside the page, over no other text and over no panel but its own."""
    assert figure.get_figwidth() in (style.SINGLE, style.DOUBLE)
    with style.applied():
        texts = list(shown_texts(figure))
        boxes = [text.get_window_extent().padded(-0.5) for text in texts]
    page = figure.bbox.padded(0.5)
    for text, box in zip(texts, boxes, strict=True):
        inside = page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
        assert inside, f"{text.get_text()!r} leaves the page"
    for i, box in enumerate(boxes):
        for j in range(i):
            assert not overlap(box, boxes[j]), f"{texts[i].get_text()!r} over {texts[j].get_text()!r}"
    for axes in figure.axes:
        frame = axes.get_window_extent().padded(-1.0)
        for text, box in zip(texts, boxes, strict=True):
            if text not in axes.texts:
                assert not overlap(box, frame), f"{text.get_text()!r} over a panel"


def shown_texts(figure: Figure) -> Iterator[Text]:
    """All texts that are painted: not empty, not the labels of ticks outside the limits."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    hidden |= {tick.label1, tick.label2}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in hidden and text.get_visible() and text.get_text().strip():
            yield text


def overlap(a: Bbox, b: Bbox) -> bool:
    return bool(a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1)
