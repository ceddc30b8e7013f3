"""The hot path: protect packets for every subscriber and hand them to the kernel in as few calls as it allows.

Per delivered packet there is one call, `srtp_protect` in place through pylibsrtp's own binding, made by `map` without a
line of Python in between, in one buffer laid out for many subscribers; each subscriber's run of packets is one message
with UDP_SEGMENT (generic segmentation offload, Linux ≥ 4.18), and all messages of a batch leave with one `sendmmsg`.
Where the kernel or the network interface refuses segmentation, each packet is a message of its own.
"""

from __future__ import annotations

import errno
import socket
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import add
from typing import Any

import cffi
from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib

Address = tuple[str, int]

_UDP_SEGMENT = 103
_MOST_SEGMENTS = 64
_MOST_BYTES = 60_000
_CHUNK_BYTES = 384 * 1024  # of subscribers that leave together: stays in the second-level cache
_MOST_MESSAGES = 256
_NAME = 16  # struct sockaddr_in
_CONTROL = 24  # CMSG_SPACE(sizeof(uint16_t)) on 64-bit Linux
_WORDS = 8  # of 64 bits in a struct mmsghdr
_CONTROL_LENGTH = 5  # the word that holds msg_controllen
_REFUSED = (errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EMSGSIZE, errno.EOPNOTSUPP)
_MOST_REFUSALS = 8
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.EINTR)

_libc_ffi = cffi.FFI()
_libc_ffi.cdef("""
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr {
        void *msg_name; uint32_t msg_namelen;
        struct iovec *msg_iov; size_t msg_iovlen;
        void *msg_control; size_t msg_controllen;
        int msg_flags;
    };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags);
""")
_libc: Any = _libc_ffi.dlopen(None)


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """Where one subscriber's packets go and how they are protected. `tag`: octets that protection adds."""

    session: Session
    srtp: Any
    name: bytes
    tag: int


def way(session: Session, address: Address, tag: int) -> Way:
    """The way to an IPv4 address."""
    name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", address[1], socket.inet_aton(address[0]))
    return Way(session, session._srtp[0], name, tag)


class Ways:
    """Ways that get the same packets, all with one `tag`: what is needed of them again and again, laid out once."""

    __slots__ = ("names", "srtps", "tag")

    def __init__(self, ways: Sequence[Way]) -> None:
        self.srtps = [each.srtp for each in ways]
        self.names = b"".join([each.name for each in ways])
        self.tag = ways[0].tag if ways else 0

    def __len__(self) -> int:
        return len(self.srtps)


def runs(plain: Sequence[bytes]) -> list[list[bytes]]:
    """Split packets, keeping their order, into runs that GSO can carry: equal sizes, the last may be shorter."""
    out: list[list[bytes]] = []
    current: list[bytes] = []
    size = total = 0
    closed = False
    for packet in plain:
        length = len(packet)
        fits = current and not closed and length <= size and len(current) < _MOST_SEGMENTS
        if not fits or total + length + 32 > _MOST_BYTES:
            current = []
            out.append(current)
            size, total, closed = length, 0, False
        current.append(packet)
        total += length + 32
        closed = length < size
    return out


class Sender:
    """One UDP socket's way out. Not for more than one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._fd = sock.fileno()
        self._buffer = ffi.new("char[]", _CHUNK_BYTES + 4096)
        self._view = memoryview(ffi.buffer(self._buffer))
        self._length = ffi.new("int *")
        self._gso = True
        self._segmented = False
        self._refusals = 0
        self.sent = 0
        self.dropped = 0
        self._lengths = ffi.new("int[]", 1)
        self._length_view = memoryview(ffi.buffer(self._lengths))
        self._length_places: list[Any] = []
        self._layout: tuple[int, ...] = ()
        self._places: list[Any] = []
        self._lay_out_messages()

    def _lay_out_messages(self) -> None:
        """The message headers, whose pointers never change; names, lengths and bases are rewritten in place."""
        new, buffer_of = _libc_ffi.new, _libc_ffi.buffer
        count = _MOST_MESSAGES
        self._messages = new("struct mmsghdr[]", count)
        assert _libc_ffi.sizeof("struct mmsghdr") == 8 * _WORDS
        self._vectors = new("struct iovec[]", count)
        self._names = new("char[]", count * _NAME)
        self._controls = new("char[]", count * _CONTROL)
        self._name_view = memoryview(buffer_of(self._names))
        self._message_view = memoryview(buffer_of(self._messages)).cast("B").cast("Q")
        self._vector_view = memoryview(buffer_of(self._vectors)).cast("B").cast("Q")
        self._control_view = memoryview(buffer_of(self._controls))
        self._base = int(ffi.cast("uintptr_t", self._buffer))
        for index in range(count):
            head = self._messages[index].msg_hdr
            head.msg_name = self._names + index * _NAME
            head.msg_namelen = _NAME
            head.msg_iov = self._vectors + index
            head.msg_iovlen = 1
            head.msg_control = self._controls + index * _CONTROL

    def send(self, way: Way, run: Sequence[bytes]) -> bool:
        """Protect and send one of `runs`; False if the kernel would not take it (its buffer is full, no route)."""
        return not self.fan_out(Ways([way]), run)

    def fan_out(self, ways: Ways, run: Sequence[bytes]) -> list[int]:
        """Protect and send one of `runs` to each way. The indexes of the ways for which the kernel took not all."""
        if not ways or not run:
            return []
        gap = bytes(ways.tag)
        template = b"".join([part for plain in run for part in (plain, gap)])
        total, step, number = len(template), len(run[0]) + ways.tag, len(run)
        most = min(max(1, _CHUNK_BYTES // total), _MOST_MESSAGES, len(ways))
        self._lay_out(most, total, step, number)
        sizes = array("i", [len(plain) for plain in run]).tobytes()
        failed: list[int] = []
        for start in range(0, len(ways), most):
            count = min(most, len(ways) - start)
            self._name_view[: count * _NAME] = ways.names[start * _NAME : (start + count) * _NAME]
            self._fill(template, count)
            self._protect(ways.srtps[start : start + count], sizes, number)
            for index in self._flush(count, total, step):
                failed.append(start + index)
        return failed

    def _lay_out(self, count: int, total: int, step: int, number: int) -> None:
        """Message `i` is octets [i·total, (i+1)·total): `number` packets of `step` octets, the last may be shorter."""
        layout = (count, total, step, number, self._gso)
        if layout == self._layout:
            return
        self._layout = layout
        words = 2 * count
        self._vector_view[0:words:2] = memoryview(array("Q", range(self._base, self._base + count * total, total)))
        self._vector_view[1:words:2] = memoryview(array("Q", [total]) * count)
        controlled = _CONTROL if number > 1 and self._gso else 0
        words = _WORDS * count
        self._message_view[_CONTROL_LENGTH:words:_WORDS] = memoryview(array("Q", [controlled]) * count)
        if controlled:
            one = struct.pack("=QiiHxxxxxx", 18, socket.IPPROTO_UDP, _UDP_SEGMENT, step)
            self._control_view[: count * _CONTROL] = one * count
        offsets = [at + shift for at in range(0, count * total, total) for shift in range(0, number * step, step)]
        self._places = list(map(add, repeat(self._buffer), offsets))
        if len(offsets) > len(self._length_places):
            self._lengths = ffi.new("int[]", len(offsets))
            self._length_view = memoryview(ffi.buffer(self._lengths))
            self._length_places = list(map(add, repeat(self._lengths), range(len(offsets))))

    def _fill(self, template: bytes, count: int) -> None:
        """The template `count` times, each round doubling what is there."""
        view, filled, end = self._view, len(template), len(template) * count
        view[:filled] = template
        while filled < end:
            more = min(filled, end - filled)
            view[filled : filled + more] = view[:more]
            filled += more

    def _protect(self, srtps: Sequence[Any], sizes: bytes, number: int) -> None:
        """Protect `number` packets for each, in the order of the layout. `sizes`: of the plain packets, as C ints."""
        lengths = sizes * len(srtps)
        self._length_view[: len(lengths)] = lengths
        each = chain.from_iterable(map(repeat, srtps, repeat(number)))
        calls = map(lib.srtp_protect, each, self._places, self._length_places)
        refused = False
        while any(calls):  # goes on behind each refusal
            refused = True
        if refused:  # never leave a plain packet to be sent; one that was protected has become longer
            plain = array("i", lengths)
            for index, size in enumerate(plain):
                if self._lengths[index] == size:
                    ffi.memmove(self._places[index], bytes(size), size)
                    self.dropped += 1

    def _flush(self, count: int, total: int, step: int) -> list[int]:
        """Hand over `count` messages; the indexes of those that did not go."""
        segments = -(-total // step)
        if not self._gso and segments > 1:
            return self._one_by_one(range(count), total, step)
        failed: list[int] = []
        done = 0
        while done < count:
            sent = _libc.sendmmsg(self._fd, self._messages + done, count - done, 0)
            if sent > 0:
                done += sent
                self._segmented |= segments > 1
                self.sent += sent * segments
                continue
            error = _libc_ffi.errno
            if error in _REFUSED and segments > 1:
                # This route takes no segmentation: this message goes packet by packet, the others as before. A kernel
                # that has never taken any is not asked again.
                self._refusals += 1
                self._gso = self._segmented or self._refusals < _MOST_REFUSALS
                failed += self._one_by_one(range(done, done + 1), total, step)
                done += 1
                continue
            rest = range(done, count) if error in _FULL else range(done, done + 1)
            self.dropped += len(rest) * segments
            failed += rest
            done += len(rest)
        return failed

    def _one_by_one(self, indexes: range, total: int, step: int) -> list[int]:
        failed = []
        for index in indexes:
            name = bytes(self._name_view[index * _NAME : (index + 1) * _NAME])
            address = (socket.inet_ntoa(name[4:8]), int.from_bytes(name[2:4], "big"))
            start, end = index * total, (index + 1) * total
            done = [self.raw(self._view[at : min(at + step, end)], address) for at in range(start, end, step)]
            if not all(done):
                failed.append(index)
        return failed

    def rtcp(self, to: Way, address: Address, plain: bytes) -> bool:
        """Protect and send one RTCP packet."""
        size = len(plain)
        if size > 1400:
            return False
        self._view[:size] = plain
        self._length[0] = size
        if lib.srtp_protect_rtcp(to.srtp, self._buffer, self._length):
            return False
        return self.raw(self._view[: self._length[0]], address)

    def raw(self, data: bytes | memoryview, address: Address) -> bool:
        """Send one datagram as it is."""
        try:
            self._socket.sendto(data, address)
        except OSError:
            self.dropped += 1
            return False
        self.sent += 1
        return True
