"""Genomes that a user gives to begin a search with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from shoal.errors import GenomeError, SettingsError
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace


def as_genome(value: Any) -> Genome:
    """The genome itself, or the one of a table of genes, as JSON, TOML and Python have them.

    Raises
    ------
    ValueError
        It is neither, or the genes make no swarm. pydantic takes no other error.

    Examples
    --------
    >>> as_genome({"swarm_size": 30}).swarm_size
    30
    """
    if isinstance(value, Genome):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("Input should be a genome, or a table of its genes")  # noqa: TRY004
    try:
        return Genome.from_dict(value)
    except GenomeError as error:
        raise ValueError(f"{error.problem} Expected: {error.expected}") from None


GenomeSetting = Annotated[
    Genome, PlainValidator(as_genome), PlainSerializer(Genome.to_dict, return_type=dict[str, Any])
]


def check_first_genomes(genomes: Sequence[Genome], space: SearchSpace) -> None:
    """Refuse genomes that the search itself could not propose.

    Raises
    ------
    SettingsError
        Names the genome by its place, and the gene.
    """
    for place, genome in enumerate(genomes):
        try:
            space.check_genome(genome)
        except GenomeError as error:
            raise SettingsError(
                f"first_genomes.{place}: {error.problem}",
                expected=error.expected,
                remedy=error.remedy,
            ) from None


def read_genomes(path: str | PathLike[str]) -> list[Any]:
    """The genomes of a JSON file, not checked yet.

    Parameters
    ----------
    path
        The file: a list of genomes as `Genome.to_dict` gives them, or one genome, such as the
        ``genome.json`` of an export.

    Raises
    ------
    SettingsError
        The file cannot be read, or holds neither.
    """
    expected = "a JSON file with a genome or a list of genomes, as genome.json of an export"
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"first_genomes={str(path)!r}: {error.strerror}.",
            expected=expected,
            remedy="check the path",
        ) from None
    # A path may have a null character, and a file lists in lists in lists.
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"first_genomes={str(path)!r} is not JSON that can be read: {error}.",
            expected=expected,
            remedy="write one with json.dumps([genome.to_dict(), ...])",
        ) from None

    if isinstance(found, dict):
        return [found]
    if isinstance(found, list) and found:
        return found
    raise SettingsError(
        f"first_genomes={str(path)!r} holds no genome.",
        expected=expected,
        remedy="write one with json.dumps([genome.to_dict(), ...])",
    )
