"""Passwords as scrypt hashes, and tokens as digests: neither is kept itself.

scrypt: Percival and Josefsson, RFC 7914. Its parameters are those that OWASP's "Password Storage
Cheat Sheet" gives for 16 MiB.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from shoal.auth.errors import AccessError

# The shortest password, in characters.
SHORTEST = 8
# The longest password, in bytes.
LONGEST = 1024

_SALT_BYTES = 16
_DIGEST_BYTES = 32
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Password:
    """The hash of a password, and how it was made.

    Attributes
    ----------
    salt
        16 random bytes.
    digest
        The hash, 32 bytes.
    rounds
        scrypt's cost N, a power of two. The memory that it takes is 128 N r bytes.
    block
        scrypt's block size r.
    lanes
        scrypt's parallelisation p.

    References
    ----------
    Percival and Josefsson, "The scrypt Password-Based Key Derivation Function", RFC 7914, 2016.
    """

    salt: bytes
    digest: bytes
    rounds: int = 2**14
    block: int = 8
    lanes: int = 5

    def to_text(self) -> str:
        """All fields as one text, for `from_text`."""
        return (
            f"scrypt:{self.rounds}:{self.block}:{self.lanes}:{self.salt.hex()}:{self.digest.hex()}"
        )

    @classmethod
    def from_text(cls, text: str) -> Password:
        """Read what `to_text` has written.

        Raises
        ------
        ValueError
            If the text has another form.
        """
        kind, rounds, block, lanes, salt, digest = text.split(":")
        if kind != "scrypt":
            raise ValueError(kind)
        return cls(bytes.fromhex(salt), bytes.fromhex(digest), int(rounds), int(block), int(lanes))


def hash_password(password: str) -> Password:
    """Hash a password with a salt of its own.

    Raises
    ------
    AccessError
        If the password is too short or too long.
    """
    if len(password) < SHORTEST:
        raise AccessError(
            f"The password has {len(password)} characters.", expected=f"{SHORTEST} or more"
        )
    if len(password.encode()) > LONGEST:
        raise AccessError(f"The password has more than {LONGEST} bytes.", expected="a shorter one")
    return _hashed(password, Password(secrets.token_bytes(_SALT_BYTES), b""))


def is_password(password: str, known: Password | None) -> bool:
    """Whether a password is the known one.

    Nothing is the same as None, but finding that out takes as long: a stranger must not learn from
    the time which names have an account.
    """
    compared = known
    if compared is None:
        compared = Password(bytes(_SALT_BYTES), bytes(_DIGEST_BYTES))
    hashed = _hashed(password[:LONGEST], compared)
    return hmac.compare_digest(hashed.digest, compared.digest) and known is not None


def _hashed(password: str, like: Password) -> Password:
    """The hash of a password, with the salt and the parameters of another hash."""
    digest = hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=like.salt,
        n=like.rounds,
        r=like.block,
        p=like.lanes,
        # OpenSSL needs 128 r (N + p + 2) bytes. Twice that is certainly enough.
        maxmem=256 * like.block * (like.rounds + like.lanes + 2),
        dklen=_DIGEST_BYTES,
    )
    return Password(like.salt, digest, like.rounds, like.block, like.lanes)


def new_token() -> str:
    """256 random bits, as text that may stand in an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256, 64 hexadecimal digits.

    A token holds too much chance to be guessed, so no slow hash is needed.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
