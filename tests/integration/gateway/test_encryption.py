"""TLS at the gateway: certificates of ours and self-signed ones, changed under load; HTTP/2."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import urllib3

from cuelight.gateway import pairs
from cuelight.gateway.pairs import Pair
from cuelight.gateway.places import Places
from tests.integration.gateway.conftest import Pair as Upstreams
from tests.support.gateway import Gateway, running
from tests.support.host import eventually

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
BODY = b'{"instances": [[0]]}'
SCORE = "/models/m/invocations"
UNFIT = "the key is not that of the certificate"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the operator keeps certificate and key."""
    (tmp_path / "tls").mkdir()
    return tmp_path / "tls"


@pytest.fixture
def encrypted(tmp_path: Path, folder: Path, pair: Upstreams) -> Iterator[Gateway]:
    """A gateway that speaks TLS by files."""
    put(folder, made())
    names = {"gateway_certificate": str(folder / "tls.pem"), "gateway_key": str(folder / "tls.key")}
    chosen = {**names, "gateway_tls": "files", "gateway_header_seconds": 5.0}
    with running(tmp_path / "home", [each.replica for each in pair], **chosen) as gateway:
        yield gateway


def made() -> Pair:
    """A new pair."""
    return pairs.self_signed(datetime.now(UTC))


def put(folder: Path, pair: Pair) -> None:
    """Write both files in place, as `cp` does."""
    (folder / "tls.pem").write_bytes(pair.chain)
    (folder / "tls.key").write_bytes(pair.key)


def served(gateway: Gateway) -> str:
    """The fingerprint of the certificate that a new connection sees."""
    where = ("127.0.0.1", gateway.settings.gateway_port)
    return fingerprint(ssl.get_server_certificate(where).encode())


def fingerprint(chain: bytes) -> str:
    """Of the first certificate of a chain."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(chain.decode())).hexdigest()


def log(gateway: Gateway) -> str:
    """What the gateway has said."""
    return (gateway.settings.home / "gateway.log").read_text()


@contextmanager
def load(gateway: Gateway) -> Iterator[list[str]]:
    """What two callers hear who keep their connection, and two who make a new one for each request."""
    stopped, heard = threading.Event(), list[str]()

    def call(keeps: bool) -> None:
        with urllib3.PoolManager(retries=False, timeout=30.0, cert_reqs="CERT_NONE") as pool:
            while not stopped.is_set():
                try:
                    heard.append(str(pool.request("POST", gateway.url + SCORE, body=BODY).status))
                except urllib3.exceptions.HTTPError as error:
                    heard.append(repr(error))
                if not keeps:
                    pool.clear()

    callers = [threading.Thread(target=call, args=(number % 2 == 0,)) for number in range(4)]
    for each in callers:
        each.start()
    try:
        yield heard
    finally:
        stopped.set()
        for each in callers:
            each.join(60)


def test_certificates_change_under_load_and_nobody_fails(encrypted: Gateway, folder: Path) -> None:
    """New connections see the new one, open ones go on; a key that is not the certificate's changes nothing."""

    def is_served(pair: Pair) -> bool:
        return served(encrypted) == fingerprint(pair.chain)

    with load(encrypted) as heard:
        for _ in range(3):
            pair = made()
            before = log(encrypted).count(UNFIT)
            (folder / "tls.key").write_bytes(made().key)
            (folder / "tls.pem").write_bytes(pair.chain)
            eventually(partial(lambda before: log(encrypted).count(UNFIT) > before, before))
            assert not is_served(pair)
            (folder / "tls.key").write_bytes(pair.key)
            eventually(partial(is_served, pair))
            more = len(heard) + 40
            eventually(partial(lambda more: len(heard) > more, more))
    assert set(heard) == {"200"}


def test_a_self_signed_one_is_trusted_by_its_file(tmp_path: Path, pair: Upstreams) -> None:
    """Its name is right, its key is nobody else's to read, and it is the same after a restart."""
    with running(tmp_path / "home", [each.replica for each in pair], gateway_tls="self-signed") as gateway:
        places = Places(gateway.settings.gateway_folder)
        with urllib3.PoolManager(retries=False, ca_certs=str(places.self_signed)) as pool:
            for host in ("localhost", "127.0.0.1"):
                url = f"https://{host}:{gateway.settings.gateway_port}{SCORE}"
                assert pool.request("POST", url, body=BODY).status == 200
        for private in (places.self_signed_key, places.certificate):
            assert private.stat().st_mode & 0o077 == 0
        before = served(gateway)
        gateway.stop()
        gateway.start()
        assert served(gateway) == before


def test_who_does_not_shake_hands_is_closed(encrypted: Gateway) -> None:
    """A connection that says nothing of TLS, after `gateway.header_seconds`."""
    with socket.create_connection(("127.0.0.1", encrypted.settings.gateway_port), timeout=60) as silent:
        assert silent.recv(1) == b""


def test_mlflows_client_trusts_it_by_its_file_too(
    tmp_path: Path, pair: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody whom it was not told to trust."""
    from mlflow.deployments import get_deploy_client
    from mlflow.exceptions import MlflowException

    with running(tmp_path / "home", [each.replica for each in pair], gateway_tls="self-signed") as gateway:
        target = f"cuelights://localhost:{gateway.settings.gateway_port}"
        with pytest.raises(MlflowException, match="CUELIGHT_CLIENT_CA_FILE"):
            get_deploy_client(target).predict(endpoint="m", inputs=[[0]])
        monkeypatch.setenv("CUELIGHT_CLIENT_CA_FILE", str(Places(gateway.settings.gateway_folder).self_signed))
        assert get_deploy_client(target).predict(endpoint="m", inputs=[[0]])["who"] in ("one", "two")


def test_old_protocols_are_refused(encrypted: Gateway) -> None:
    """TLS 1.2 and 1.3, and nothing before."""

    def version(least: ssl.TLSVersion, most: ssl.TLSVersion) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = least, most
        where = ("127.0.0.1", encrypted.settings.gateway_port)
        with socket.create_connection(where) as plain, context.wrap_socket(plain) as connection:
            return str(connection.version())

    assert version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        version(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


@pytest.mark.parametrize("tls", [True, False])
def test_callers_may_speak_http2(tls: bool, request: pytest.FixtureRequest) -> None:
    """By TLS, and in plain by prior knowledge; hosts behind are asked by HTTP/1.1 all the same."""
    gateway: Gateway = request.getfixturevalue("encrypted" if tls else "gateway")
    kind = ["--http2", "--insecure"] if tls else ["--http2-prior-knowledge"]
    written = r'\n{"version": "%{http_version}", "status": %{http_code}}'
    command = ["curl", "--silent", *kind, "--data", BODY.decode(), "--write-out", written, gateway.url + SCORE]
    body, _, said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    assert json.loads(said) == {"version": "2", "status": 200}
    assert json.loads(body)["who"] in ("one", "two")
