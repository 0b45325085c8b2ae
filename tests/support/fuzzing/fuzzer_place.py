import os,re,traceback
from pathlib import Path
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


