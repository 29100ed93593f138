"""Artifact Cache when things happen at the same time, or lead back to where they came from."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from azure.keyvault.secrets import SecretClient

from tests.registry.caching import World
from tests.registry.places import digest


def _with_own_secrets(world: World, name: str) -> object:
    """A healthy credential set for the caching registry itself: it may read what it holds."""
    user, password = world.place.token(f"self-{name}", "repositories/*/content/read")
    return world.healthy_set(
        name,
        world.place.server,
        usernameSecretIdentifier=world.secret(f"{name}-user", user),
        passwordSecretIdentifier=world.secret(f"{name}-password", password),
    )


def test_a_registry_that_caches_itself_ends(world: World) -> None:
    world.rule(f"{world.place.server}/b", "a", _with_own_secrets(world, "mirror"))
    world.rule(f"{world.place.server}/a", "b", _with_own_secrets(world, "mirror2"))
    began = time.monotonic()
    answers = [world.pull("a", "v1") for _ in range(3)]
    assert time.monotonic() - began < 60
    assert {one.status_code for one in answers} <= {404, 429, 502, 503}, answers[0].text
    assert all(one.json()["errors"] for one in answers)


def test_a_rule_may_go_while_its_repository_is_pulled(world: World) -> None:
    for number in range(8):
        world.upstream.push("racing", f"v{number}", b"x" * 200_000 + bytes([number]))
    rule = world.rule(f"{world.upstream.server}/racing", "racing", world.healthy_set("racing"))
    with ThreadPoolExecutor(9) as pool:
        pulls = [pool.submit(world.pull, "racing", f"v{number}") for number in range(8)]
        gone = pool.submit(
            lambda: world.client.cache_rules.begin_delete(*world.where, rule.name).result()
        )
        answers = [one.result() for one in pulls]
        gone.result()
    assert {one.status_code for one in answers} <= {200, 404}
    for number, answer in enumerate(answers):
        if answer.status_code == 200:
            assert digest(answer.content) == answer.headers["Docker-Content-Digest"]
            again = world.pull("racing", f"v{number}")
            assert again.content == answer.content
            for layer in answer.json()["layers"]:
                path = world.place.url(f"racing/blobs/{layer['digest']}")
                assert digest(world.place.http.get(path).content) == layer["digest"]


def test_a_secret_that_changes_is_used_at_the_next_pull(world: World) -> None:
    world.upstream.push("rotated", "v1", b"one")
    world.upstream.push("rotated", "v2", b"two")
    user, password = world.upstream.token("rotating", "repositories/*/content/read")
    name = world.secret("rotating-password", password)
    found = world.healthy_set(
        "rotating",
        usernameSecretIdentifier=world.secret("rotating-user", user),
        passwordSecretIdentifier=name,
    )
    world.rule(f"{world.upstream.server}/rotated", "rotated", found)
    assert world.pull("rotated", "v1").status_code == 200

    secrets = SecretClient(
        f"https://{world.vault}.vault.azure.net", world.cloud.credential, **world.cloud.options
    )
    secrets.set_secret("rotating-password", "no-such-password")
    refused = world.pull("rotated", "v2")
    assert refused.status_code != 200
    assert "no-such-password" not in refused.text
    # Its health is whether the secrets can be read, not whether the upstream takes them.
    (one,) = world.client.credential_sets.get(*world.where, "rotating").auth_credentials
    assert one.credential_health.status == "Healthy"

    secrets.set_secret("rotating-password", password)
    assert world.pull("rotated", "v2").status_code == 200
