"""The file that keeps the accounts: names, roles and hashes.

Only its owner can read it, and no password or token can be read from it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from shoal.auth.accounts import Account, Accounts
from shoal.auth.errors import AccessError
from shoal.auth.passwords import Password
from shoal.system.file_lock import alone_in
from shoal.system.private_folder import make_own_folder

_log = logging.getLogger(__name__)

_VERSION = 1
# The rights of everybody but the owner.
_RIGHTS_OF_OTHERS = 0o077


def default_file() -> Path:
    """``access.json``, beside the default store."""
    from shoal.store import default_path

    return default_path().with_name("access.json")


def read_accounts(file: Path) -> Accounts:
    """Read the file.

    Returns
    -------
    Accounts
        None at all when the file is missing.

    Raises
    ------
    AccessError
        If the file is damaged, a newer Shoal has written it, or others can read it.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            _check_rights(opened.fileno(), file)
            content = json.load(opened)

        if content["version"] != _VERSION:
            raise AccessError(f"A newer Shoal has written {file}.", remedy="upgrade this one")
        accounts = [_account_from_json(values) for values in content["accounts"]]
        return Accounts(tuple(accounts), bytes.fromhex(content["key"]))
    except FileNotFoundError:
        return Accounts()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # "from None": the original error may quote the file, and with it hashes.
        raise AccessError(
            f"The accounts in {file} cannot be read: {type(error).__name__}.",
            remedy="mend the file, or delete it and add the accounts again",
        ) from None


def change_accounts(file: Path, change: Callable[[Accounts], Accounts]) -> Accounts:
    """Change the accounts in the file.

    Changes are made one at a time, and each all or nothing.

    Parameters
    ----------
    file
        The file. It is created where it is missing; only its owner can read it (0600).
    change
        A function from the accounts to the changed accounts.

    Returns
    -------
    Accounts
        The accounts afterwards.

    Raises
    ------
    AccessError
        If the file cannot be read or written, or ``change`` refuses.
    """
    try:
        make_own_folder(file.parent)
        # The lock is on the folder: the file itself is replaced, and a lock on it would go with the
        # old one.
        with alone_in(file.parent):
            changed = change(read_accounts(file))
            _write(file, changed)
    except OSError as error:
        raise AccessError(
            f"The accounts cannot be written to {file}: {error.strerror}.",
            remedy="give this user the right to",
        ) from None

    _log.info("%s was changed: accounts: %d", file, len(changed.accounts))
    return changed


def _check_rights(handle: int, file: Path) -> None:
    """Raise `AccessError` when others may read or write the file. Windows has no such rights."""
    if os.name == "nt":
        return
    if stat.S_IMODE(os.fstat(handle).st_mode) & _RIGHTS_OF_OTHERS:
        _log.warning("others may read or write %s: it is not trusted", file)
        raise AccessError(
            f"Others may read or write the accounts in {file}.",
            remedy=f"chmod 600 {file}, and new passwords",
        )


def _account_from_json(values: dict[str, Any]) -> Account:
    password = None
    if values["password"]:
        password = Password.from_text(values["password"])
    return Account(
        name=values["name"],
        role=values["role"],
        password=password,
        token=values["token"],
        oidc=values["oidc"],
        stamp=values["stamp"],
    )


def _account_to_json(account: Account) -> dict[str, Any]:
    password = None
    if account.password is not None:
        password = account.password.to_text()
    return {
        "name": account.name,
        "role": account.role,
        "password": password,
        "token": account.token,
        "oidc": account.oidc,
        "stamp": account.stamp,
    }


def _write(file: Path, accounts: Accounts) -> None:
    """Write the file anew; a failure leaves the old one as it was."""
    content = {
        "version": _VERSION,
        "key": accounts.key.hex(),
        "accounts": [_account_to_json(account) for account in accounts.accounts],
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

    # The new name is on the disk only when its folder is.
    if os.name != "nt":
        folder = os.open(file.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
