"""HTML that keeps its order and its words where styles are taken away, in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from .colors import (
    BAD,
    GOOD,
    IDLE,
    INK,
    LINE,
    PANEL,
    PAPER,
    QUIET,
    STOPPED,
    TONES,
    Tone,
    is_color,
    tone_of,
)
from .drawing import CLASS
from .text import Since, Volatile, fit

# Which scheme holds: what the page says (JupyterLab, VS Code, the site's theme), else the reader's.
SCHEMES = (
    f".{CLASS}{{color-scheme:light dark}}"
    f'[data-jp-theme-light="true"] .{CLASS},[data-theme="light"] .{CLASS},'
    f".vscode-light .{CLASS}{{color-scheme:light}}"
    f'[data-jp-theme-light="false"] .{CLASS},[data-theme="dark"] .{CLASS},'
    f".vscode-dark .{CLASS}{{color-scheme:dark}}"
)
CHIPS = (
    f".{CLASS} .chip{{display:inline-block;padding:0 .5em;border-radius:1em;font-weight:600;"
    f"margin:.15em .4em .15em 0;background:{IDLE.fill.css};color:{IDLE.ink.css}}}"
    + "".join(
        f".{CLASS} .chip.{tone.name}{{background:{tone.fill.css};color:{tone.ink.css}}}"
        for tone in TONES
        if tone is not IDLE
    )
    # On paper, too: text that stands on a fill needs it.
    + f".{CLASS} *{{print-color-adjust:exact}}"
)
SWATCHES = (
    f".{CLASS} .swatch{{display:inline-block;width:.9em;height:.9em;border-radius:.2em;"
    f"border:1px solid {LINE.css};vertical-align:-.1em;margin-right:.35em}}"
)
BOXES = (
    f"{SWATCHES}"
    f".{CLASS}.flow{{background:{PAPER.css};color:{INK.css};padding:.6em;border-radius:.5em;"
    f"font-size:13px;line-height:1.45}}"
    f".{CLASS}.flow .stop{{display:none}}"
    f".{CLASS}.flow .title{{font-weight:600;margin:0 0 .5em}}"
    f".{CLASS}.flow ol,.{CLASS}.flow ul{{list-style:none;margin:0;padding:0}}"
    f".{CLASS}.flow ol{{display:flex;flex-wrap:wrap;gap:.6em 0;align-items:stretch}}"
    f".{CLASS}.flow ol>li{{display:flex;align-items:stretch;flex:1 1 13em;min-width:0;"
    f"max-width:21em;margin:0}}"
    f".{CLASS}.flow ul{{flex:1;min-width:0;display:grid;gap:.6em}}"
    f".{CLASS}.flow ol>li:not(:last-child)::after{{content:'→';flex:none;width:1.4em;align-self:center;"
    f"text-align:center;font-size:150%;color:{QUIET.css}}}"
    f".{CLASS}.flow ol>li.passes::after{{color:{GOOD.edge.css}}}"
    f".{CLASS}.flow ol>li.shut::after{{content:'⊣';color:{BAD.edge.css}}}"
    f".{CLASS}.flow .box{{flex:1;min-width:0;box-sizing:border-box;background:{PANEL.css};"
    f"border:2px solid {LINE.css};border-radius:.5em;padding:.5em .8em;margin:0;"
    "overflow-wrap:anywhere}"
    + "".join(f".{CLASS}.flow .box.{tone.name}{{border-color:{tone.edge.css}}}" for tone in TONES)
    + f".{CLASS}.flow .box.idle{{border-style:dashed}}"
    "@media (prefers-reduced-motion:no-preference){"
    f".{CLASS}.flow .going .chip>:first-child{{animation:cloud-picture-pulse 1.2s infinite}}"
    "@keyframes cloud-picture-pulse{50%{opacity:.25}}}"
    f".{CLASS}.flow .more{{margin-top:.5em;gap:.1em}}"
    f".{CLASS}.flow .line{{display:block}}"
    f".{CLASS}.flow .quiet{{color:{QUIET.css}}}"
    f".{CLASS}.flow .problem{{background:{STOPPED.fill.css};color:{STOPPED.ink.css};"
    "padding:.3em .6em;border-radius:.3em;margin:0 0 .5em}"
)
TREES = (
    f".{CLASS}.tree{{background:{PAPER.css};color:{INK.css};padding:.6em;border-radius:.5em;"
    f"font-size:13px}}"
    f".{CLASS}.tree .title{{font-weight:600;margin:0 0 .4em}}"
    f".{CLASS}.tree ul{{list-style:none;margin:0;padding:0}}"
    f".{CLASS}.tree ul ul{{margin-left:.9em;padding-left:1em;border-left:1.5px solid {LINE.css}}}"
    f".{CLASS}.tree .node{{display:inline-block;margin:.2em 0;padding:.1em .7em;"
    f"border:1.5px solid {LINE.css};border-radius:.4em;background:{PANEL.css};"
    "overflow-wrap:anywhere}"
    + "".join(
        f".{CLASS}.tree .node.{tone.name}{{background:{tone.fill.css};color:{tone.ink.css};"
        f"border-color:{tone.edge.css}}}"
        for tone in TONES
    )
    + f".{CLASS}.tree .node.task{{border-radius:1em}}.{CLASS}.tree .node.idle{{border-style:dashed}}"
)

FACTS = (
    f".{CLASS}.facts{{background:{PAPER.css};color:{INK.css};padding:.4em .6em;font-size:13px;"
    "border-radius:.5em}"
    f".{CLASS}.facts .title{{font-weight:600;margin:0 0 .3em}}"
    f".{CLASS}.facts table{{border-collapse:collapse;margin:0;border:0;font-size:13px}}"
    f".{CLASS}.facts tr,.{CLASS}.facts th,.{CLASS}.facts td{{background:{PAPER.css};color:{INK.css};"
    "border:0;vertical-align:top;padding:.2em 1em .2em 0;max-width:none}"
    f".{CLASS}.facts th{{color:{QUIET.css};white-space:nowrap;font-weight:600}}"
    f".{CLASS}.facts td{{overflow-wrap:anywhere;white-space:normal}}"
    f".{CLASS}.facts .problem{{background:{STOPPED.fill.css};color:{STOPPED.ink.css};"
    "padding:.3em .6em;border-radius:.3em;margin:0 0 .5em}"
)

VERDICTS = (
    f".{CLASS}.verdict{{max-width:50em;padding:.5em .8em;border-left:4px solid;font-size:13px;"
    "line-height:1.5}"
    f".{CLASS}.verdict p{{margin:0}}.{CLASS}.verdict .title{{font-weight:600}}"
    + "".join(
        f".{CLASS}.verdict.{tone.name}{{background:{tone.fill.css};color:{tone.ink.css};"
        f"border-color:{tone.edge.css}}}"
        for tone in TONES
    )
)

Element = ElementTree.Element


def element(
    parent: Element | None, tag: str, kind: str = "", text: str = "", **more: str
) -> Element:
    """A new element in ``parent``, with its class; text of strangers becomes text and nothing else."""
    attributes = {"class": kind} if kind else {}
    attributes.update(
        {name.rstrip("_").replace("_", "-"): fit(text) for name, text in more.items()}
    )
    made = Element(tag, attributes)
    if parent is not None:
        parent.append(made)
    if text:
        made.text = fit(text)
    return made


def root(tag: str, kind: str, style: str, **more: str) -> Element:
    """The element that holds a picture, with the style sheet that it needs."""
    made = element(None, tag, f"{CLASS} {kind}".strip(), **more)
    element(made, "style", "", SCHEMES + style)
    return made


def parts(parent: Element, texts: Sequence[str]) -> None:
    """The parts of a line, each isolated: letters of another direction turn nothing else around."""
    for one in texts:
        made = element(parent, "bdi", "volatile" if isinstance(one, Volatile) else "", one)
        if isinstance(one, Since):
            made.set("data-since", one.start.isoformat())


def chip(parent: Element, text: str, tone: Tone | None = None) -> None:
    """A status, with its mark, on a fill of its own."""
    tone = tone or tone_of(text)
    made = element(parent, "span", f"chip {tone.name}")
    element(made, "span", "", f"{tone.mark} ", aria_hidden="true")
    element(made, "bdi", "", text)


def swatch(parent: Element, color: str) -> None:
    """A small square of a colour, if it is one; it says nothing that the text does not say."""
    if is_color(color):
        style = f"background:{color}"
        element(parent, "span", "swatch", style=style, aria_hidden="true")


def html(made: Element) -> str:
    """The text of what was made."""
    return ElementTree.tostring(made, encoding="unicode", method="html")
