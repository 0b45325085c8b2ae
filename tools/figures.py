"""Draw the figures of docs/concepts: `make figures`. Plain SVG, from what the code does.

The swarm is a run of `shoal.Swarm`, the race follows `shoal.SearchSettings`, and the random numbers
are those of `shoal.numerics.philox`. A test checks that the files are what this program draws.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

import shoal
from shoal.numerics.philox import Purpose, derive_key, normals, uniforms

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "figures"
# Okabe and Ito: safe for colour-blind readers.
BLUE, ORANGE, GREEN, GREY, INK = "#0072b2", "#d55e00", "#009e73", "#8a9499", "#1f2a30"
PALE = "#e8f1f7"


@dataclass
class Drawing:
    """An SVG picture, from top to bottom.

    Attributes
    ----------
    width, height
        In pixels.
    title
        What it shows, for those who hear it.
    """

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A rectangle with round corners."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="4" '
            f'fill="{fill}"/>'
        )

    def circle(self, x: float, y: float, radius: float, fill: str, stroke: str = "none") -> None:
        """A disc."""
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{stroke}"/>'
        )

    def line(
        self, x: float, y: float, x_end: float, y_end: float, stroke: str, width: float = 1.0
    ) -> None:
        """A straight line."""
        self.parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x_end:.1f}" y2="{y_end:.1f}" '
            f'stroke="{stroke}" stroke-width="{width}"/>'
        )

    def arrow(self, x: float, y: float, x_end: float, y_end: float, stroke: str) -> None:
        """A line with a head."""
        self.line(x, y, x_end, y_end, stroke, 1.6)
        direction = np.array([x_end - x, y_end - y])
        direction = direction / max(float(np.hypot(*direction)), 1e-9)
        across = np.array([-direction[1], direction[0]])
        tip = np.array([x_end, y_end])
        corners = [tip, tip - 8 * direction + 4 * across, tip - 8 * direction - 4 * across]
        points = " ".join(f"{corner[0]:.1f},{corner[1]:.1f}" for corner in corners)
        self.parts.append(f'<polygon points="{points}" fill="{stroke}"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        fill: str = INK,
        size: int = 13,
        bold: bool = False,
    ) -> None:
        """A line of text."""
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" '
            f'font-size="{size}"{weight}>{escape(text)}</text>'
        )

    def svg(self) -> str:
        """The file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            'font-family="system-ui, sans-serif">'
        )
        background = f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>'
        parts = [head, f"<title>{escape(self.title)}</title>", background, *self.parts, "</svg>"]
        return "\n".join(parts) + "\n"


def swarm_figure() -> Drawing:
    """A swarm on a valley of two coordinates, at three of its iterations."""
    drawing = Drawing(760, 290, "A swarm at iterations 0, 10 and 40: it gathers at the minimum")
    swarm = shoal.Swarm(bounds=[(-5, 5)] * 2, genome=_small_swarm(), seed=3)
    shown = (0, 10, 40)
    for iteration in range(shown[-1] + 1):
        points = swarm.ask()
        if iteration in shown:
            _draw_swarm(drawing, 20 + 250 * shown.index(iteration), points, iteration)
        swarm.tell(_valley(points))
    return drawing


def _small_swarm() -> shoal.Genome:
    """The literature's swarm with few particles, to be seen one by one."""
    return shoal.named_genome("constriction", swarm_size=16, max_velocity=0.3)


def _valley(points: np.ndarray) -> np.ndarray:
    """A long valley, (n,), whose lowest point is (2, -1)."""
    x, y = points[:, 0] - 2.0, points[:, 1] + 1.0
    return x**2 + 4.0 * (y - 0.3 * x) ** 2


def _draw_swarm(drawing: Drawing, left: float, points: np.ndarray, iteration: int) -> None:
    """One panel of the swarm: contours, particles, the minimum."""
    size, top = 230.0, 44.0
    drawing.text(left, 26, f"iteration {iteration}", bold=True)
    drawing.rectangle(left, top, size, size, "#f6f9fb")
    cells = 28
    step = 10.0 / cells
    levels = np.array([0.5, 2.0, 6.0, 14.0, 30.0])
    shades = ["#bcd9ea", "#cfe3ef", "#dcebf3", "#e7f1f7", "#f0f6fa"]
    for row in range(cells):
        for column in range(cells):
            point = np.array([[-5 + (column + 0.5) * step, 5 - (row + 0.5) * step]])
            level = int(np.searchsorted(levels, _valley(point)[0]))
            if level < len(levels):
                side = size / cells
                drawing.parts.append(
                    f'<rect x="{left + column * side:.1f}" y="{top + row * side:.1f}" '
                    f'width="{side + 0.3:.1f}" height="{side + 0.3:.1f}" fill="{shades[level]}"/>'
                )
    for x, y in points:
        drawing.circle(left + (x + 5) / 10 * size, top + (5 - y) / 10 * size, 4, BLUE, "#ffffff")
    drawing.circle(left + 0.7 * size, top + 0.6 * size, 7, "none", ORANGE)


def forces_figure() -> Drawing:
    """The pulls on one particle, and the step that they add up to."""
    drawing = Drawing(760, 250, "Inertia and three pulls add up to a particle's next step")
    particle = np.array([150.0, 175.0])
    own = np.array([250.0, 70.0])
    informant = np.array([430.0, 90.0])
    best = np.array([520.0, 190.0])
    inertia = np.array([60.0, 30.0])
    pulls = [0.35 * (own - particle), 0.25 * (informant - particle), 0.12 * (best - particle)]

    named = ((own, "its own best"), (informant, "the best informant"), (best, "the best of all"))
    for target, name in named:
        drawing.line(*particle, *target, "#d5dde1")
        drawing.circle(*target, 6, ORANGE)
        drawing.text(target[0] + 12, target[1] + 4, name)
    drawing.circle(*particle, 7, BLUE)
    drawing.text(particle[0], particle[1] + 50, "a particle: one network", anchor="middle")

    position = particle
    for move, colour in ((inertia, GREY), *((pull, GREEN) for pull in pulls)):
        drawing.arrow(*position, *(position + move), colour)
        position = position + move
    drawing.arrow(*particle, *position, BLUE)
    drawing.text(position[0] + 10, position[1] + 18, "where it goes", fill=BLUE, bold=True)
    drawing.text(540, 28, "grey: inertia, it goes on", fill=GREY)
    drawing.text(540, 48, "green: three pulls, each with", fill=GREEN)
    drawing.text(540, 66, "a random strength", fill=GREEN)
    return drawing


def genome_figure() -> Drawing:
    """A genome: a swarm's values, and the layers of the network that it trains."""
    drawing = Drawing(760, 270, "A genome: the settings of a swarm and the shape of a network")
    genome = shoal.named_genome("competitive", hidden_layers=(5, 3))
    drawing.rectangle(20, 20, 330, 230, PALE)
    drawing.text(36, 46, "the swarm", bold=True)
    values = {
        "swarm_size": genome.swarm_size,
        "update_rule": genome.update_rule,
        "inertia_weight": genome.inertia_weight,
        "social_weight": genome.social_weight,
        "max_velocity": genome.max_velocity,
        "max_position": genome.max_position,
        "weight_scale": genome.weight_scale,
    }
    for row, (name, value) in enumerate(values.items()):
        drawing.text(36, 76 + 24 * row, name)
        shown = value if isinstance(value, str) else f"{value:g}"
        drawing.text(334, 76 + 24 * row, shown, anchor="end", fill=BLUE)

    drawing.rectangle(370, 20, 370, 230, PALE)
    drawing.text(386, 46, f"the network: hidden_layers = {genome.hidden_layers}", bold=True)
    _draw_network(drawing, (4, *genome.hidden_layers, 1), 410, 300)
    drawing.text(410, 240, "inputs", anchor="middle", size=12)
    drawing.text(710, 240, "output", anchor="middle", size=12)
    return drawing


def _draw_network(drawing: Drawing, layers: tuple[int, ...], left: float, width: float) -> None:
    """Neurons and connections of a network, from left to right."""
    columns = np.linspace(left, left + width, len(layers))
    places = []
    for x, size in zip(columns, layers, strict=True):
        places.append([(float(x), 140.0 + 32.0 * (n - (size - 1) / 2)) for n in range(size)])
    for before, after in pairwise(places):
        colour = GREEN if after is places[-1] else "#aebac0"
        for start in before:
            for end in after:
                drawing.line(*start, *end, colour)
    for layer in places:
        for x, y in layer:
            drawing.circle(x, y, 8, BLUE, "#ffffff")


def solved_figure() -> Drawing:
    """Which weights the swarm finds, and which are solved."""
    drawing = Drawing(760, 270, "The swarm finds hidden layers; the output layer is solved")
    _draw_network(drawing, (4, 6, 1), 50, 420)
    drawing.text(155, 30, "the swarm finds these weights", anchor="middle", fill=GREY, bold=True)
    drawing.text(400, 30, "least squares solves these", anchor="middle", fill=GREEN, bold=True)
    drawing.text(50, 250, "inputs", anchor="middle")
    drawing.text(260, 264, "hidden neurons", anchor="middle")
    drawing.text(470, 250, "output", anchor="middle")
    particles = shoal.named_genome("solved")
    drawing.text(530, 110, "A particle holds the hidden")
    drawing.text(530, 128, "layers only. The default has")
    drawing.text(530, 146, f"{particles.hidden_layers[0]} hidden neurons.")
    return drawing


def race_figure() -> Drawing:
    """Successive halving: how many genomes are trained how often, rung by rung."""
    settings = shoal.SearchSettings()
    rungs = settings.schedule.rungs
    drawing = Drawing(760, 320, "Successive halving: the better half is trained again, for longer")
    genomes = settings.population
    drawing.text(20, 28, f"{genomes} genomes of one generation", bold=True)
    left = 170.0
    width = (740.0 - left) / sum(settings.growth**rung for rung in range(len(rungs)))
    for rung, repeats in enumerate(rungs):
        length = width * settings.growth**rung
        survivors = max(1, genomes // 2**rung)
        drawing.text(left + 4, 50, f"to {repeats} repeats" if rung else "1 repeat", size=12)
        for row in range(survivors):
            fill = BLUE if row < max(1, genomes // 2 ** (rung + 1)) else "#9cc3dc"
            drawing.rectangle(left + 4, 60 + 20 * row, length - 8, 14, fill)
        left += length
    for row in range(genomes):
        drawing.text(150, 72 + 20 * row, f"genome {row + 1}", anchor="end", size=12)
    drawing.text(170, 312, "dark: goes on to the next rung; width: how long a training is", size=12)
    return drawing


def confirmation_figure() -> Drawing:
    """Why the best of many looks too good, and what a confirmation does about it."""
    title = "The best of many scores is too good; fresh repeats say by how much"
    drawing = Drawing(760, 300, title)
    truth = 80.0
    noise = 4.0 * _normals(seed=5, count=24)
    scores = truth + noise
    best = float(scores.max())
    fresh = truth + 4.0 * _normals(seed=6, count=6)
    low, high = 68.0, 92.0

    def place(score: float) -> float:
        return 60 + (score - low) / (high - low) * 660

    drawing.text(60, 34, "24 equally good genomes, one noisy score each", bold=True)
    for number, score in enumerate(scores):
        drawing.circle(place(float(score)), 60 + 12 * (number % 5), 5, "#9cc3dc")
    drawing.circle(place(best), 60 + 12 * (int(scores.argmax()) % 5), 6, ORANGE)
    drawing.text(place(best) - 4, 140, f"the search picks {best:.1f}", anchor="middle", fill=ORANGE)

    drawing.text(60, 184, "the same genome on fresh random numbers", bold=True)
    for number, score in enumerate(fresh):
        drawing.circle(place(float(score)), 206 + 9 * (number % 3), 5, GREEN)
    mean = float(fresh.mean())
    drawing.line(place(mean), 196, place(mean), 236, GREEN, 2)
    drawing.text(place(mean), 254, f"mean {mean:.1f}", anchor="middle", fill=GREEN)
    drawing.line(place(truth), 50, place(truth), 270, GREY)
    drawing.text(place(truth), 288, f"the truth: {truth:.0f}", anchor="middle", fill=GREY)
    return drawing


def _normals(seed: int, count: int) -> np.ndarray:
    """Normal numbers of a counter, (count,)."""
    return normals(derive_key(seed=seed, stream=0), Purpose.POSITION, 1, count)[0]


def counter_figure() -> Drawing:
    """Random numbers as a function of a counter, computed again after a crash."""
    drawing = Drawing(760, 260, "A random number follows from its counter, whoever computes it")
    key = derive_key(seed=0, stream=1)
    numbers = [float(uniforms(key, Purpose.POSITION, n, 1, 1)[0, 0]) for n in range(6)]
    for row, (title, first, colour) in enumerate(
        (
            ("one process, without a pause", 0, BLUE),
            ("crash after the second; another machine goes on", 2, GREEN),
        )
    ):
        top = 30 + 110 * row
        drawing.text(20, top, title, bold=True)
        for index, number in enumerate(numbers):
            x = 20 + 122 * index
            is_lost = row == 1 and index < first
            drawing.rectangle(x, top + 14, 112, 46, "#eef1f3" if is_lost else PALE)
            fill = GREY if is_lost else colour
            drawing.text(
                x + 56, top + 33, f"iteration {index}", anchor="middle", size=12, fill=GREY
            )
            drawing.text(x + 56, top + 51, f"{number:.6f}", anchor="middle", fill=fill)
        if row == 1:
            drawing.line(20 + 122 * first - 5, top + 6, 20 + 122 * first - 5, top + 68, ORANGE, 2.5)
    said = "The last four numbers are equal to the bit: nothing was drawn from a state."
    drawing.text(20, 240, said)
    return drawing


FIGURES = {
    "swarm": swarm_figure,
    "forces": forces_figure,
    "genome": genome_figure,
    "solved": solved_figure,
    "race": race_figure,
    "confirmation": confirmation_figure,
    "counter": counter_figure,
}


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description="Draw the figures of docs/concepts.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder (default: %(default)s)")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
