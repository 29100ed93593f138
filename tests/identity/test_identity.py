"""Tokens: what the login issues, and what the services accept."""

from __future__ import annotations

import time

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.principals import Principals, TokenError
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud

MANAGEMENT = "https://management.azure.com"


def directory(cloud: LocalCloud) -> Principals:
    store = Store(cloud.home / "state.db")
    return Principals(store, cloud.account.tenant_id, cloud.home / "signing-key.pem")


def test_a_client_secret_gives_a_token_of_the_audience(local_cloud: LocalCloud) -> None:
    token = local_cloud.credential.get_token("https://vault.azure.net/.default")
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["aud"] == "https://vault.azure.net"
    assert claims["oid"] == local_cloud.account.object_id
    assert claims["tid"] == local_cloud.account.tenant_id
    assert 3000 < token.expires_on - time.time() <= 3600


def test_the_published_keys_verify_the_tokens(local_cloud: LocalCloud) -> None:
    base = f"https://login.microsoftonline.com/{local_cloud.account.tenant_id}"
    http = local_cloud.http()
    found = http.get(f"{base}/v2.0/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    [key] = http.get(found["jwks_uri"]).json()["keys"]
    claims = jwt.decode(
        local_cloud.token(), jwt.PyJWK(key, "RS256").key, ["RS256"], audience=MANAGEMENT
    )
    assert claims["iss"] == found["issuer"]


@pytest.mark.parametrize(
    ("field", "value", "number"),
    [
        ("client_secret", "wrong", "AADSTS7000215"),
        ("client_id", "00000000-0000-0000-0000-000000000001", "AADSTS700016"),
    ],
)
def test_wrong_credentials_say_what_is_wrong(
    local_cloud: LocalCloud, field: str, value: str, number: str
) -> None:
    account = local_cloud.account
    good = {"client_id": account.client_id, "client_secret": account.client_secret}
    credential = ClientSecretCredential(
        account.tenant_id, **{**good, field: value}, **local_cloud.options
    )
    with pytest.raises(ClientAuthenticationError, match=number) as caught:
        credential.get_token(f"{MANAGEMENT}/.default")
    assert account.client_secret not in str(caught.value)


def test_an_unknown_resource_or_tenant_is_refused(local_cloud: LocalCloud) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        local_cloud.credential.get_token("https://example.org/.default")
    answer = local_cloud.http().get(
        "https://login.microsoftonline.com/elsewhere/v2.0/.well-known/openid-configuration"
    )
    assert answer.status_code == 400
    assert answer.json()["error_codes"] == [90002]


def subscriptions(cloud: LocalCloud, token: str) -> tuple[int, str]:
    answer = cloud.http().get(
        f"{MANAGEMENT}/subscriptions?api-version=2022-12-01",
        headers={"Authorization": f"Bearer {token}"},
    )
    return answer.status_code, answer.json().get("error", {}).get("code", "")


def test_another_way_to_sign_in_says_that_it_is_missing(local_cloud: LocalCloud) -> None:
    base = "https://login.microsoftonline.com/organizations"
    answer = local_cloud.http().post(f"{base}/oauth2/v2.0/devicecode", data={"client_id": "a"})
    assert (answer.status_code, answer.json()["error"]) == (501, "not_implemented")
    assert "POST /organizations/oauth2/v2.0/devicecode" in answer.json()["error_description"]
    assert "az login --service-principal" in answer.json()["error_description"]


def test_expired_foreign_and_forged_tokens_are_refused(local_cloud: LocalCloud) -> None:
    principals = directory(local_cloud)
    owner = principals.find(object_id=local_cloud.account.object_id)
    assert owner is not None
    assert subscriptions(local_cloud, principals.issue(owner, MANAGEMENT)) == (200, "")
    expired = principals.issue(owner, MANAGEMENT, lifetime=-10)
    assert subscriptions(local_cloud, expired) == (401, "ExpiredAuthenticationToken")
    vault = principals.issue(owner, "https://vault.azure.net")
    assert subscriptions(local_cloud, vault) == (401, "InvalidAuthenticationTokenAudience")
    head, body, signature = principals.issue(owner, MANAGEMENT).split(".")
    forged = f"{head}.{body}.{signature[:-8]}AAAAAAAA"
    assert subscriptions(local_cloud, forged) == (401, "InvalidAuthenticationToken")
    answer = local_cloud.http().get(f"{MANAGEMENT}/subscriptions")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_that_was_good_expires(cloud: Cloud) -> None:
    principals = cloud.principals
    short, long = (principals.issue(cloud.owner, MANAGEMENT, lifetime) for lifetime in (1, 60))
    for token in (short, long, short, long):
        assert principals.verify(token, (MANAGEMENT,)) == cloud.owner
    with pytest.raises(TokenError, match="wrong audience"):
        principals.verify(long, ("https://vault.azure.net",))
    ends = jwt.decode(short, options={"verify_signature": False})["exp"]
    time.sleep(max(0.0, ends - time.time()) + 0.01)
    with pytest.raises(TokenError, match="in the past"):
        principals.verify(short, (MANAGEMENT,))
    assert principals.verify(long, (MANAGEMENT,)) == cloud.owner
    cloud.home.joinpath("signing-key.pem").write_text("damaged")
    principals.make_key()
    with pytest.raises(TokenError, match="invalid"):
        principals.verify(long, (MANAGEMENT,))


def test_no_more_good_tokens_are_known_than_so_many(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.localcloud.principals._DECODED", 2)
    tokens = [cloud.principals.issue(cloud.owner, MANAGEMENT, life) for life in range(60, 65)]
    for token in (*tokens, *tokens):
        assert cloud.principals.verify(token, (MANAGEMENT,)) == cloud.owner


def test_claims_that_do_not_hold_are_refused(local_cloud: LocalCloud) -> None:
    principals = directory(local_cloud)
    owner = principals.find(object_id=local_cloud.account.object_id)
    assert owner is not None
    token = principals.issue(owner, MANAGEMENT)
    claims = jwt.decode(token, options={"verify_signature": False})
    for changed in (
        {"iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/"},
        {"nbf": claims["exp"] - 60},
        {"oid": "00000000-0000-0000-0000-000000000000"},
    ):
        other = principals.sign({**claims, **changed})
        assert subscriptions(local_cloud, other) == (401, "InvalidAuthenticationToken")
    for missing in ("iss", "exp", "aud", "oid"):
        other = principals.sign({name: claims[name] for name in claims if name != missing})
        assert subscriptions(local_cloud, other) == (401, "InvalidAuthenticationToken")
    for key, algorithm in (("", "none"), ("a key of at least thirty-two bytes", "HS256")):
        other = jwt.encode(claims, key, algorithm)
        assert subscriptions(local_cloud, other) == (401, "InvalidAuthenticationToken")
    assert subscriptions(local_cloud, principals.sign(claims)) == (200, "")


def test_an_identity_that_is_gone_proves_nothing(local_cloud: LocalCloud) -> None:
    principals = directory(local_cloud)
    task = principals.add("gone", resource_id="/subscriptions/x/tasks/gone")
    token = principals.issue(task, MANAGEMENT)
    assert subscriptions(local_cloud, token) == (200, "")  # a list of none
    principals.remove_identity_of("/subscriptions/x/tasks")
    assert subscriptions(local_cloud, token) == (401, "InvalidAuthenticationToken")


def test_a_principal_is_found_by_an_index_whatever_the_case(local_cloud: LocalCloud) -> None:
    store = Store(local_cloud.home / "state.db")
    principals = Principals(store, local_cloud.account.tenant_id, local_cloud.home / "key.pem")
    made = principals.add("one", resource_id="/Subscriptions/x/Tasks/cased")
    for found in (
        principals.find(object_id=made.object_id.upper()),
        principals.find(app_id=made.app_id.upper()),
        principals.find(resource_id="/subscriptions/X/tasks/CASED"),
    ):
        assert found == made
    for column in ("object_id", "app_id", "resource_id"):
        plan = store.query(f"EXPLAIN QUERY PLAN SELECT * FROM principals WHERE {column}=?", ("x",))
        assert "USING INDEX" in plan[0]["detail"], column
    store.close()


def test_nobody_is_found_by_nothing(local_cloud: LocalCloud) -> None:
    principals = directory(local_cloud)
    assert principals.find() is None
    assert principals.find(resource_id="") is None
    assert principals.find(app_id="") is None


def test_managed_identity_by_session_secret(local_cloud: LocalCloud) -> None:
    principals = directory(local_cloud)
    task = principals.add("registry/tasks/one", resource_id="/subscriptions/x/tasks/one")
    secret = principals.open_session(task.object_id)
    http = local_cloud.http()
    url = "http://169.254.169.254/metadata/identity/oauth2/token"
    query = {"api-version": "2018-02-01", "resource": f"{MANAGEMENT}/"}
    http.proxies = {"http": local_cloud.proxy_url.replace("//", f"//identity:{secret}@")}
    answer = http.get(url, params=query, headers={"Metadata": "true"})
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["oid"] == task.object_id
    assert http.get(url, params=query).status_code == 400  # no Metadata header
    instance = "http://169.254.169.254/metadata/instance"
    assert http.get(instance, params=query).status_code == 400
    assert http.get(instance, params=query, headers={"Metadata": "true"}).json()["compute"]
    nobody = local_cloud.http().get(url, params=query, headers={"Metadata": "true"})
    assert nobody.json()["error_description"].startswith("Identity not found")
    service = "http://169.254.169.254/msi/token"
    query["api-version"] = "2019-08-01"
    answer = http.get(service, params=query, headers={"X-IDENTITY-HEADER": secret})
    assert answer.json()["client_id"] == task.app_id
    principals.close_session(secret)
    answer = http.get(service, params=query, headers={"X-IDENTITY-HEADER": secret})
    assert answer.status_code == 401


def test_graph_knows_the_principals(local_cloud: LocalCloud) -> None:
    http = local_cloud.http()
    token = local_cloud.token("https://graph.microsoft.com")
    headers = {"Authorization": f"Bearer {token}"}
    base = "https://graph.microsoft.com/v1.0"
    account = local_cloud.account
    wanted = f"servicePrincipalNames/any(c:c eq '{account.client_id}')"
    found = http.get(f"{base}/servicePrincipals", params={"$filter": wanted}, headers=headers)
    assert found.json()["value"][0]["id"] == account.object_id
    assert http.get(f"{base}/me", headers=headers).status_code == 400
    ids = {"ids": [account.object_id, "nobody"], "types": ["servicePrincipal"]}
    found = http.post(f"{base}/directoryObjects/getByIds", json=ids, headers=headers)
    assert [one["id"] for one in found.json()["value"]] == [account.object_id]
    for body in (b"{", b"[]", b'{"ids": "one"}', b'{"ids": [1]}'):
        answer = http.post(f"{base}/directoryObjects/getByIds", data=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert http.get(f"{base}/groups", headers=headers).status_code == 501
    headers = {"Authorization": f"Bearer {local_cloud.token()}"}
    assert http.get(f"{base}/servicePrincipals", headers=headers).status_code == 401
