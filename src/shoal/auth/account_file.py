"""The accounts' file, which only its owner can read: names, roles, hashes. No password and no token can be read from it."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from shoal.auth.accounts import Account, Accounts
from shoal.auth.errors import AccessError
from shoal.auth.passwords import Password
from shoal.system.file_lock import alone_in

_VERSION = 1


def default_file() -> Path:
    """Beside the default store: ``access.json`` below XDG_DATA_HOME."""
    from shoal.store import default_path

    return default_path().with_name("access.json")


def read_accounts(file: Path) -> Accounts:
    """What the file holds; none where it is missing. Raises `AccessError` when it is damaged, or others can read it."""
    try:
        with file.open(encoding="utf-8") as opened:
            if os.name != "nt" and stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise AccessError(
                    f"Others may read or write the accounts in {file}.",
                    remedy=f"chmod 600 {file}, and new passwords",
                )
            found = json.load(opened)
        if found["version"] != _VERSION:
            raise AccessError(f"A newer Shoal has written {file}.", remedy="upgrade this one")
        accounts = tuple(
            Account(
                name=one["name"],
                role=one["role"],
                password=Password.from_text(one["password"]) if one["password"] else None,
                token=one["token"],
                oidc=one["oidc"],
                stamp=one["stamp"],
            )
            for one in found["accounts"]
        )
        return Accounts(accounts, bytes.fromhex(found["key"]))
    except FileNotFoundError:
        return Accounts()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AccessError(
            f"The accounts in {file} cannot be read: {type(error).__name__}.",
            remedy="mend the file, or delete it and add the accounts again",
        ) from None


def change_accounts(file: Path, change: Callable[[Accounts], Accounts]) -> Accounts:
    """Write what ``change`` makes of the accounts, all or nothing, one at a time; the file is its owner's only (0600).

    Raises `AccessError`.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(file.parent):
            changed = change(read_accounts(file))
            _write(file, changed)
    except OSError as error:
        raise AccessError(
            f"The accounts cannot be written to {file}: {error.strerror}.",
            remedy="give this user the right to",
        ) from None
    return changed


def _write(file: Path, accounts: Accounts) -> None:
    content = {
        "version": _VERSION,
        "key": accounts.key.hex(),
        "accounts": [
            {
                "name": one.name,
                "role": one.role,
                "password": one.password.to_text() if one.password else None,
                "token": one.token,
                "oidc": one.oidc,
                "stamp": one.stamp,
            }
            for one in accounts.accounts
        ],
    }
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(content, opened, indent=1)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if os.name != "nt":
        folder = os.open(file.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
