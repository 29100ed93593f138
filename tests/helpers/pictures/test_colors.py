"""Colours are told apart by everybody: contrast as WCAG 2.2 defines it, in both themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.pictures import Box, Flow, Row, Tree, colors, markup
from helpers.pictures.colors import INK, LINES, PANEL, PAPER, QUIET, TEXTS, TONES, Shade

PAGES = {"light": "#ffffff", "dark": "#111111"}
HELPERS = Path(colors.__file__).parents[1]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    shares = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_measure_is_that_of_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", PAGES)
def test_text_is_legible_on_its_fill_and_on_the_page(theme: str) -> None:
    for text, fill in TEXTS:
        assert contrast(getattr(text, theme), getattr(fill, theme)) >= 4.5, (text, fill)
        assert contrast(getattr(text, theme), PAGES[theme]) >= 4.5, text


@pytest.mark.parametrize("theme", PAGES)
def test_lines_are_told_from_what_they_divide(theme: str) -> None:
    for edge, fill in LINES:
        assert contrast(getattr(edge, theme), getattr(fill, theme)) >= 3, (edge, fill)


def test_no_two_meanings_look_alike() -> None:
    assert len({tone.mark for tone in TONES}) == len(TONES)  # for those who see no colours
    names = [shade.name for shade in shades()]
    assert len(set(names)) == len(names)


def shades() -> Iterator[Shade]:
    yield from colors.SHADES
    for tone in TONES:
        yield from (tone.fill, tone.ink, tone.edge)


def test_every_pair_that_is_drawn_is_measured() -> None:
    """In the style sheets, every ``color`` stands beside a ``background``, or on a known one."""
    measured = {(text.css, fill.css) for text, fill in TEXTS}
    for style in (markup.CHIPS, markup.BOXES, markup.TREES):
        for rule in re.findall(r"\{([^{}]*)\}", style):
            said = dict(re.findall(r"(?:^|;)(color|background):(light-dark\([^)]*\))", rule))
            if "color" in said and "background" in said:
                assert (said["color"], said["background"]) in measured, rule
            elif "color" in said:
                assert said["color"] in {
                    QUIET.css,
                    *(one.css for tone in TONES for one in (tone.edge, tone.ink)),
                }, rule
    flow = Flow("t", [[Box("a", "b", "c", "Failed", (("d",),), gate="gate shut", color="Red")]])
    tree = Tree("t", [Row(0, "image", "a"), Row(1, "task", "b"), Row(1, "idle", "c")])
    fills = {shade.light for shade in shades() if shade.name.endswith("fill")}
    fills |= {PAPER.light, PANEL.light}
    inks = {INK.light, QUIET.light} | {tone.ink.light for tone in TONES}
    for picture in (flow.svg(), tree.svg()):
        assert set(re.findall(r'<text [^>]*fill="([^"]*)"', picture)) <= inks
        assert set(re.findall(r'<rect [^>]*fill="(#[^"]*)"', picture)) <= fills


def test_a_status_has_its_tone() -> None:
    assert colors.tone_of("Succeeded") is colors.GOOD
    assert colors.tone_of("Timeout") is colors.BAD
    assert colors.tone_of("Running") is colors.GOING
    assert colors.tone_of("Canceled") is colors.STOPPED
    assert colors.tone_of("not started") is colors.IDLE
    assert colors.is_status("Failed")
    assert not colors.is_status("failed")


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("Red", True),
        ("#a1B2c3", True),
        ("#abc", False),
        ("red;background:url(//x)", False),
        ("", False),
        ("Red\n", False),
    ],
)
def test_only_a_colour_gets_into_a_style(text: str, fit: bool) -> None:
    assert colors.is_color(text) is fit
