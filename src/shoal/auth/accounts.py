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
    """Who it is, and what they may do."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """Whether they may command; everybody may look."""
        return self.role == "operator"

    def check_may_act(self) -> None:
        """Raises `AccessError` for a viewer."""
        if not self.may_act:
            raise AccessError(
                f"{self.name} may look, but not command.",
                expected="an operator",
                remedy="ask one of them",
            )


@dataclass(frozen=True, slots=True)
class Account:
    """One who is let in: by ``password``, by a token of digest ``token``, or ``oidc``: by an identity provider who says
    that this e-mail address is theirs. ``stamp`` changes with all of that; a session with another one is not valid.
    """

    name: str
    role: Role
    password: Password | None = None
    token: str | None = None
    oidc: bool = False
    stamp: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > _LONGEST_NAME:
            raise AccessError(
                f"{self.name!r} cannot be the name of an account.",
                expected=f"letters, digits and . _ + -, or an e-mail address, of at most {_LONGEST_NAME} characters",
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
        """Who that is."""
        return Identity(self.name, self.role)


@dataclass(frozen=True, slots=True)
class Accounts:
    """All of them; ``key`` (32 bytes) signs the sessions. Names differ by more than case."""

    accounts: tuple[Account, ...] = ()
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def find(self, name: str) -> Account | None:
        """The account of that name."""
        return next((a for a in self.accounts if a.name.casefold() == name.casefold()), None)

    def of_token(self, token: str) -> Account | None:
        """The account that the token opens. All are compared, each in constant time."""
        digest = token_digest(token)
        found = [a for a in self.accounts if hmac.compare_digest(a.token or "", digest)]
        return found[0] if found else None

    def with_account(self, name: str, role: Role, **ways: Any) -> Accounts:
        """With a new account, or with another way in for the one of that name. Raises `AccessError` if its role is another."""
        known = self.find(name)
        if known is None:
            return replace(self, accounts=(*self.accounts, Account(name, role, **ways)))
        if known.role != role:
            raise AccessError(
                f"{known.name} is {'an operator' if known.identity.may_act else 'a viewer'} already.",
                remedy=f"remove it first: shoal access remove {known.name}",
            )
        changed = replace(known, stamp=secrets.token_hex(8), **ways)
        return replace(self, accounts=tuple(changed if a is known else a for a in self.accounts))

    def without(self, name: str) -> Accounts:
        """Without that account, whose sessions end. Raises `AccessError` when there is none."""
        known = self.find(name)
        if known is None:
            raise AccessError(
                f"There is no account {name!r}.", remedy="shoal access list shows all"
            )
        return replace(self, accounts=tuple(a for a in self.accounts if a is not known))
