"""`shoal access`: who may look at the dashboard, and who may act there."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shoal.cli.command_group import PlainFlags
from shoal.cli.terminal import echo

if TYPE_CHECKING:
    from shoal.auth import Role

app = typer.Typer(
    cls=PlainFlags,
    help="Say who may look at the dashboard, and who may act there.",
    no_args_is_help=True,
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Letters, digits and . _ + -, or an e-mail address")
]
ViewerOption = Annotated[
    bool, typer.Option("--viewer", help="May look, but not command; without it an operator")
]


@app.command()
def add(
    name: NameArgument,
    viewer: ViewerOption = False,
    oidc: Annotated[
        bool,
        typer.Option(
            "--oidc",
            help="NAME is an e-mail address that an identity provider vouches for; no password",
        ),
    ] = False,
) -> None:
    """Add an account, or give the account of that name a new password.

    The password is asked for, or read from standard input.
    """
    from shoal.auth import change_accounts, default_file, hash_password

    way: dict[str, Any] = {"oidc": True}
    if not oidc:
        way = {"password": hash_password(_read_password())}

    role = _role(viewer)
    changed = change_accounts(
        default_file(), lambda accounts: accounts.with_account(name, role, **way)
    )

    article = "an" if role == "operator" else "a"
    count = len(changed.accounts)
    echo(f"{name} is {article} {role}; accounts: {count}, in {default_file()}")


@app.command()
def token(name: NameArgument, viewer: ViewerOption = False) -> None:
    """Print a new token, once: ADDRESS/?token=TOKEN lets NAME in.

    An earlier one is no longer valid.
    """
    from shoal.auth import change_accounts, default_file, new_token, token_digest

    secret = new_token()
    # The file holds a digest, from which nobody can find the token.
    digest = token_digest(secret)
    change_accounts(
        default_file(), lambda accounts: accounts.with_account(name, _role(viewer), token=digest)
    )
    echo(secret)


@app.command("list")
def list_accounts(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and nothing else")
    ] = False,
) -> None:
    """List the accounts: name, role, and how each is let in."""
    from shoal.auth import default_file, read_accounts

    rows: list[dict[str, Any]] = []
    for account in read_accounts(default_file()).accounts:
        ways = {"password": account.password, "token": account.token, "oidc": account.oidc}
        given = [way for way, secret in ways.items() if secret]
        rows.append(
            {
                "name": account.name,
                "role": account.role,
                "login_methods": given,
                # The old name of `login_methods`, until 1.0.
                "by": given,
            }
        )

    if as_json:
        echo(json.dumps({"accounts": rows}))
        return
    if not rows:
        echo("No accounts. Add one: shoal access add NAME")
    for row in rows:
        echo(f"{row['name']}  {row['role']}  {', '.join(row['login_methods'])}")


@app.command()
def remove(name: NameArgument) -> None:
    """Remove an account, and end all of its sessions at once."""
    from shoal.auth import change_accounts, default_file

    change_accounts(default_file(), lambda accounts: accounts.without(name))
    echo(f"{name} is removed.")


def _role(viewer: bool) -> Role:
    return "viewer" if viewer else "operator"


def _read_password() -> str:
    """A password typed twice, not shown; without a terminal, the first line of standard input."""
    from shoal.auth import AccessError

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")

    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccessError("The two passwords differ; nothing was changed.", remedy="try again")
    return password
