"""Who may look, and who may act: accounts, passwords, tokens, and the sessions of those who were let in."""

from __future__ import annotations

from shoal.access.accountfile import change_accounts, default_file, read_accounts
from shoal.access.accounts import Account, Accounts, Identity, Role
from shoal.access.errors import AccessError, TooManyTriesError
from shoal.access.guesses import Guesses
from shoal.access.keeper import Keeper
from shoal.access.passwords import Password, hash_password, new_token, token_digest

__all__ = [
    "AccessError",
    "Account",
    "Accounts",
    "Guesses",
    "Identity",
    "Keeper",
    "Password",
    "Role",
    "TooManyTriesError",
    "change_accounts",
    "default_file",
    "hash_password",
    "new_token",
    "read_accounts",
    "token_digest",
]
