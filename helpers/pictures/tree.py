"""A tree of images and tasks: each stands below what it waits for, or comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import markup
from .colors import GOING, GOOD, IDLE, INK, LINE, Tone
from .drawing import Drawing
from .text import fit, width_of

_ROW, _INDENT, _BOX, _MARGIN, _HEAD = 36.0, 30.0, 26.0, 12.0, 34.0  # pixels
_WIDEST = 620.0  # pixels of a box; what is wider is shortened

# Images are square, tasks are round; a task that nothing starts is dashed.
_TONES = {"image": GOOD, "task": GOING, "idle": IDLE}


@dataclass(frozen=True)
class Row:
    """A row of a tree: how deep it is, whether it is an ``image``, a ``task`` or an ``idle`` task."""

    depth: int
    kind: str
    text: str

    @property
    def tone(self) -> Tone:
        """The colours of its kind."""
        return _TONES[self.kind]


@dataclass(frozen=True)
class Tree:
    """Rows in the order of reading: whatever stands deeper belongs to the row above it."""

    title: str
    rows: Sequence[Row]

    def text(self) -> str:
        """A line for each row, with the stems of the tree."""
        lines: list[str] = []
        open_at: list[bool] = []  # whether more follows of that depth
        for number, row in enumerate(self.rows):
            last = self._is_last(number)
            del open_at[row.depth :]
            stem = "".join("│  " if more else "   " for more in open_at[1:])
            branch = ("└─ " if last else "├─ ") if row.depth else ""
            lines.append(f"{stem}{branch}{fit(row.text)}")
            open_at.append(not last)
        return "\n".join(lines)

    def _is_last(self, number: int) -> bool:
        depth = self.rows[number].depth
        for later in self.rows[number + 1 :]:
            if later.depth <= depth:
                return later.depth < depth
        return True

    def html(self) -> str:
        """Lists within lists, which are drawn as boxes where styles are."""
        made = markup.root("div", "tree", markup.TREES, role="group", aria_label=self.title)
        markup.element(made, "p", "title", self.title)
        lists = [markup.element(made, "ul", role="list")]
        items: list[markup.Element] = []
        for row in self.rows:
            del lists[row.depth + 1 :], items[row.depth :]
            if len(lists) <= row.depth:
                lists.append(markup.element(items[-1], "ul", role="list"))
            item = markup.element(lists[row.depth], "li")
            shape = "image" if row.kind == "image" else "task"
            node = markup.element(item, "span", f"node {shape} {row.tone.name}")
            markup.parts(node, (row.text,))
            items.append(item)
        return markup.html(made)

    def svg(self) -> str:
        """An arrow leads from what starts or makes something to that."""
        wide = [min(_WIDEST, width_of(fit(row.text), 13) + 24) for row in self.rows]
        right = max(
            (row.depth * _INDENT + width for row, width in zip(self.rows, wide, strict=True)),
            default=0.0,
        )
        width = max(right + 2 * _MARGIN, width_of(fit(self.title), 14, bold=True) + 2 * _MARGIN + 1)
        drawing = Drawing(
            width, _HEAD + len(self.rows) * _ROW + _MARGIN / 2, self.title, self.text()
        )
        drawing.text(_MARGIN, 22, (self.title,), INK, limit=width - 2 * _MARGIN, size=14, bold=True)
        above: list[int] = []  # the row of the parent, by depth
        for number, row in enumerate(self.rows):
            del above[row.depth :]
            x, y = _MARGIN + row.depth * _INDENT, _HEAD + number * _ROW + (_ROW - _BOX) / 2
            if row.depth:
                stem = x - _INDENT + 14
                start = _HEAD + above[-1] * _ROW + (_ROW + _BOX) / 2
                drawing.path(
                    f"M{stem:.0f} {start:.0f}V{y + _BOX / 2:.0f}H{x - 2:.0f}m-6 -4l6 4l-6 4",
                    LINE,
                    width=1.5,
                )
            tone = row.tone
            radius = 5 if row.kind == "image" else _BOX / 2
            drawing.box(
                x,
                y,
                wide[number],
                _BOX,
                tone.fill,
                edge=tone.edge,
                radius=radius,
                dashed=tone is IDLE,
            )
            drawing.text(x + 12, y + 18, (row.text,), tone.ink, limit=wide[number] - 20)
            above.append(number)
        return drawing.svg()
