"""A replay as a GIF: drawn with Pillow, which comes with the dashboard, and no browser."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.errors import ReplayError
from shoal.presentation.palette import DARK, LIGHT, Palette
from shoal.presentation.swarm_scene import scene, series
from shoal.pso.snapshot import SwarmSnapshot
from shoal.replay.recorder import Replay

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 500, 460  # pixels
MOST_FRAMES = 120
FRAME_MILLISECONDS, LAST_MILLISECONDS = 90, 1600
_SCALE = 2  # drawn larger, and reduced: smooth edges
_PLANE = (16, 42, WIDTH - 16, 360)  # left, top, right, bottom
_CURVE = (20, 402, WIDTH - 20, 444)
# Plotly's Viridis, the lowest loss first, as in the page's figure.
_VIRIDIS = (
    "#fde725",
    "#b5de2b",
    "#6ece58",
    "#35b779",
    "#1f9e89",
    "#26828e",
    "#31688e",
    "#3e4989",
    "#482878",
    "#440154",
)


def check_gif_installed() -> None:
    """Raises `ReplayError` where there is no Pillow."""
    if find_spec("PIL") is None:
        raise ReplayError(
            "A GIF needs Pillow, which is not installed.", remedy="pip install 'shoal[dashboard]'"
        )


def gif(replay: Replay, dark: bool = False) -> bytes:
    """The replay's frames, at most `MOST_FRAMES` of them, over the curve of the global best loss.

    Raises `ReplayError` where Pillow is not installed.
    """
    check_gif_installed()
    from PIL import Image

    chosen = np.unique(np.linspace(0, len(replay.frames) - 1, MOST_FRAMES).round().astype(int))
    frames = [replay.frames[i] for i in chosen]
    drawing = _Drawing(replay, frames, DARK if dark else LIGHT)
    pictures = [drawing.picture(n) for n in range(len(frames))]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in drawing.palette() for part in colour])
    few = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    durations = [FRAME_MILLISECONDS] * (len(few) - 1) + [LAST_MILLISECONDS]
    few[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=few[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


class _Drawing:
    """Draws the frames of one replay, all on the same axes."""

    def __init__(self, replay: Replay, frames: Sequence[SwarmSnapshot], colours: Palette) -> None:
        from PIL import ImageFont

        self.replay, self.scene, self.colours = replay, scene(frames), colours
        self.font = ImageFont.load_default(13 * _SCALE)
        self.losses = series(frames)["loss"].tolist()
        self.faint = _between(colours.surface, colours.muted, 0.4)  # of links

    def picture(self, n: int) -> Image:
        """Frame ``n``."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), self.colours.surface)
        pen = ImageDraw.Draw(image)
        self._words(pen, n)
        self._plane(pen, n)
        self._curve(pen, n)
        return image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)

    def _words(self, pen: Any, n: int) -> None:
        frame, loss = self.scene.iterations[n], self.losses[n]
        about = f"genome {self.replay.genome.hash}, repeat {self.replay.repeat}"
        self._text(pen, 16, 14, f"Iteration {frame:,}", self.colours.text)
        self._text(pen, WIDTH - 16, 14, about, self.colours.muted, "ra")
        self._text(pen, 16, 374, "Global best loss", self.colours.muted)
        self._text(
            pen, WIDTH - 16, 374, "" if math.isnan(loss) else f"{loss:.4g}", self.colours.text, "ra"
        )

    def _text(
        self, pen: Any, x: float, y: float, text: str, colour: str, anchor: str = "la"
    ) -> None:
        pen.text((x * _SCALE, y * _SCALE), text, fill=colour, font=self.font, anchor=anchor)

    def _plane(self, pen: Any, n: int) -> None:
        drawn, colours = self.scene, self.colours
        left, top, right, bottom = (edge * _SCALE for edge in _PLANE)
        pen.rectangle((left, top, right, bottom), outline=colours.grid, width=_SCALE)

        def place(point: Any) -> tuple[float, float] | None:
            (x0, x1), (y0, y1) = drawn.bounds.x, drawn.bounds.y
            x, y = (float(v) for v in point)
            if not (math.isfinite(x) and math.isfinite(y)):
                return None
            return left + (x - x0) / (x1 - x0) * (right - left), bottom - (y - y0) / (y1 - y0) * (
                bottom - top
            )

        for start, end in drawn.links[n]:
            if (a := place(start)) and (b := place(end)):
                pen.line((*a, *b), fill=self.faint, width=_SCALE)
        for point in drawn.bests[n]:
            if at := place(point):
                _cross(pen, *at, 2.5 * _SCALE, colours.series[0], _SCALE)
        for point, shade in zip(drawn.positions[n], drawn.shades[n], strict=True):
            if at := place(point):
                _disc(pen, *at, 4 * _SCALE, _colour(float(shade)), colours.text)
        if at := place(drawn.star[n]):
            _star(pen, *at, 9 * _SCALE, colours.series[1], colours.surface)

    def _curve(self, pen: Any, n: int) -> None:
        left, top, right, bottom = (edge * _SCALE for edge in _CURVE)
        known = [(i, loss) for i, loss in enumerate(self.losses) if not math.isnan(loss)]
        if not known:
            return
        high, low = known[0][1], known[-1][1]
        log = 0 < low < high

        def place(i: int, loss: float) -> tuple[float, float]:
            share = (
                math.log(loss / low) / math.log(high / low)
                if log
                else (loss - low) / ((high - low) or 1.0)
            )
            return left + i / max(1, len(self.losses) - 1) * (right - left), bottom - share * (
                bottom - top
            )

        pen.line([place(*point) for point in known], fill=self.colours.muted, width=2 * _SCALE)
        if not math.isnan(self.losses[n]):
            _disc(
                pen,
                *place(n, self.losses[n]),
                4 * _SCALE,
                self.colours.series[1],
                self.colours.surface,
            )

    def palette(self) -> list[tuple[int, int, int]]:
        """The colours that it draws with, and the smooth edges between them."""
        c = self.colours
        colours = [_rgb(c.surface), *(_colour(n / 19) for n in range(20))]
        colours.append(_rgb(c.grid))
        for ink in (c.text, c.muted, c.series[0], c.series[1]):
            colours += [_between(c.surface, ink, share) for share in (0.25, 0.5, 0.75, 1.0)]
        return colours


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _between(one: str, other: str, share: float) -> tuple[int, int, int]:
    """The colour at that share of the way from one to the other."""
    red, green, blue = (
        round(a + share * (b - a)) for a, b in zip(_rgb(one), _rgb(other), strict=True)
    )
    return red, green, blue


def _colour(shade: float) -> tuple[int, int, int]:
    """Viridis at a place from 0 to 1."""
    at = shade * (len(_VIRIDIS) - 1)
    low = min(int(at), len(_VIRIDIS) - 2)
    return _between(_VIRIDIS[low], _VIRIDIS[low + 1], at - low)


def _disc(pen: Any, x: float, y: float, radius: float, fill: Any, edge: str) -> None:
    pen.ellipse(
        (x - radius, y - radius, x + radius, y + radius),
        fill=fill,
        outline=edge,
        width=max(1, _SCALE // 2),
    )


def _cross(pen: Any, x: float, y: float, radius: float, colour: str, width: int) -> None:
    pen.line((x - radius, y - radius, x + radius, y + radius), fill=colour, width=width)
    pen.line((x - radius, y + radius, x + radius, y - radius), fill=colour, width=width)


def _star(pen: Any, x: float, y: float, radius: float, fill: str, edge: str) -> None:
    turns = [math.pi * (n / 5 - 0.5) for n in range(10)]
    lengths = [radius, 0.42 * radius] * 5
    points = [
        (x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(turns, lengths, strict=True)
    ]
    pen.polygon(points, fill=fill, outline=edge, width=_SCALE)
