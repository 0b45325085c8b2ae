"""One process of the fuzzer: runs a target on whatever atheris makes, until its time is up.

libFuzzer, of which atheris is the face, would end at the first finding. Here each is written down
with its traceback, the first of each place, and the fuzzer goes on. What ends the process anyway
(a crash of a library, a lack of memory, a hang) libFuzzer writes into the same folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random

import atheris

# A process that hangs, and one that takes too much, end; in seconds by the clock, and MB. What is
# merely slow `examine` finds, by the time of the processor: other work does not count there.
HANGS_AFTER = 600
MOST_MEMORY = 3000
MOST_BYTES_OF_INPUT = 16_384

# The parts of Shoal whose branches are counted, by target. None of them is compiled by Numba.
COUNTED = {
    "tables": ("data", "inference"),
    "models": ("inference", "problems/warm_start"),
    "settings": ("settings", "genome", "cli/run_input", "data/dataset", "data/roles", "export"),
}


def main(name: str, folder: Path, seconds: int) -> None:
    """Fuzz the target of that name; ``folder`` is where its corpus and its findings are."""
    with atheris.instrument_imports(["shoal", "tomllib", "zipfile"], modules_without(name)):
        from support.fuzzing.targets import examine

        target = import_module(f"support.fuzzing.{name}").TARGET

    findings = folder / "findings"
    known = {path.stem for path in findings.glob("*.txt")}

    def run(data: bytes) -> None:
        try:
            examine(target, data)
        # Anything: that is what is looked for.
        except Exception as error:
            place = place_of(error)
            if place not in known:
                known.add(place)
                write_down(findings, place, data, error)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        changed = data
        for _ in range(random.choice([0, 1, 1, 2, 4])):
            changed = target.mutate(changed, random)
        if changed == data or random.random() < 0.2:
            changed = atheris.Mutate(changed[:most], most)
        return changed[:most]

    words = folder / "words"
    short = [word for word in target.words if 0 < len(word) <= 64]
    words.write_text("".join(f'"{escaped(word)}"\n' for word in short))
    for seed in target.seeds():
        # What is imported late is imported now.
        run(seed)
        (folder / "corpus" / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)

    options = {
        "max_total_time": seconds,
        "timeout": HANGS_AFTER,
        "report_slow_units": HANGS_AFTER,
        "rss_limit_mb": MOST_MEMORY,
        "max_len": MOST_BYTES_OF_INPUT,
        "artifact_prefix": f"{findings}{os.sep}",
        "dict": words,
        "print_final_stats": 1,
        "len_control": 0,
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup(["fuzz", *arguments, str(folder / "corpus")], run, custom_mutator=mutate)
    atheris.Fuzz()


def modules_without(name: str) -> list[str]:
    """The other modules of Shoal; atheris counts all of a package but those."""
    source = Path(find_spec("shoal").submodule_search_locations[0])
    others = []
    for path in source.rglob("*.py"):
        place = path.relative_to(source)
        if not place.as_posix().startswith(COUNTED[name]):
            parts = place.with_suffix("").parts
            others.append(".".join(["shoal", *(part for part in parts if part != "__init__")]))
    return others


# What a message quotes, and names of files.
_OF_INPUTS = re.compile(r"'(?:[^'\\]|\\.)*'|/\S+|\d+")


def place_of(error: BaseException) -> str:
    """Where an error comes from, as a name of a file: of one place, one finding is enough."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    for frame in frames:
        if f"{os.sep}shoal{os.sep}" in frame.filename:
            last = frame
    what = type(error).__name__
    if f"{os.sep}shoal{os.sep}" not in last.filename:
        plain = _OF_INPUTS.sub("", str(error))
        what += "-" + "".join(letter for letter in plain[:100] if letter.isalnum())
    return f"{what}-{Path(last.filename).stem}-{last.lineno}"


def write_down(folder: Path, place: str, data: bytes, error: BaseException) -> None:
    """Keep an input and its traceback."""
    (folder / f"{place}.input").write_bytes(data)
    (folder / f"{place}.txt").write_text("".join(traceback.format_exception(error)))


def escaped(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
