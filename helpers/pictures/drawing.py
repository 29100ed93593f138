"""SVG: shapes and texts that are legible in light and dark, in a page or as a file."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from .colors import PAPER, Shade
from .text import ELLIPSIS, Volatile, fit, line, shortened, width_of

_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
CLASS = "cloud-picture"


class Drawing:
    """A picture that is being drawn; :meth:`svg` is its text.

    The colours of a light theme stand at each shape, those of a dark one in a style sheet, which
    counts where the reader prefers that. There is no id, so a page may hold many drawings.
    """

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self._root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": CLASS,
                "role": "img",
                "viewBox": f"0 0 {width:.0f} {height:.0f}",
                "width": f"{width:.0f}",
                "height": f"{height:.0f}",
                "font-family": _FONT,
                "font-size": "13",
                "style": "max-width:100%;height:auto",
            },
        )
        ElementTree.SubElement(self._root, "title").text = fit(title)
        lines = (fit(one) for one in description.split("\n"))
        ElementTree.SubElement(self._root, "desc").text = "\n".join(lines)
        self._style = ElementTree.SubElement(self._root, "style")
        self._shades: dict[tuple[str, Shade], None] = {}
        self.box(0, 0, width, height, PAPER, radius=8)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: Shade,
        *,
        edge: Shade | None = None,
        radius: float = 6,
        dashed: bool = False,
    ) -> None:
        """A rectangle with round corners."""
        colors = self._colored(fill=fill) if edge is None else self._colored(fill=fill, stroke=edge)
        attributes = {
            "x": _number(x),
            "y": _number(y),
            "width": _number(width),
            "height": _number(height),
            "rx": _number(radius),
            **colors,
        }
        if edge is not None:
            attributes["stroke-width"] = "1.6"
        if dashed:
            attributes["stroke-dasharray"] = "5 3"
        ElementTree.SubElement(self._root, "rect", attributes)

    def swatch(self, x: float, y: float, size: float, color: str, edge: Shade) -> None:
        """A small square of a colour that somebody chose; it has to be one (``is_color``)."""
        place = {"x": _number(x), "y": _number(y), "width": _number(size), "height": _number(size)}
        colors = self._colored(stroke=edge)
        ElementTree.SubElement(
            self._root, "rect", {**place, "rx": "3", **colors, "fill": color.lower()}
        )

    def text(
        self,
        x: float,
        y: float,
        parts: Sequence[str],
        ink: Shade,
        *,
        limit: float,
        size: float = 13,
        bold: bool = False,
    ) -> float:
        """A line of text; its width. What is wider than ``limit`` is cut, and whole in a tooltip."""
        attributes = {"x": _number(x), "y": _number(y), **self._colored(fill=ink)}
        if size != 13:
            attributes["font-size"] = _number(size)
        if bold:
            attributes["font-weight"] = "600"
        element = ElementTree.SubElement(self._root, "text", attributes)
        whole = line(parts)
        shown = [fit(part) for part in parts]
        if width_of(whole, size, bold=bold) > limit:
            varies = any(isinstance(part, Volatile) for part in parts)
            kind = {"class": "volatile"} if varies else {}
            ElementTree.SubElement(element, "title", kind).text = whole
            shown = _cut(parts, size, limit, bold)
        for part, text in zip(parts, shown, strict=True):
            kind = {"class": "volatile"} if isinstance(part, Volatile) else {}
            ElementTree.SubElement(element, "tspan", kind).text = text
        return width_of("".join(shown), size, bold=bold)

    def path(self, way: str, edge: Shade, *, dashed: bool = False, width: float = 1.6) -> None:
        """A line along ``way``, in the language of SVG's paths."""
        attributes = {"d": way, "fill": "none", **self._colored(stroke=edge)}
        attributes["stroke-width"] = _number(width)
        if dashed:
            attributes["stroke-dasharray"] = "5 4"
        ElementTree.SubElement(self._root, "path", attributes)

    def svg(self) -> str:
        """The picture as a file or a part of a page."""
        rules = "".join(
            f".{CLASS} .{kind}-{shade.name}{{{kind}:{shade.dark}}}" for kind, shade in self._shades
        )
        self._style.text = f"@media (prefers-color-scheme:dark){{{rules}}}"
        return ElementTree.tostring(self._root, encoding="unicode")

    def _colored(self, **kinds: Shade) -> dict[str, str]:
        for kind, shade in kinds.items():
            self._shades[kind, shade] = None
        colors = {kind: shade.light for kind, shade in kinds.items()}
        classes = " ".join(f"{kind}-{shade.name}" for kind, shade in kinds.items())
        return {**colors, "class": classes}


def _cut(parts: Sequence[str], size: float, room: float, bold: bool) -> list[str]:
    """The parts so far as there is room; the one that does not fit is shortened, the rest left out."""
    shown: list[str] = []
    for part in parts:
        text = shortened(fit(part), size, room, bold=bold) if room > 0 else ""
        shown.append("" if text == ELLIPSIS and shown else text)
        room -= width_of(text, size, bold=bold)
    return shown


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
