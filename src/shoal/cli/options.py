"""What many commands of the command line take."""

from __future__ import annotations

from typing import Annotated

import typer

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="SQLite file or PostgreSQL URL; default: $SHOAL_STORE, or one in your home",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on the last line, and nothing else")
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's number, as `shoal runs` lists it")
]
