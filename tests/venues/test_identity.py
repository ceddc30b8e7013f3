from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from venues import Identity, IdentityInvalid, NodeKey
from venues.identity import decode, encode, enrol_message, token_message, verify

KEY = NodeKey.make(bytes(range(32)))


def test_the_key_of_rfc_8032() -> None:
    # RFC 8032 §7.1, test 1
    key = NodeKey.make(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert decode(key.public).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert decode(key.sign(b"")).hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


def test_keys_and_identities_survive_as_text() -> None:
    identity = Identity(node_id="n", venue_id=7, venue_code="5201", key=KEY)
    again = Identity.load(identity.save())
    assert (again.node_id, again.venue_id, again.venue_code) == ("n", 7, "5201")
    assert again.key.public == KEY.public
    assert "BEGIN" not in repr(identity)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"node":"n","venue":1,"venue_code":"c","key":"k"}'])
def test_an_unreadable_identity(text: str) -> None:
    with pytest.raises(IdentityInvalid):
        Identity.load(text)


def test_another_kind_of_key_is_refused() -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(IdentityInvalid, match="Ed25519"):
        NodeKey.load(pem.decode())


def test_a_signature_serves_one_purpose() -> None:
    message = token_message("node", "nonce")
    signature = KEY.sign(message)
    assert verify(KEY.public, message, signature)
    for other in (token_message("node", "nonce2"), token_message("nod", "enonce"), enrol_message("node", "nonce")):
        assert not verify(KEY.public, other, signature)
    assert token_message("node", "nonce", "elsewhere") != message


@pytest.mark.parametrize("text", ["", "!", "中", "AAAA", "A" * 43])
def test_no_key_and_no_signature_verify_nothing(text: str) -> None:
    message = b"message"
    assert not verify(text, message, KEY.sign(message))
    assert not verify(KEY.public, message, text)


def test_base64url() -> None:
    assert encode(b"\xfb\xff") == "-_8"
    assert decode("-_8") == b"\xfb\xff"
