"""The az of task steps beside the real az: the same words to the same cloud, the same answer."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterator

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.identities import Identities
from tests.az import Answer, Az
from tests.conftest import LocalCloud
from tests.tasks.running import Registry
from tests.tasks.test_tools import Tools

NODE = "docker.io/library/node:15-alpine"
# What two calls of the same command do not have in common.
_VARIES = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+Z?|Correlation ID: [0-9a-f-]+|registries-[0-9a-f-]{36}|"
    r'"correlationId": "[^"]*"|app-(?:ours|theirs)'
)


class Both:
    """The stand-in and the real az, logged in as the same principal."""

    def __init__(self, az: Az, tools: Tools) -> None:
        self.tools = tools
        self._real = az

    def ours(self, *words: str) -> Answer:
        errors: list[str] = []
        self.tools.context = dataclasses.replace(self.tools.context, error=errors.append)
        status, output = self.tools.az(*words)
        return Answer(status, output and output + "\n", "".join(f"{line}\n" for line in errors))

    def same(self, *words: str) -> Answer:
        """The answer to ``words``, which must be that of the real az.

        ``{own}`` in a word becomes a repository of each one's own: what changes something.
        """
        ours = self.ours(*(word.replace("{own}", "app-ours") for word in words))
        theirs = self._real.answer(*(word.replace("{own}", "app-theirs") for word in words))
        # After an error of usage az goes on with examples; those are not compared.
        told = ours.error if ours.status != 2 else theirs.error[: len(ours.error)]
        shown = theirs.error if ours.status != 2 else theirs.error[: len(ours.error)]
        assert _plain(ours._replace(error=told)) == _plain(theirs._replace(error=shown)), words
        return ours


def _plain(answer: Answer) -> tuple[object, ...]:
    return answer.status, *(_VARIES.sub("*", text).rstrip("\n") for text in answer[1:])


@pytest.fixture(scope="module")
def both(
    local_cloud: LocalCloud, az: Az, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """Both, and in the registry the repositories ``app-ours`` and ``app-theirs`` with two tags."""
    cloud = Cloud(local_cloud.home)
    cloud.proxy_url = local_cloud.proxy_url
    tools = Tools(cloud, tmp_path_factory.mktemp("both"))
    tools.context = dataclasses.replace(tools.context, identities=Identities((cloud.owner,)))
    assert tools.az("login", "--identity")[0] == 0
    both = Both(az, tools)
    images = [f"app-{whose}:{tag}" for whose in ("ours", "theirs") for tag in ("1", "2")]
    words = [word for image in [*images, "read:1", "read:2"] for word in ("--image", image)]
    answer = both.ours("acr", "import", "-n", registry.name, "--source", NODE, *words)
    assert answer.status == 0, answer
    yield both
    tools.context.session.close()
    cloud.close()


def test_what_is_read_is_shown_alike(both: Both, registry: Registry) -> None:
    acr = ("-n", registry.name)
    digest = both.ours(
        *("acr", "repository", "show", *acr, "--image", "read:1", "--query", "digest", "-o", "tsv")
    ).output.strip()
    some = "{server: loginServer, sku: sku.name, admin: adminUserEnabled, id: id}"
    for words in (
        ("show", *acr, "--query", some),
        ("repository", "list", *acr, "-o", "tsv"),
        ("repository", "show-tags", *acr, "--repository", "read", "--orderby", "time_desc"),
        ("repository", "show-tags", *acr, "--repository", "read", "--detail", "--top", "1"),
        ("repository", "show-manifests", *acr, "--repository", "read"),
        ("repository", "show", *acr, "--repository", "read"),
        ("repository", "show", *acr, "--image", f"read@{digest}", "-o", "yaml"),
        ("manifest", "show-metadata", "-r", registry.name, "-n", "read:2", "-o", "table"),
        ("manifest", "list-metadata", f"{registry.server}/read", "--query", "[].tags", "-o", "tsv"),
        ("manifest", "list-referrers", f"{registry.server}/read:1"),
        ("manifest", "show", "-r", registry.name, "-n", f"read@{digest}", "--raw"),
    ):
        assert both.same("acr", *words).status == 0, words


def test_what_is_changed_is_changed_alike(both: Both, registry: Registry) -> None:
    acr = ("-n", registry.name)
    image = ("--image", "{own}:1")
    locked = both.same("acr", "repository", "update", *acr, *image, "--write-enabled", "false")
    assert '"writeEnabled": false' in locked.output
    untag = both.same("acr", "repository", "untag", *acr, *image)
    assert (untag.status, "The operation is disallowed" in untag.error) == (1, True)
    assert both.same("acr", "repository", "delete", *acr, *image, "--yes").status == 1
    both.same("acr", "repository", "update", *acr, *image, "--write-enabled", "true")
    both.same("acr", "repository", "update", *acr, "--repository", "{own}", "--delete-enabled")
    assert both.same("acr", "repository", "untag", *acr, *image).status == 0
    both.same("acr", "manifest", "delete", "-r", registry.name, "-n", "{own}:2", "--yes")
    both.same("acr", "repository", "show-tags", *acr, "--repository", "{own}")
    both.same("acr", "import", *acr, "--source", NODE, "-t", "{own}:4")
    both.same("acr", "repository", "delete", *acr, "-t", "{own}:4", "--yes")
    both.same("acr", "import", *acr, "--source", f"{registry.server}/read:1", "-t", "{own}:3")
    both.same("acr", "repository", "delete", *acr, "--repository", "{own}", "--yes")


def test_an_import_is_refused_alike(both: Both, registry: Registry) -> None:
    acr = ("acr", "import", "-n", registry.name)
    again = both.same(*acr, "--source", NODE, "-t", "read:1")
    assert (again.status, "read:1 already exists in target registry." in again.error) == (1, True)
    for words in (
        ("--source", "node:15-alpine"),
        ("--source", "docker/node:15-alpine"),
        ("--source", NODE, "--username", "somebody"),
        ("--source", "read:1", "--registry", "nosuchregistry"),
        ("--source", f"{registry.server}/never:1", "-t", "x:1"),
        ("--source", "docker.io/library/never:1", "-t", "x:1"),
        ("--source", "nosuchregistry.azurecr.io/x:1", "-t", "x:1"),
        ("--source", f"{registry.server}/read:1", "-u", "me", "-p", "wr0ng", "-t", "x:1"),
    ):
        answer = both.same(*acr, *words)
        assert (answer.status != 0, "wr0ng" in answer.error) == (True, False), answer
    both.same("acr", "import", "-n", "nosuchregistry", "--source", NODE)
    both.same("acr", "import", "-n", registry.name, "-g", "nosuchgroup", "--source", NODE)


def test_an_import_takes_a_registry_in_three_forms(both: Both, registry: Registry) -> None:
    acr = ("acr", "import", "-n", registry.name, "--force")
    twice = both.same(
        *(*acr, "--registry", registry.name, "--source", f"{registry.server}/read:1"),
        *("-t", "again:1", "--no-wait"),
    )
    assert twice.error.count("WARNING: ") == 2
    both.same(*acr, "--registry", registry.id, "--source", "read:1", "-t", "again:2")
    both.same(*acr, "--registry", registry.server, "--source", "read:1", "-t", "again:3")
    quiet = both.same(
        *(*acr, "--registry", registry.server, "--source", "read:1", "-t", "again:3"),
        *("--no-wait", "--only-show-errors"),
    )
    assert quiet == (0, "", "")


def test_a_registry_is_found_on_any_page_of_the_listing(both: Both, registry: Registry) -> None:
    """A page has 100 registries, in the order of creation."""
    group = registry.id.partition("/providers/")[0]
    names = [f"paged{uuid.uuid4().hex}" for _ in range(101)]
    headers = {"Authorization": f"Bearer {registry.cloud.token()}"}
    for name in names:
        answer = registry.http.put(
            f"https://management.azure.com{group}/providers/Microsoft.ContainerRegistry"
            f"/registries/{name}",
            params={"api-version": "2025-11-01"},
            json={"location": "eastus", "sku": {"name": "Premium"}},
            headers=headers,
            timeout=60,
        )
        assert answer.status_code < 300, answer.text
    source = ("--source", "read:1", "-t", "x:1")
    missing = both.same("acr", "import", "-n", registry.name, "-r", names[-1], *source)
    assert "Unable to find manifest digest" in missing.error
    source = ("--source", f"{names[-1]}.azurecr.io/read:1", "-t", "x:1")
    missing = both.same("acr", "import", "-n", registry.name, *source)
    assert "Unable to find manifest digest" in missing.error
    shown = both.same("acr", "show", "-n", names[-1], "--query", "name", "-o", "tsv")
    assert shown.output.strip() == names[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("repository", "show", "-n", "REGISTRY"),
        ("repository", "show", "-n", "REGISTRY", "--image", "read:9"),
        ("repository", "show", "-n", "REGISTRY", "--repository", "never"),
        ("repository", "show", "-n", "REGISTRY", "--image", "a:b:c"),
        ("repository", "show", "-n", "SERVER", "--image", "read:9"),
        ("repository", "show", "-n", "a.example", "--image", "read:9"),
        ("repository", "show-tags", "-n", "REGISTRY", "--repository", "never"),
        ("repository", "update", "-n", "REGISTRY", "--image", "read:1", "--read-enabled", "maybe"),
        ("repository", "untag", "-n", "REGISTRY", "--image", "read:9"),
        ("repository", "untag", "-n", "REGISTRY", "--image", "read@sha256:12"),
        ("repository", "delete", "-n", "REGISTRY", "--image", "read:1"),
        ("manifest", "show-metadata", "-r", "REGISTRY"),
        ("manifest", "show-metadata", "-r", "REGISTRY", "-n", "read:9"),
        ("manifest", "list-referrers", "read:1"),
        ("manifest", "list-metadata", "-r", "REGISTRY", "-n", "read:1"),
        ("manifest", "delete", "-r", "REGISTRY", "-n", "read:1"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_alike(
    both: Both, registry: Registry, words: tuple[str, ...]
) -> None:
    given = {"REGISTRY": registry.name, "SERVER": registry.server}
    answer = both.same("acr", *(given.get(word, word) for word in words))
    assert answer.status != 0
    assert answer.error.startswith(("ERROR: ", "WARNING: "))


def test_attributes_are_changed_by_a_token(both: Both, registry: Registry) -> None:
    """With user and password nobody has to be logged in to Azure."""
    token = both.ours(
        *("acr", "login", "-n", registry.name, "--expose-token"),
        *("--query", "accessToken", "-o", "tsv"),
    ).output.strip()
    user = "00000000-0000-0000-0000-000000000000"
    login = ("-u", user, "-p", token)
    words = ("acr", "repository", "show", "-n", registry.name, "--image", "read:1", *login)
    assert both.same(*words).status == 0
    wrong = both.ours(*words[:-1], "wr0ng")
    assert (wrong.status, "Access to registry" in wrong.error, "wr0ng" in wrong.error) == (
        *(1, True),
        False,
    )
