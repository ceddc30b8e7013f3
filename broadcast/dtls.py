"""DTLS-SRTP (RFC 5763, 5764) without I/O: datagrams in, datagrams out, SRTP contexts at the end.

pyOpenSSL and pylibsrtp are used directly, by their public names: aiortc's RTCDtlsTransport is bound to one task, one
queue and one `await` per datagram, and ends the connection on an empty or a long one. This class has no task and no
queue, and whatever a stranger sends, it only ever ignores or fails this one session.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

_MTU = 1200
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA"
)
_DIGESTS = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class _Profile:
    name: bytes
    libsrtp: int
    key: int
    salt: int
    tag: int


# AES-128-GCM first: one pass over the packet, and the processor does it in hardware. AES-CM for peers without GCM.
_PROFILES = (
    _Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12, 16),
    _Profile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12, 16),
    _Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14, 10),
)


class State(enum.Enum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class Certificate:
    """A node's self-signed certificate: one per process, known to peers by its SHA-256 fingerprint in the SDP."""

    def __init__(self, now: dt.datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=self._key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - dt.timedelta(days=1),
            not_valid_after=now + dt.timedelta(days=365),
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.fingerprint = ("sha-256", _digest(self._certificate, "sha-256"))
        self.context = self._context()

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
        # Certificates are self-signed by design; the fingerprint from the SDP is what is checked (RFC 8122 §6.2).
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(self._certificate)
        context.use_privatekey(self._key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(p.name for p in _PROFILES))
        return context


def _digest(certificate: x509.Certificate, algorithm: str) -> str:
    return certificate.fingerprint(_DIGESTS[algorithm]).hex(":").upper()


class Dtls:
    """One handshake. `fingerprints`: (algorithm, digest) pairs of the peer's SDP, all that are known must match.

    After `receive` or `on_timer`, send what `outgoing()` returns. When `state` is CONNECTED, `tx`/`rx` are the SRTP
    sessions and `tag` the octets that protection adds to a packet.
    """

    def __init__(self, certificate: Certificate, *, client: bool, fingerprints: tuple[tuple[str, str], ...]) -> None:
        self.state = State.NEW
        self.reason = ""
        self.client = client
        self.tx: Session | None = None
        self.rx: Session | None = None
        self.tag = 0
        self._fingerprints = fingerprints
        self._connection = SSL.Connection(certificate.context, None)
        self._connection.set_ciphertext_mtu(_MTU)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    def start(self) -> None:
        """Begin: the client's first flight is in `outgoing()` afterwards; the server waits."""
        if self.state is State.NEW:
            self.state = State.CONNECTING
            if self.client:
                self._advance()

    def receive(self, datagram: bytes) -> None:
        if self.state is State.NEW:
            self.start()
        if self.state not in (State.CONNECTING, State.CONNECTED):
            return
        self._connection.bio_write(datagram)
        if self.state is State.CONNECTING:
            self._advance()
        else:
            self._read_alerts()

    def timeout(self) -> float | None:
        """Seconds until `on_timer` is due; None when no retransmission is pending."""
        if self.state not in (State.CONNECTING, State.CONNECTED):
            return None
        return self._connection.DTLSv1_get_timeout()

    def on_timer(self) -> None:
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._fail("the peer no longer answers the handshake")

    def outgoing(self) -> list[bytes]:
        """Datagrams to send now, each a whole number of records and at most one MTU where records allow."""
        try:
            data = self._connection.bio_read(65536)
        except SSL.Error:
            return []
        return _datagrams(data)

    def close(self) -> None:
        """End the association; the close_notify alert is in `outgoing()` afterwards."""
        if self.state is State.CONNECTED:
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()
        self.state = State.CLOSED

    def _advance(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            # OpenSSL treats a malformed record in DTLS as noise; what reaches here is a peer that cannot agree.
            self._fail(f"DTLS handshake: {error}")
            return
        if not self._peer_is_who_the_sdp_says():
            self._fail("the peer's certificate is not the one in its SDP")
            return
        self._derive_keys()

    def _peer_is_who_the_sdp_says(self) -> bool:
        try:
            certificate = self._connection.get_peer_certificate(as_cryptography=True)
        except ValueError:
            return False
        if certificate is None:
            return False
        known = [(a, d) for a, d in self._fingerprints if a in _DIGESTS]
        return bool(known) and all(_digest(certificate, a) == d for a, d in known)

    def _derive_keys(self) -> None:
        """RFC 5764 §4.2: client key, server key, client salt, server salt."""
        selected = self._connection.get_selected_srtp_profile()
        profile = next((p for p in _PROFILES if p.name == selected), None)
        if profile is None:
            self._fail("no SRTP profile in common")
            return
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt))
        keys, salts = material[: 2 * profile.key], material[2 * profile.key :]
        of_client = keys[: profile.key] + salts[: profile.salt]
        of_server = keys[profile.key :] + salts[profile.salt :]
        self.tx = _session(profile, of_client if self.client else of_server, Policy.SSRC_ANY_OUTBOUND)
        self.rx = _session(profile, of_server if self.client else of_client, Policy.SSRC_ANY_INBOUND)
        self.tag = profile.tag
        self.state = State.CONNECTED

    def _read_alerts(self) -> None:
        try:
            while True:
                self._connection.recv(4096)  # nothing is carried inside DTLS here: what comes is dropped
        except SSL.ZeroReturnError:
            self.state, self.reason = State.CLOSED, "the peer closed the session"
        except SSL.Error:
            pass  # nothing more to read, or noise after the handshake, on which SRTP does not depend

    def _fail(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason


def _session(profile: _Profile, key: bytes, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile.libsrtp)
    policy.allow_repeat_tx = True  # a retransmission without RTX is the same packet again
    # Packets; shifted bit by bit for each of them, so what we send has one no longer than repairs need.
    policy.window_size = 512 if direction == Policy.SSRC_ANY_OUTBOUND else 1024
    return Session(policy)


def _datagrams(data: bytes) -> list[bytes]:
    """Split a flight at record boundaries (RFC 6347 §4.1), so that no datagram exceeds the MTU."""
    out: list[bytes] = []
    current = b""
    position = 0
    while position < len(data):
        size = _record_size(data, position)
        record = data[position : position + size]
        if current and len(current) + size > _MTU:
            out.append(current)
            current = b""
        current += record
        position += size
    if current:
        out.append(current)
    return out


def _record_size(data: bytes, position: int) -> int:
    rest = len(data) - position
    first = data[position]
    if first & 0xE0 == 0x20:  # RFC 9147 §4: unified header; its length field is optional
        header = 1 + (2 if first & 0x08 else 1)
        if not first & 0x04 or rest < header + 2:
            return rest
        return min(rest, header + 2 + int.from_bytes(data[position + header : position + header + 2], "big"))
    return min(rest, 13 + int.from_bytes(data[position + 11 : position + 13], "big"))
