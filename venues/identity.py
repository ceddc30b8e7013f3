"""Who a node is: an Ed25519 key pair, what it signs, and the text in which both are kept. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from venues.errors import TongtangError

NODE_TOKEN = "node-token"  # the audience of a signature that asks a parent for a bearer token


class IdentityInvalid(TongtangError):
    """The node's identity file cannot be read: {detail}."""

    code = "identity_invalid"
    status = 500


class NodeKey:
    """An Ed25519 private key (RFC 8032). Public keys and signatures are unpadded base64url text: 43 and 86 letters."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def make(cls, seed: bytes) -> NodeKey:
        """From 32 random bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, text: str) -> NodeKey:
        """From the PEM text of `save`. Raises IdentityInvalid."""
        try:
            private = serialization.load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise IdentityInvalid(detail="it holds no private key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise IdentityInvalid(detail="its key is not an Ed25519 key")
        return cls(private)

    def save(self) -> str:
        """PEM text (PKCS #8, not encrypted): keep the file readable by the node alone."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public(self) -> str:
        return encode(self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> str:
        return encode(self._private.sign(message))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What enrolment gave a node, kept as one text file in its data folder."""

    node_id: str
    venue_id: int
    venue_code: str
    key: NodeKey

    def save(self) -> str:
        """JSON text. It holds the private key."""
        fields = {"node": self.node_id, "venue": self.venue_id, "venue_code": self.venue_code, "key": self.key.save()}
        return json.dumps(fields, indent=2) + "\n"

    @classmethod
    def load(cls, text: str) -> Identity:
        """From the text of `save`. Raises IdentityInvalid."""
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise IdentityInvalid(detail="it is not JSON") from error
        match fields:
            case {"node": str(node), "venue": int(venue), "venue_code": str(code), "key": str(key)}:
                return cls(node_id=node, venue_id=venue, venue_code=code, key=NodeKey.load(key))
        raise IdentityInvalid(detail="node, venue, venue_code or key is missing")


def enrol_message(token: str, public_key: str) -> bytes:
    """What a node signs to prove that it holds the key that it enrols with a one-time token."""
    return _message("enrol", token, public_key)


def token_message(node: str, nonce: str, audience: str = NODE_TOKEN) -> bytes:
    """What a node signs to get a bearer token; `audience` says what the signature is for, so it serves nothing else."""
    return _message("token", node, nonce, audience)


def verify(public_key: str, message: bytes, signature: str) -> bool:
    """Whether the holder of the public key signed the message; text that is no key or signature is False, no error."""
    try:
        key = Ed25519PublicKey.from_public_bytes(decode(public_key))
        key.verify(decode(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


def encode(raw: bytes) -> str:
    """Unpadded base64url (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises ValueError for text that is not unpadded base64url."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error


def _message(purpose: str, *parts: str) -> bytes:
    # JSON keeps the parts apart whatever they hold; the first says what the signature means.
    return json.dumps([f"tongtang {purpose} 1", *parts], separators=(",", ":")).encode()
