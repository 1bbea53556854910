"""TLS to the broker: the certificate has to be valid, and the broker's own."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.broker import Topology, verify
from adapter.errors import BrokerUnavailable


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Lend a self-signed certificate, with its key, for 127.0.0.1."""
    return _certificate(tmp_path / "ours.pem", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Lend a self-signed certificate, with its key, for another host."""
    return _certificate(tmp_path / "foreign.pem", x509.DNSName("elsewhere.example"))


def _certificate(path: Path, owner: x509.GeneralName) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([owner]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


@contextmanager
def _serving(certificate: Path) -> Generator[tuple[int, list[bytes]]]:
    """Take one TLS connection; lend the port and what the client said first, and hang up on it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                plain, _ = listener.accept()
                with plain, context.wrap_socket(plain, server_side=True) as connection:
                    heard.append(connection.recv(8))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join()


def _refusal(port: int, query: str) -> str:
    with pytest.raises(BrokerUnavailable) as caught:
        verify(f"amqps://u:p@127.0.0.1:{port}//?{query}", Topology())
    return str(caught.value.__cause__)


def test_a_certificate_of_ours_is_accepted(ours: Path) -> None:
    """With the authority from the URL the handshake is done and AMQP is spoken."""
    with _serving(ours) as (port, heard):
        _refusal(port, f"ssl_ca_certs={ours}")
    assert heard == [b"AMQP\x00\x00\x09\x01"]


def test_an_unknown_authority_is_refused(ours: Path) -> None:
    """A certificate that nobody vouches for ends the connection before anything is said."""
    with _serving(ours) as (port, heard):
        assert "CERTIFICATE_VERIFY_FAILED" in _refusal(port, "")
    assert heard == []


def test_the_certificate_of_another_host_is_refused(foreign: Path) -> None:
    """A valid certificate of somebody else is not the broker's."""
    with _serving(foreign) as (port, heard):
        assert "mismatch" in _refusal(port, f"ssl_ca_certs={foreign}")
    assert heard == []


def test_verification_cannot_be_switched_off(foreign: Path) -> None:
    """`ssl_cert_reqs=none` has no effect."""
    with _serving(foreign) as (port, heard):
        assert "CERTIFICATE_VERIFY_FAILED" in _refusal(port, "ssl_cert_reqs=none")
    assert heard == []
