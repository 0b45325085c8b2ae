"""A replay as an animated GIF, drawn with Pillow, which comes with the dashboard; no browser."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
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

    # Red, green and blue, 0 to 255.
    Rgb = tuple[int, int, int]

# In pixels.
WIDTH = 500
HEIGHT = 460
MOST_FRAMES = 120
FRAME_MILLISECONDS = 90
LAST_MILLISECONDS = 1600

# Pictures are drawn this many times larger, and reduced, so that edges are smooth.
_SCALE = 2
_FONT_SIZE = 13

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
# Colours of Viridis in the palette of a GIF, which has at most 256 colours.
_VIRIDIS_STEPS = 20


@dataclass(frozen=True, slots=True)
class _Box:
    """A part of the picture, in pixels before they are reduced; y grows downward."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """As Pillow takes them."""
        return self.left, self.top, self.right, self.bottom

    def place(self, right_share: float, up_share: float) -> tuple[float, float]:
        """The place at these shares of the way from left to right, and from bottom to top."""
        x = self.left + right_share * (self.right - self.left)
        y = self.bottom - up_share * (self.bottom - self.top)
        return x, y


# The plane in which the swarm moves, and below it the curve of the loss.
_PLANE = _Box(16 * _SCALE, 42 * _SCALE, (WIDTH - 16) * _SCALE, 360 * _SCALE)
_CURVE = _Box(20 * _SCALE, 402 * _SCALE, (WIDTH - 20) * _SCALE, 444 * _SCALE)


def check_gif_installed() -> None:
    """Raise `ReplayError` where Pillow is not installed."""
    if find_spec("PIL") is None:
        raise ReplayError(
            "A GIF needs Pillow, which is not installed.", remedy="pip install 'shoal[dashboard]'"
        )


def gif(replay: Replay, dark: bool = False) -> bytes:
    """The frames of a replay, over the curve of the global best loss.

    Parameters
    ----------
    replay
        The replay; of a long one at most `MOST_FRAMES` frames are drawn, evenly spaced.
    dark
        Draw on a dark background.

    Raises
    ------
    ReplayError
        Pillow is not installed.
    """
    check_gif_installed()
    from PIL import Image

    places = np.linspace(0, len(replay.frames) - 1, MOST_FRAMES).round().astype(int)
    frames = [replay.frames[place] for place in np.unique(places)]
    drawing = _Drawing(replay, frames, DARK if dark else LIGHT)

    # One palette for all frames, so that no colour flickers.
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in drawing.palette() for part in colour])
    pictures = []
    for number in range(len(frames)):
        picture = drawing.picture(number)
        pictures.append(picture.quantize(palette=palette, dither=Image.Dither.NONE))

    durations = [FRAME_MILLISECONDS] * (len(pictures) - 1) + [LAST_MILLISECONDS]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


class _Drawing:
    """Draws the frames of one replay, all on the same axes."""

    def __init__(self, replay: Replay, frames: Sequence[SwarmSnapshot], colours: Palette) -> None:
        from PIL import ImageFont

        self.replay = replay
        self.scene = scene(frames, replay.metric)
        self.losses = series(frames, replay.metric)["loss"].tolist()
        self.colours = colours
        self.link_colour = _between(colours.surface, colours.muted, 0.4)
        self.font = ImageFont.load_default(_FONT_SIZE * _SCALE)

    def picture(self, number: int) -> Image:
        """The picture of a frame."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), self.colours.surface)
        pen = ImageDraw.Draw(image)
        self._draw_words(pen, number)
        self._draw_plane(pen, number)
        self._draw_curve(pen, number)
        return image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)

    def _draw_words(self, pen: Any, number: int) -> None:
        left = 16
        right = WIDTH - 16
        iteration = self.scene.iterations[number]
        training = f"genome {self.replay.genome.hash}, repeat {self.replay.repeat}"
        self._draw_text(pen, left, 14, f"Iteration {iteration:,}", self.colours.text)
        self._draw_text(pen, right, 14, training, self.colours.muted, "ra")

        loss = self.losses[number]
        loss_text = "" if math.isnan(loss) else f"{loss:.4g}"
        self._draw_text(pen, left, 374, self.scene.shown.best, self.colours.muted)
        self._draw_text(pen, right, 374, loss_text, self.colours.text, "ra")

    def _draw_text(
        self, pen: Any, x: float, y: float, text: str, colour: str, anchor: str = "la"
    ) -> None:
        """Write a text; its anchor "la" is the upper left corner, "ra" the upper right."""
        pen.text((x * _SCALE, y * _SCALE), text, fill=colour, font=self.font, anchor=anchor)

    def _draw_plane(self, pen: Any, number: int) -> None:
        """The swarm: links, then personal bests, then particles, then the global best."""
        drawn = self.scene
        colours = self.colours
        pen.rectangle(_PLANE.corners, outline=colours.grid, width=_SCALE)

        for start, end in drawn.links[number]:
            start_place = self._place(start)
            end_place = self._place(end)
            if start_place and end_place:
                pen.line((*start_place, *end_place), fill=self.link_colour, width=_SCALE)

        for point in drawn.bests[number]:
            place = self._place(point)
            if place:
                _draw_cross(pen, *place, 2.5 * _SCALE, colours.series[0], _SCALE)

        particles = zip(drawn.positions[number], drawn.shades[number], strict=True)
        for point, shade in particles:
            place = self._place(point)
            if place:
                _draw_disc(pen, *place, 4 * _SCALE, _viridis(float(shade)), colours.text)

        place = self._place(drawn.star[number])
        if place:
            _draw_star(pen, *place, 9 * _SCALE, colours.series[1], colours.surface)

    def _place(self, point: Any) -> tuple[float, float] | None:
        """Where a point of the plane is drawn; None for one that there is not."""
        x = float(point[0])
        y = float(point[1])
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        left, right = self.scene.bounds.x
        bottom, top = self.scene.bounds.y
        return _PLANE.place((x - left) / (right - left), (y - bottom) / (top - bottom))

    def _draw_curve(self, pen: Any, number: int) -> None:
        """The global best loss of all frames, and a dot on that of this one."""
        known = [(place, loss) for place, loss in enumerate(self.losses) if not math.isnan(loss)]
        if not known:
            return
        # A mean over all scenarios that were met may get worse again.
        highest = max(loss for _, loss in known)
        lowest = min(loss for _, loss in known)

        line = [self._curve_place(place, loss, lowest, highest) for place, loss in known]
        pen.line(line, fill=self.colours.muted, width=2 * _SCALE)

        loss = self.losses[number]
        if not math.isnan(loss):
            place = self._curve_place(number, loss, lowest, highest)
            colours = self.colours
            _draw_disc(pen, *place, 4 * _SCALE, colours.series[1], colours.surface)

    def _curve_place(
        self, number: int, loss: float, lowest: float, highest: float
    ) -> tuple[float, float]:
        """Where the loss of a frame is drawn; on a logarithmic scale where there can be one."""
        if 0 < lowest < highest:
            up_share = math.log(loss / lowest) / math.log(highest / lowest)
        else:
            up_share = (loss - lowest) / ((highest - lowest) or 1.0)
        return _CURVE.place(number / max(1, len(self.losses) - 1), up_share)

    def palette(self) -> list[Rgb]:
        """The colours that are drawn with, and those of the smooth edges between them."""
        colours = self.colours
        palette = [_rgb(colours.surface)]
        palette += [_viridis(step / (_VIRIDIS_STEPS - 1)) for step in range(_VIRIDIS_STEPS)]
        palette.append(_rgb(colours.grid))
        for ink in (colours.text, colours.muted, colours.series[0], colours.series[1]):
            palette += [_between(colours.surface, ink, share) for share in (0.25, 0.5, 0.75, 1.0)]
        return palette


def _rgb(colour: str) -> Rgb:
    """Of a CSS colour such as #0072b2."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _between(one: str, other: str, share: float) -> Rgb:
    """The colour at that share of the way from one to the other."""
    start = _rgb(one)
    end = _rgb(other)
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _viridis(shade: float) -> Rgb:
    """The colour of a place on the scale, 0 to 1."""
    position = shade * (len(_VIRIDIS) - 1)
    step = min(int(position), len(_VIRIDIS) - 2)
    return _between(_VIRIDIS[step], _VIRIDIS[step + 1], position - step)


def _draw_disc(pen: Any, x: float, y: float, radius: float, fill: Any, edge: str) -> None:
    pen.ellipse(
        (x - radius, y - radius, x + radius, y + radius),
        fill=fill,
        outline=edge,
        width=max(1, _SCALE // 2),
    )


def _draw_cross(pen: Any, x: float, y: float, radius: float, colour: str, width: int) -> None:
    pen.line((x - radius, y - radius, x + radius, y + radius), fill=colour, width=width)
    pen.line((x - radius, y + radius, x + radius, y - radius), fill=colour, width=width)


def _draw_star(pen: Any, x: float, y: float, radius: float, fill: str, edge: str) -> None:
    """A star of five points, one of them up."""
    points = []
    for corner in range(10):
        angle = math.pi * (corner / 5 - 0.5)
        length = radius if corner % 2 == 0 else 0.42 * radius
        points.append((x + length * math.cos(angle), y + length * math.sin(angle)))
    pen.polygon(points, fill=fill, outline=edge, width=_SCALE)
