"""Accounts and roles: plain values."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from shoal.auth.errors import AccessError
from shoal.auth.passwords import Password, token_digest

Role = Literal["viewer", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)

_NAME = re.compile(r"[\w.+-]+(@[\w.-]+)?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who is logged in.

    Attributes
    ----------
    name
        The name of the account.
    role
        "viewer", who may look, or "operator", who may also act.
    """

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """Whether the person may give commands. Everybody may look."""
        return self.role == "operator"

    def check_may_act(self) -> None:
        """Refuse a viewer.

        Raises
        ------
        AccessError
            If the person may not give commands.
        """
        if not self.may_act:
            raise AccessError(
                f"{self.name} may look, but not command.",
                expected="an operator",
                remedy="ask one of them",
            )


def _new_stamp() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's right to log in.

    Attributes
    ----------
    name
        The person's name, or an e-mail address.
    role
        What the person may do.
    password
        The hash of the password; None: no password logs in.
    token
        The digest of the token; None: no token logs in.
    oidc
        Whether an identity provider that knows the name as an e-mail address logs in.
    stamp
        Random text that changes with every other field. A session with another stamp is not valid.

    Raises
    ------
    AccessError
        If the name or the role cannot be one.
    """

    name: str
    role: Role
    password: Password | None = None
    token: str | None = None
    oidc: bool = False
    stamp: str = field(default_factory=_new_stamp)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > _LONGEST_NAME:
            raise AccessError(
                f"{self.name!r} cannot be the name of an account.",
                expected="letters, digits and . _ + -, or an e-mail address, of at most "
                f"{_LONGEST_NAME} characters",
            )

        if self.oidc and not _EMAIL.fullmatch(self.name):
            raise AccessError(
                f"{self.name!r} is no e-mail address, by which OIDC knows people.",
                expected="NAME@HOST",
            )

        if self.role not in ROLES:
            raise AccessError(f"There is no role {self.role!r}.", expected=" or ".join(ROLES))

    @property
    def identity(self) -> Identity:
        """The name and the role."""
        return Identity(self.name, self.role)


def _new_key() -> bytes:
    return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts. Two names differ by more than upper and lower case.

    Attributes
    ----------
    accounts
        The accounts, oldest first.
    key
        32 random bytes that sign the sessions.
    """

    accounts: tuple[Account, ...] = ()
    key: bytes = field(default_factory=_new_key, repr=False)

    def find(self, name: str) -> Account | None:
        """The account of that name, whatever the case of its letters."""
        for account in self.accounts:
            if account.name.casefold() == name.casefold():
                return account
        return None

    def find_by_token(self, token: str) -> Account | None:
        """The account that a token opens.

        Parameters
        ----------
        token
            The token itself; accounts keep its digest only.

        Returns
        -------
        Account or None
            None when the token opens none.
        """
        digest = token_digest(token)
        opened = None
        # All accounts are compared, each in constant time: the time tells nothing about the token.
        for account in self.accounts:
            if hmac.compare_digest(account.token or "", digest) and opened is None:
                opened = account
        return opened

    def with_account(self, name: str, role: Role, **ways: Any) -> Accounts:
        """With a new account, or with another way to log in for the account of that name.

        Parameters
        ----------
        name, role
            The account.
        **ways
            ``password``, ``token`` or ``oidc``, as the fields of `Account`.

        Raises
        ------
        AccessError
            If there is an account of that name with another role.
        """
        known = self.find(name)
        if known is None:
            return replace(self, accounts=(*self.accounts, Account(name, role, **ways)))

        if known.role != role:
            article = "a viewer"
            if known.identity.may_act:
                article = "an operator"
            raise AccessError(
                f"{known.name} is {article} already.",
                remedy=f"remove it first: shoal access remove {known.name}",
            )

        # The new stamp ends the sessions that began with the old password or token.
        changed = replace(known, stamp=_new_stamp(), **ways)
        accounts = list(self.accounts)
        accounts[accounts.index(known)] = changed
        return replace(self, accounts=tuple(accounts))

    def without(self, name: str) -> Accounts:
        """Without the account of that name; its sessions end.

        Raises
        ------
        AccessError
            If there is no such account.
        """
        known = self.find(name)
        if known is None:
            raise AccessError(
                f"There is no account {name!r}.", remedy="shoal access list shows all"
            )
        kept = tuple(account for account in self.accounts if account is not known)
        return replace(self, accounts=kept)
