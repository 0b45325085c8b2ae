"""Who may look, and who may act: accounts, passwords, tokens, sessions, and the login throttle.

It may import errors and system, and, inside a function, store (for the default folder). `sessions`
needs itsdangerous, which comes with the dashboard, and is imported from there alone.

Start reading at `sessions.SessionManager`, which accepts logins and recognises sessions; then
`accounts` for what an account is, and `account_file` for how accounts are kept.
"""

from __future__ import annotations

from shoal.auth.account_file import change_accounts, default_file, read_accounts
from shoal.auth.accounts import Account, Accounts, Identity, Role
from shoal.auth.errors import AccessError, TooManyTriesError
from shoal.auth.passwords import Password, hash_password, new_token, token_digest
from shoal.auth.throttle import LoginThrottle

__all__ = [
    "AccessError",
    "Account",
    "Accounts",
    "Identity",
    "LoginThrottle",
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
