"""The blob endpoint over a real socket: run logs that grow, source uploads, signatures."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import uvicorn

from helpers.localcloud.blobs import app
from helpers.localcloud.blobs.account import HOST, Blob, BlobAccount
from helpers.localcloud.cloud import Cloud

REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acme"


class Client:
    """Sends requests to the service as the front door would: by path, with the real host name."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, method: str, url: str, data: Any = None, **headers: str) -> requests.Response:
        address = url.replace(f"https://{HOST}", self._address)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._session.request(
            method, address, data=data, headers={"host": HOST, **sent}, timeout=10
        )

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def client(cloud: Cloud) -> Iterator[Client]:
    config = uvicorn.Config(app(cloud), port=0, log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    client = Client(server.servers[0].sockets[0].getsockname()[1])
    yield client
    client.close()
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def account(cloud: Cloud) -> BlobAccount:
    return BlobAccount(cloud)


def log_blob(account: BlobAccount, content: bytes = b"") -> Blob:
    blob = account.run_log(REGISTRY, "ca1")
    blob.create("AppendBlob", "text/plain")
    with blob.path.open("ab") as file:
        file.write(content)
    return blob


def test_log_is_404_until_it_exists(client: Client, account: BlobAccount) -> None:
    url = account.url(account.run_log(REGISTRY, "ca1"), "r", 60)
    answer = client.send("HEAD", url)
    assert answer.status_code == 404
    assert answer.headers["x-ms-error-code"] == "BlobNotFound"
    assert "<Code>BlobNotFound</Code>" in client.send("GET", url).text


def test_log_is_read_by_range_while_it_grows(client: Client, account: BlobAccount) -> None:
    blob = log_blob(account, b"0123456789")
    url = account.url(blob, "r", 60)
    head = client.send("HEAD", url)
    assert (head.headers["content-length"], head.headers["x-ms-blob-type"]) == ("10", "AppendBlob")
    assert "x-ms-meta-Complete" not in head.headers
    part = client.send("GET", url, x_ms_range="bytes=4-4099")
    assert (part.status_code, part.content) == (206, b"456789")
    assert part.headers["content-range"] == "bytes 4-9/10"
    with blob.path.open("ab") as file:
        file.write(b"abc")
    blob.set_metadata({"Complete": "successful"})
    after = client.send("HEAD", url)
    assert after.headers["content-length"] == "13"
    assert after.headers["x-ms-meta-Complete"] == "successful"
    assert after.headers["etag"] != head.headers["etag"]
    assert client.send("GET", url, range="bytes=10-").content == b"abc"
    assert client.send("GET", url).content == b"0123456789abc"


def test_range_beyond_the_end_is_416(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"abc"), "r", 60)
    answer = client.send("GET", url, x_ms_range="bytes=3-9")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */3"
    assert answer.headers["x-ms-error-code"] == "InvalidRange"


def test_condition_on_a_changed_blob_is_412(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"abc"), "r", 60)
    etag = client.send("HEAD", url).headers["etag"]
    assert client.send("GET", url, if_match=etag).status_code == 200
    assert client.send("GET", url, if_match='"0x1"').status_code == 412


def test_signature_is_needed_and_good_for_one_blob_only(
    client: Client, account: BlobAccount
) -> None:
    blob = log_blob(account, b"abc")
    url = account.url(blob, "r", 60)
    bare, _, query = url.partition("?")
    assert client.send("GET", bare).status_code == 401
    assert client.send("GET", url.replace("ca1", "ca2")).status_code == 403
    assert client.send("GET", f"{bare}?{query.replace('sp=r', 'sp=rw')}").status_code == 403
    refused = client.send("PUT", url, b"forged", x_ms_blob_type="BlockBlob")
    assert refused.status_code == 403
    assert "AuthorizationPermissionMismatch" in refused.text
    assert blob.path.read_bytes() == b"abc"


def test_signature_expires(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"abc"), "r", -1)
    answer = client.send("GET", url)
    assert answer.status_code == 403
    assert "not valid in the specified time frame" in answer.text


def test_upload_in_one_request(client: Client, account: BlobAccount) -> None:
    blob = account.blob(account.container_of(REGISTRY), "source/1/a.tar.gz")
    url = account.url(blob, "cw", 60)
    data = b"x" * 3_000_000
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    answer = client.send("PUT", url, data, x_ms_blob_type="BlockBlob", content_md5=md5)
    assert answer.status_code == 201
    assert answer.headers["content-md5"] == md5
    assert blob.path.read_bytes() == data
    assert blob.path.stat().st_mode & 0o077 == 0


def test_wrong_md5_leaves_nothing(client: Client, account: BlobAccount) -> None:
    blob = account.blob(account.container_of(REGISTRY), "source/1/a.tar.gz")
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    url = account.url(blob, "cw", 60)
    answer = client.send("PUT", url, b"data", x_ms_blob_type="BlockBlob", content_md5=md5)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert not blob.exists()
    assert not list(account.staging(blob).iterdir())


def test_upload_in_blocks(client: Client, account: BlobAccount) -> None:
    blob = account.blob(account.container_of(REGISTRY), "source/1/a.tar.gz")
    url = account.url(blob, "cw", 60)
    ids = [base64.b64encode(f"{number:05}".encode()).decode() for number in range(3)]
    for number, one in reversed(list(enumerate(ids))):
        answer = client.send("PUT", f"{url}&comp=block&blockid={one}", f"part{number};".encode())
        assert answer.status_code == 201
    assert not blob.exists()
    latest = "".join(f"<Latest>{one}</Latest>" for one in ids)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{latest}</BlockList>'
    assert client.send("PUT", f"{url}&comp=blocklist", body).status_code == 201
    assert blob.path.read_bytes() == b"part0;part1;part2;"


def test_list_of_a_missing_block_is_refused(client: Client, account: BlobAccount) -> None:
    blob = account.blob(account.container_of(REGISTRY), "source/1/a.tar.gz")
    url = account.url(blob, "cw", 60)
    one = base64.b64encode(b"nowhere").decode()
    body = f"<BlockList><Latest>{one}</Latest></BlockList>"
    answer = client.send("PUT", f"{url}&comp=blocklist", body)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidBlockList")
    assert not blob.exists()


@pytest.mark.parametrize(
    "name", ["../../account-key", "a/../../b", "a//b", "", "a\x00b", "x" * 2000]
)
def test_names_stay_inside_the_container(account: BlobAccount, name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a blob"):
        account.blob(account.container_of(REGISTRY), name)


def test_other_operations_name_themselves(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"abc"), "r", 60)
    answer = client.send("GET", url + "&comp=tags")
    assert answer.status_code == 501
    assert "comp=tags" in answer.text


def test_key_is_kept_and_owner_only(cloud: Cloud, account: BlobAccount) -> None:
    url = account.url(account.run_log(REGISTRY, "ca1"), "r", 60)
    again = BlobAccount(cloud)
    query = dict(pair.split("=", 1) for pair in url.partition("?")[2].split("&"))
    fields = {name: unquote(value) for name, value in query.items()}
    blob = again.run_log(REGISTRY, "ca1")
    again.access.check(blob.container, blob.name, fields, "r")
    assert (account.folder / "account-key").stat().st_mode & 0o077 == 0


def test_another_host_and_another_method_are_refused(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"abc"), "r", 60)
    answer = client.send("GET", url, host="other.blob.core.windows.net")
    assert answer.status_code == 404
    assert "other.blob.core.windows.net" in answer.text
    answer = client.send("DELETE", url)
    assert answer.status_code == 501
    assert "DELETE of a blob" in answer.text
    assert client.send("GET", url).content == b"abc"


def test_of_the_last_bytes_blob_storage_knows_nothing(client: Client, account: BlobAccount) -> None:
    url = account.url(log_blob(account, b"0123456789"), "r", 60)
    answer = client.send("GET", url, range="bytes=-3")
    assert (answer.status_code, answer.content) == (200, b"0123456789")


@pytest.mark.parametrize(
    ("query", "kind", "body", "status", "code", "message"),
    [
        ("", "PageBlob", b"", 400, "InvalidHeaderValue", "x-ms-blob-type is 'PageBlob'"),
        ("&comp=lease", "", b"", 501, "NotImplemented", "PUT ?comp=lease of a blob"),
        ("&comp=block&blockid=%3F", "", b"", 400, "InvalidQueryParameterValue", "blockid"),
        ("&comp=block&blockid=", "", b"", 400, "InvalidQueryParameterValue", "1 to 64 bytes"),
        (
            "&comp=blocklist",
            "",
            b"<!DOCTYPE a><BlockList/>",
            400,
            "InvalidXmlDocument",
            "has a document type",
        ),
        ("&comp=blocklist", "", b"<BlockList>", 400, "InvalidXmlDocument", "is not XML"),
        (
            "&comp=blocklist",
            "",
            b" " * (16 * 1024 * 1024),
            413,
            "RequestBodyTooLarge",
            "The block list is too long",
        ),
    ],
)
def test_an_upload_that_is_refused_leaves_nothing(
    client: Client,
    account: BlobAccount,
    query: str,
    kind: str,
    body: bytes,
    status: int,
    code: str,
    message: str,
) -> None:
    blob = account.blob(account.container_of(REGISTRY), "source/1/refused.tar.gz")
    url = account.url(blob, "cw", 60)
    answer = client.send("PUT", url + query, body, x_ms_blob_type=kind)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, code), answer.text
    assert message in answer.text
    assert not blob.exists()
    assert not list(account.staging(blob).iterdir())
