"""report.html of a run that solves a simulation: the policy, its scores, and what it does.

It is written from the record alone: no simulation is imported for it but for the episode, which
somebody else lets act (`PolicyReport.episode`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.known_scores import ReferenceScore, reference_scores
from shoal.analysis.score_rows import confidence_text
from shoal.analysis.simple_methods import reference_lines
from shoal.analysis.summary import Summary
from shoal.export.html import Html, join, table, tag
from shoal.export.report_page import document
from shoal.export.report_scores import (
    card,
    history_section,
    leaders_section,
    scores_section,
    trainings_text,
)
from shoal.export.report_sections import (
    code_note,
    commands_section,
    facts_list,
    first_replay,
    genome_section,
    search_text,
    values_section,
)
from shoal.export.report_work import STEPS, score_by_work, work_section
from shoal.export.svg_lines import MOST_DOTS, MOST_LINES, episode_dots, line_chart
from shoal.numerics.stats import ci95_half_width, mean
from shoal.presentation.formatting import (
    count_text,
    duration,
    gene_text,
    metric_heading,
    score_text,
    score_with_spread,
)
from shoal.problems.evaluation import Evaluation
from shoal.problems.simulation import NORMALISATION
from shoal.replay.episodes import Episode
from shoal.settings.phase import Phase
from shoal.store import RunView
from shoal.tuning.champion import Champion

_HEADS = ("All its policies", "The one that acts")
# Scenarios of the settings: "4, new ones in each iteration".
_FRESH = {True: "new ones in each iteration", False: "the same in all iterations"}
_USE = """from policy import load_policy

policy = load_policy("{folder}")
{line}  # {names}"""


@dataclass(frozen=True)
class PolicyReport:
    """What the report on a simulation says.

    Attributes
    ----------
    summary
        The run.
    champion
        Its champion; of a run that has not ended, the best genome so far with trained policies.
    table
        All evaluations.
    evaluations
        The same as records, which know the simulated steps.
    episode
        What the policy did in the first scenario of the test; or why that is not known.
    """

    summary: Summary
    champion: Champion
    table: EvaluationTable
    evaluations: Sequence[Evaluation]
    episode: Episode | str

    def html(self) -> str:
        """The document: no script, and nothing that is loaded from anywhere."""
        run = self.summary.run
        genome = self.champion.genome
        longer = run.settings.final_factor
        leader = self.summary.leader
        top = [
            self._cards(),
            tag("p", confidence_text(self.champion, longer, kind=run.kind, leader=leader)),
        ]
        sections = {
            "What was searched": self._facts(),
            "How it went": history_section(self.summary, self.table, reference_lines(run)),
            "Score by simulated steps": self._by_steps(),
            "What it is worth": self._worth(),
            "An episode": self._episode(),
            "The policy": genome_section(genome, run.settings.space, _ends(run)),
            "The leading genomes": leaders_section(
                self.table, genome.hash, confirmed=self.summary.run.state == "finished"
            ),
            "How to use it": _use_section(run),
            "The same again": self._again(),
            "Settings": self._settings(),
        }
        return document(run, top, sections)

    def _cards(self) -> Html:
        """The scores in large figures; that of the policy that acts stands out."""
        champion = self.champion
        metric = champion.metric
        scores = champion.selection_scores
        half = ci95_half_width(scores)
        cards = [card("Search", champion.score, half, metric, trainings_text(len(scores)))]

        confirmation = champion.confirmation
        if confirmation:
            about = f"{trainings_text(len(confirmation.scores))} on unused random streams"
            half = ci95_half_width(confirmation.scores)
            cards.append(card("Confirmation", confirmation.score, half, metric, about))

        policies = len(champion.weights)
        single = champion.scores.test
        if single is not None and policies > 1:
            about = f"mean of {policies} policies"
            cards.append(card("Test", single[metric.name], None, metric, about))
        acting = champion.ensemble.test
        if acting is not None:
            half = ci95_half_width(champion.episodes)
            about = f"{self._test_scenarios():,} scenarios that the search did not use"
            title = "Test, the policy that acts"
            cards.append(card(title, acting[metric.name], half, metric, about, highlight=True))
        return tag("dl", *cards, class_="cards")

    def _test_scenarios(self) -> int:
        return len(self.champion.episodes) or self.summary.run.settings.test_scenarios

    # ---- What was searched -----------------------------------------------------------------------

    def _facts(self) -> Html:
        run = self.summary.run
        settings = run.settings
        record = run.problem or {}
        ends = _ends(run)
        policy = "" if ends is None else f"observes {ends[0]}, answers {ends[1]}"
        options = [f"{name} {gene_text(value)}" for name, value in _options(run).items()]

        trainings = f"{run.evaluations:,}, of {run.iterations:,} iterations together"
        fresh = _FRESH[settings.fresh_scenarios]
        facts = {
            "Simulation": str(record.get("reference", run.dataset)),
            "Options": ", ".join(options),
            "Policy": policy,
            "Score": metric_heading(run.metric),
            "Scenarios": (
                f"{settings.scenarios:,} of an iteration, {fresh}; "
                f"{settings.validation_scenarios:,} to compare trainings, "
                f"{self._test_scenarios():,} of the test, all disjoint"
            ),
            "Search": search_text(settings),
            "Generations": f"{run.generations:,} of {settings.generations:,}",
            "Trainings": f"{trainings}, in {duration(run.seconds)}",
            "Simulated": _simulated_text(self.evaluations),
        }
        return facts_list({name: text for name, text in facts.items() if text})

    # ---- Scores ----------------------------------------------------------------------------------

    def _by_steps(self) -> Html:
        """The best score of each generation by the steps that were simulated up to its end."""
        points = score_by_work(self.summary.generations, self.evaluations, STEPS)
        return work_section(points, self.summary.run.metric, STEPS)

    def _worth(self) -> Html:
        run = self.summary.run
        champion = self.champion
        metric = champion.metric
        parts = [scores_section(champion, self.summary.competing_runs, _HEADS, run.kind)]
        if champion.episodes:
            episodes = champion.episodes
            average = mean(episodes)
            half = ci95_half_width(episodes)
            title = metric_heading(metric)
            text = (
                f"Each dot is an episode of the policy that acts, in a scenario of the test. The "
                f"mean of all {len(episodes):,} is {score_with_spread(average, half, metric)}."
            )
            if len(episodes) > MOST_DOTS:
                text += f" The first {MOST_DOTS:,} are drawn."
            parts += [episode_dots(episodes, average, half, metric, title), tag("p", text)]

        references = reference_scores(run)
        if references:
            parts.append(self._references(references))
        return join(*parts)

    def _references(self, references: Sequence[ReferenceScore]) -> Html:
        """What others reach, and this policy among them."""
        metric = self.champion.metric
        tested = self.champion.ensemble.test
        lines = []
        for known in references:
            steps = "" if known.steps is None else count_text(known.steps)
            source = tag("span", known.source, class_="why")
            lines.append(
                (known.score, [known.label, score_text(known.score, metric), steps, source])
            )
        if tested is not None:
            score = tested[metric.name]
            steps = _steps_of_training(self.evaluations, self.champion)
            about = tag("span", "this run; steps of one training", class_="why")
            own = score_with_spread(score, ci95_half_width(self.champion.episodes), metric)
            lines.append((score, ["The policy that acts", own, steps, about]))

        lines.sort(key=lambda line: metric.fitness(line[0]), reverse=True)
        place = [cells[0] for _, cells in lines].index("The policy that acts") if tested else None
        head = ("What others reach", metric.label, "Simulated steps", "Source")
        return table(head, [cells for _, cells in lines], kind="references", highlight=place)

    # ---- The policy ------------------------------------------------------------------------------

    def _episode(self) -> Html:
        """What the policy observed and what it answered, step by step."""
        episode = self.episode
        if isinstance(episode, str):
            return tag("p", episode, class_="note")

        metric = self.champion.metric
        parts = []
        for title, columns in (
            ("It observes", episode.observations),
            ("It answers", episode.actions),
        ):
            lines = _lines(columns)
            if lines:
                parts += [tag("p", f"{title}:"), line_chart(lines, "Step")]
        kept = len(next(iter(episode.actions.values()), ()))
        text = (
            f"The first scenario of the test: {episode.steps:,} steps, score "
            f"{score_text(episode.score, metric)}."
        )
        if kept < episode.steps:
            text += f" The first {kept:,} steps are drawn."
        most = max(len(episode.observations), len(episode.actions))
        if most > MOST_LINES:
            text += f" Of {most} numbers the first {MOST_LINES} are drawn."
        return join(*parts, tag("p", text, class_="note"))

    def _again(self) -> Html:
        run = self.summary.run
        commands = {
            "The same search, with the same result hash:": "shoal run --settings settings.toml",
            "One of the champion's trainings, compared bit for bit:": first_replay(
                run, self.champion.genome, self.table
            ),
            "The policy in new scenarios, from the exported folder:": "shoal play FOLDER",
        }
        section = commands_section(run, commands)
        return join(section, code_note(run.problem or {}))

    def _settings(self) -> Html:
        run = self.summary.run
        options = {f"simulation {name}": value for name, value in _options(run).items()}
        return values_section({**run.settings.to_dict(), **options})


def _simulated_text(evaluations: Sequence[Evaluation]) -> str:
    steps = sum(STEPS.of(evaluation) for evaluation in evaluations)
    episodes = 0.0
    for evaluation in evaluations:
        if evaluation.scores is not None:
            episodes += evaluation.scores.train.others.get("episodes", 0.0)
    if not steps:
        return ""
    return f"{count_text(steps)} steps in {count_text(episodes)} episodes, all trainings together"


def _steps_of_training(evaluations: Sequence[Evaluation], champion: Champion) -> str:
    """Simulated steps of the longest kind of training of the champion's genome, on average."""
    steps = []
    for evaluation in evaluations:
        if evaluation.task.genome == champion.genome and STEPS.of(evaluation):
            steps.append((evaluation.task.phase is Phase.CONFIRMATION, STEPS.of(evaluation)))
    if not steps:
        return ""
    last = max(confirmed for confirmed, _ in steps)
    return count_text(mean([count for confirmed, count in steps if confirmed == last]))


def _ends(run: RunView) -> tuple[int, int] | None:
    """Observations and actions of the policy."""
    record = run.problem or {}
    if "inputs" not in record or "outputs" not in record:
        return None
    return int(record["inputs"]), int(record["outputs"])


def _options(run: RunView) -> Mapping[str, object]:
    return (run.problem or {}).get("options") or {}


def _lines(columns: Mapping[str, Sequence[float]]) -> dict[str, list[tuple[float, float]]]:
    """The first `MOST_LINES` columns of an episode of at least two steps, as points by step."""
    lines = {}
    for name in list(columns)[:MOST_LINES]:
        points = [(float(step), value) for step, value in enumerate(columns[name], start=1)]
        if len(points) > 1:
            lines[name] = points
    return lines


def _use_section(run: RunView) -> Html:
    """How a program uses the exported policy, which needs NumPy alone."""
    if NORMALISATION in (run.problem or {}):
        # An environment of Gymnasium.
        line = "action = policy.action(observation)"
        names = "as the environment gives and takes them"
        note = "Scaling of observations and limits of actions are in model.json."
    else:
        line, names = _answer_line(run)
        note = (
            "The simulation's own code makes an action of the answer: by its largest number "
            "(policy.choose), by rounding or by limits."
        )
    program = _USE.format(folder="model", line=line, names=names)
    text = (
        f"shoal export {run.id} --to model writes policy.py, shoal_network.py, model.json and "
        "weights.npz. They need NumPy alone, not Shoal:"
    )
    return join(tag("p", text), tag("pre", tag("code", program)), tag("p", note, class_="note"))


def _answer_line(run: RunView) -> tuple[str, str]:
    """The line that lets a network answer, and what goes in and comes out."""
    ends = _ends(run)
    count = 1 if ends is None else ends[0]
    numbers = ", ".join(["0.0"] * min(count, MOST_LINES))
    if count > MOST_LINES:
        numbers += ", ..."
    names = f"{count} observations in, what the network answers out"
    return f"action = policy.act([{numbers}])", names
