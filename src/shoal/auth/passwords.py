"""Passwords as scrypt hashes, tokens as digests: neither is kept.

scrypt: Percival and Josefsson, RFC 7914. Its parameters are those that OWASP's "Password Storage Cheat Sheet" gives for 16 MiB.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from shoal.auth.errors import AccessError

SHORTEST, LONGEST = 8, 1024  # of a password, in characters and in bytes
_SALT_BYTES, _DIGEST_BYTES, _TOKEN_BYTES = 16, 32, 32


@dataclass(frozen=True, slots=True)
class Password:
    """A hash and how it was made: ``rounds`` is N (memory: 128 N r bytes), ``block`` r, ``lanes`` p."""

    salt: bytes
    digest: bytes
    rounds: int = 2**14
    block: int = 8
    lanes: int = 5

    def to_text(self) -> str:
        """All of it, as `from_text` reads it."""
        return (
            f"scrypt:{self.rounds}:{self.block}:{self.lanes}:{self.salt.hex()}:{self.digest.hex()}"
        )

    @classmethod
    def from_text(cls, text: str) -> Password:
        """Raises `ValueError`."""
        kind, rounds, block, lanes, salt, digest = text.split(":")
        if kind != "scrypt":
            raise ValueError(kind)
        return cls(bytes.fromhex(salt), bytes.fromhex(digest), int(rounds), int(block), int(lanes))


def hash_password(password: str) -> Password:
    """With a salt of its own. Raises `AccessError` for one that is too short or too long."""
    if len(password) < SHORTEST:
        raise AccessError(
            f"The password has {len(password)} characters.", expected=f"{SHORTEST} or more"
        )
    if len(password.encode()) > LONGEST:
        raise AccessError(f"The password has more than {LONGEST} bytes.", expected="a shorter one")
    return _hashed(password, Password(secrets.token_bytes(_SALT_BYTES), b""))


def is_password(password: str, known: Password | None) -> bool:
    """Whether it is the one; takes as long for None, which nothing matches."""
    like = known or Password(bytes(_SALT_BYTES), bytes(_DIGEST_BYTES))
    found = _hashed(password[:LONGEST], like)
    return hmac.compare_digest(found.digest, like.digest) and known is not None


def _hashed(password: str, like: Password) -> Password:
    digest = hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=like.salt,
        n=like.rounds,
        r=like.block,
        p=like.lanes,
        maxmem=256 * like.block * (like.rounds + like.lanes + 2),
        dklen=_DIGEST_BYTES,
    )
    return Password(like.salt, digest, like.rounds, like.block, like.lanes)


def new_token() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_digest(token: str) -> str:
    """What is kept of a token. It holds too much chance to be guessed, so no slow hash is needed."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
