"""A fresh ECDSA key for signing service account tokens, made without any tool or library.

Good for a cluster on the own machine that lives for minutes; not meant to resist timing attacks.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

# Curve P-256 (SEC 2, section 2.4.2).
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_A = _P - 3
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_OID_CURVE = bytes.fromhex("06082a8648ce3d030107")
_OID_EC_KEY = bytes.fromhex("06072a8648ce3d0201")

_Point = tuple[int, int] | None


def _add(p: _Point, q: _Point) -> _Point:
    if p is None or q is None:
        return q if p is None else p
    (x1, y1), (x2, y2) = p, q
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if p == q else (y2 - y1) * pow(x2 - x1, -1, _P)
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


def public_point(private: int) -> tuple[int, int]:
    """Multiply the base point by the private key (double and add)."""
    result: _Point = None
    addend: _Point = _G
    while private:
        if private & 1:
            result = _add(result, addend)
        addend = _add(addend, addend)
        private >>= 1
    assert result is not None, "a private key is between 1 and the group order"
    return result


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    assert len(body) < 256, "only short values are written here"
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return bytes([tag]) + length + body


def _pem(kind: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def write_key_pair(private_file: Path, public_file: Path) -> None:
    """Write a new P-256 key as PEM: SEC 1 private key (mode 0600) and SubjectPublicKeyInfo."""
    private = secrets.randbelow(_N - 1) + 1
    x, y = public_point(private)
    bits = _der(0x03, b"\x00\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big"))
    secret = _der(0x04, private.to_bytes(32, "big"))
    sec1 = _der(0x30, b"\x02\x01\x01", secret, _der(0xA0, _OID_CURVE), _der(0xA1, bits))
    private_file.touch(mode=0o600)
    private_file.write_text(_pem("EC PRIVATE KEY", sec1))
    public_file.write_text(_pem("PUBLIC KEY", _der(0x30, _der(0x30, _OID_EC_KEY, _OID_CURVE), bits)))
