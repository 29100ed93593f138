"""acr purge and its companions in a task's step: what they delete, what they never delete."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry.credentials import Credential
from helpers.localcloud.tasks.tools import acr
from helpers.localcloud.tasks.tools.acr_filters import Expression, FilterError, split_filter
from helpers.localcloud.tasks.tools.acr_registry import AcrRegistry
from helpers.localcloud.tasks.tools.duration import parse_age
from helpers.localcloud.tasks.tools.purge import Purge, Rules
from tests.conftest import LocalCloud
from tests.tasks.running import Registry
from tests.tasks.test_tools import Tools

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest(),
    "size": 2,
}


class Content:
    """A registry as its owner fills and reads it, by plain HTTP."""

    def __init__(self, cloud: LocalCloud, server: str) -> None:
        self.server = server
        self.user = (cloud.account.client_id, cloud.account.client_secret)
        self._http = cloud.http()

    def _call(
        self, method: str, repository: str, path: str, body: Any = None, kind: str = ""
    ) -> requests.Response:
        wanted = {"service": self.server, "scope": f"repository:{repository}:*"}
        url = f"https://{self.server}"
        token = self._http.get(f"{url}/oauth2/token", params=wanted, auth=self.user).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        if kind:
            headers["Content-Type"] = kind
        return self._http.request(method, f"{url}{path}", data=body, headers=headers, timeout=60)

    def push(self, repository: str, tag: str, number: int = 0, **more: Any) -> dict[str, Any]:
        """An image that is told from others by its number; "" pushes by digest. Its descriptor."""
        if "manifests" not in more:
            path = f"/v2/{repository}/blobs/uploads/?digest={CONFIG['digest']}"
            answer = self._call("POST", repository, path, b"{}", "application/octet-stream")
            assert answer.status_code == 201, answer.text
            more = {"config": CONFIG, "layers": [], **more}
        kind = INDEX if "manifests" in more else MANIFEST
        content = {"schemaVersion": 2, "mediaType": kind, "annotations": {"n": str(number)}, **more}
        data = json.dumps(content).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        path = f"/v2/{repository}/manifests/{tag or digest}"
        answer = self._call("PUT", repository, path, data, kind)
        assert answer.status_code == 201, answer.text
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def lock(self, repository: str, place: str, **attributes: bool) -> None:
        """Change attributes of a tag or manifest."""
        body = json.dumps(attributes)
        path = f"/acr/v1/{repository}/{place}".rstrip("/")
        answer = self._call("PATCH", repository, path, body, "application/json")
        assert answer.status_code == 200, answer.text

    def tags(self, repository: str) -> set[str]:
        """The tags that are there."""
        answer = self._call("GET", repository, f"/acr/v1/{repository}/_tags?n=1000").json()
        return {one["name"] for one in answer.get("tags") or []}

    def digests(self, repository: str) -> set[str]:
        """The manifests that are there."""
        answer = self._call("GET", repository, f"/acr/v1/{repository}/_manifests?n=1000").json()
        return {one["digest"] for one in answer.get("manifests") or []}


class Acr(Tools):
    """The acr of a step whose run is logged in to the registry."""

    def acr(self, *words: str) -> tuple[int, list[str]]:
        """Exit status, and the lines of output and errors."""
        self.lines.clear()
        return acr.run(list(words), self.context), list(self.lines)

    def purge(self, *words: str) -> list[str]:
        """The lines of a purge that succeeds."""
        status, lines = self.acr("purge", *words)
        assert status == 0, lines
        return lines


@pytest.fixture(scope="module")
def content(local_cloud: LocalCloud, registry: Registry) -> Content:
    return Content(local_cloud, registry.server)


@pytest.fixture(scope="module")
def tool(
    local_cloud: LocalCloud, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Acr]:
    cloud = Cloud(local_cloud.home)
    cloud.proxy_url = local_cloud.proxy_url
    tool = Acr(cloud, tmp_path_factory.mktemp("acr"))
    account = local_cloud.account
    credential = Credential(account.client_id, account.client_secret)
    tool.context.session.login(registry.server, credential)
    tool.context = dataclasses.replace(tool.context, registry=registry.server)
    yield tool
    tool.context.session.close()
    cloud.close()


def summary(lines: list[str]) -> list[int]:
    """The numbers of the last two lines."""
    assert lines[-3] == ""
    return [int(line.rpartition(" ")[2]) for line in lines[-2:]]


def test_a_purge_deletes_old_tags_that_match_and_says_so(tool: Acr, content: Content) -> None:
    for number, tag in enumerate(("v1", "v2", "latest")):
        content.push("plain", tag, number)
    dry = tool.purge("--filter", "plain:^v", "--ago", "0d", "--untagged", "--dry-run")
    assert dry[:2] == [
        "DRY RUN: The following output shows what WOULD be deleted if the purge command was "
        "executed. Nothing is deleted.",
        "Would delete tags for repository: plain",
    ]
    assert f"Would delete: {content.server}/plain:v1" in dry
    assert "Would delete manifests for repository: plain" in dry
    assert dry[-2:] == ["Number of tags to be deleted: 2", "Number of manifests to be deleted: 2"]
    assert content.tags("plain") == {"v1", "v2", "latest"}
    assert summary(tool.purge("--filter", "plain:^v", "--ago", "1d", "--untagged")) == [0, 0]
    lines = tool.purge("--filter", "plain:^v", "--ago", "0d", "--untagged")
    assert lines[0] == "Deleting tags for repository: plain"
    assert f"Deleted {content.server}/plain:v2" in lines
    assert "Deleting manifests for repository: plain" in lines
    assert lines[-2:] == ["Number of deleted tags: 2", "Number of deleted manifests: 2"]
    assert content.tags("plain") == {"latest"}
    assert len(content.digests("plain")) == 1


def test_the_newest_are_kept_among_those_that_match(tool: Acr, content: Content) -> None:
    for number in range(5):
        content.push("kept", f"v{number}", number)
    content.push("kept", "other", 9)
    lines = tool.purge("-f", "kept:^v", "--ago", "0m", "--keep", "2", "--concurrency", "4")
    assert summary(lines) == [3, 0]
    assert content.tags("kept") == {"v3", "v4", "other"}


def test_more_than_a_page_of_tags_is_purged_and_kept(tool: Acr, content: Content) -> None:
    for number in range(230):
        content.push("pages", f"t{number:03}", 0)
    lines = tool.purge("-f", "pages:.*", "--ago", "0s", "--keep", "130", "--untagged")
    assert summary(lines) == [100, 0]
    assert content.tags("pages") == {f"t{number:03}" for number in range(100, 230)}


@pytest.mark.parametrize("attributes", [{"writeEnabled": False}, {"deleteEnabled": False}])
def test_what_is_locked_stays_unless_it_is_included(
    tool: Acr, content: Content, attributes: dict[str, bool]
) -> None:
    name = f"locked-{next(iter(attributes)).lower()}"
    content.push(name, "open", 1)
    content.push(name, "shut", 2)
    manifest = content.push(name, "", 3)
    content.lock(name, "_tags/shut", **attributes)
    content.lock(name, f"_manifests/{manifest['digest']}", **attributes)
    purge = ("-f", f"{name}:.*", "--ago", "0d", "--untagged")
    assert summary(tool.purge(*purge)) == [1, 1]
    assert content.tags(name) == {"shut"}
    assert manifest["digest"] in content.digests(name)
    dry = tool.purge(*purge, "--include-locked", "--dry-run")
    assert summary(dry) == [1, 2]
    assert content.tags(name) == {"shut"}
    assert summary(tool.purge(*purge, "--include-locked")) == [1, 2]
    assert content.digests(name) == set()


def test_what_an_index_has_or_what_has_a_subject_stays(tool: Acr, content: Content) -> None:
    child, lone = content.push("graph", "", 1), content.push("graph", "", 2)
    deep = content.push("graph", "", 3)
    inner = content.push("graph", "", 4, manifests=[deep])
    index = content.push("graph", "multi", 5, manifests=[child, inner])
    signed = content.push("graph", "", 6, subject=index, artifactType="application/x.signature")
    dangling = content.push("graph", "", 7, manifests=[lone])
    lines = tool.purge("-f", "graph:^never$", "--ago", "0d", "--untagged")
    assert summary(lines) == [0, 2]
    kept = {one["digest"] for one in (child, deep, inner, index, signed)}
    assert content.digests("graph") == kept
    assert f"Deleted {content.server}/graph@{dangling['digest']}" in lines


def test_an_index_that_is_locked_keeps_what_it_has(tool: Acr, content: Content) -> None:
    child = content.push("held", "", 1)
    index = content.push("held", "", 2, manifests=[child])
    content.lock("held", f"_manifests/{index['digest']}", deleteEnabled=False)
    assert summary(tool.purge("-f", "held:.*", "--ago", "0d", "--untagged")) == [0, 0]
    assert content.digests("held") == {child["digest"], index["digest"]}


def test_untagged_only_needs_neither_age_nor_filter(tool: Acr, content: Content) -> None:
    content.push("only", "tag", 1)
    gone = content.push("only", "", 2)
    lines = tool.purge("-f", "only:.*", "--untagged-only")
    assert (summary(lines), "Deleting tags for repository: only" in lines) == ([0, 1], False)
    assert gone["digest"] not in content.digests("only")
    assert content.tags("only") == {"tag"}
    assert summary(tool.purge("-f", "only:.*", "--untagged-only", "--ago", "3d")) == [0, 0]


def test_age_counts_for_tags_and_manifests(tool: Acr, content: Content) -> None:
    content.push("aged", "old", 1)
    content.push("aged", "", 2)
    registry = AcrRegistry(tool.context.cloud, content.server, Credential(*content.user))
    rules = Rules(ago="1d12h", untagged=True)
    for ahead, expected in ((timedelta(hours=35), (0, 0)), (timedelta(hours=37), (1, 2))):
        lines: list[str] = []
        now = datetime.now(timezone.utc) + ahead
        purge = Purge(registry, rules, lines.append, lambda: False, now=now)
        purge.run({"aged": ".*"})
        assert (purge.tags, purge.manifests) == expected, lines


def test_repositories_are_chosen_by_expressions(tool: Acr, content: Content) -> None:
    for name in ("team/one", "team/two", "teams"):
        content.push(name, "a", 1)
        content.push(name, "b", 2)
    purge = ("--ago", "0d", "-f", "team/.*:^a$", "-f", "team/(?!one).*:^b$", "-f", "team/one:^x")
    assert summary(tool.purge(*purge)) == [3, 0]
    left = [content.tags(name) for name in ("team/one", "team/two", "teams")]
    assert left == [{"b"}, set(), {"a", "b"}]
    lines = tool.purge("-f", "never:.*", "--ago", "0d", "--untagged")
    assert lines.count("never repository not found") == 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a:b", ("a", "b")),
        (".*:(?i:x)", (".*", "(?i:x)")),
        ("a:[:x]", ("a", "[:x]")),
        ("a:^(?!latest).*$", ("a", "^(?!latest).*$")),
        ("a", "unable to correctly parse filter flag"),
        ("a:b:c", "unable to correctly parse filter flag"),
        (":b", "missing repository name/expression"),
        ("a:", "missing tag name/expression"),
    ],
)
def test_a_filter_is_two_expressions(text: str, parts: tuple[str, str] | str) -> None:
    if isinstance(parts, str):
        with pytest.raises(FilterError, match=parts):
            split_filter(text)
    else:
        assert split_filter(text) == parts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ago", "1d"), 'required flag(s) "filter" not set'),
        (("-f", "plain:.*"), 'required flag(s) "ago" not set'),
        (("-f", "plain:(", "--ago", "1d"), "error parsing regexp: missing )"),
        (("-f", "plain(:x", "--ago", "1d"), "error parsing regexp: missing )"),
        (("-f", "plain", "--ago", "1d"), "unable to correctly parse filter flag"),
        (("-f", "plain:.*", "--ago", "soon"), 'time: invalid duration "soon"'),
        (("-f", "plain:.*", "--ago", "10"), 'time: missing unit in duration "10"'),
        (("-f", "plain:.*", "--ago", "1d2w"), 'time: unknown unit "w" in duration "2w"'),
        (("-f", "plain:.*", "--ago", "1d", "--min-tags", "3"), "unknown flag: --min-tags"),
        (
            ("-f", "plain:.*", "--ago", "1d", "--untagged", "--untagged-only"),
            "[untagged untagged-only] were all set",
        ),
        (("-f", "plain:.*", "--ago", "1d", "-r", "other"), "unable to resolve authentication"),
        (("-f", "plain:.*", "--ago", "1d", "--keep", "many"), "invalid int value: 'many'"),
    ],
)
def test_a_purge_that_makes_no_sense_deletes_nothing(
    tool: Acr, content: Content, words: tuple[str, ...], message: str
) -> None:
    content.push("plain", "safe", 1)
    status, lines = tool.acr("purge", *words)
    assert (status, lines[-1].startswith("Error: ")) == (1, True), lines
    assert message in lines[-1]
    assert "safe" in content.tags("plain")


def test_an_expression_that_backtracks_is_stopped(tool: Acr, content: Content) -> None:
    content.push("slow", "a" * 60 + "b", 1)
    begun = time.monotonic()
    status, lines = tool.acr(
        *("purge", "-f", "slow:^(a|aa)+$", "--ago", "0d"),
        *("--filter-timeout-seconds", "1"),
    )
    assert status == 1, lines
    assert "match timeout after 1s" in lines[-1]
    assert lines[-5].startswith("Failed to complete purge: ")
    assert lines[-2:-1] == ["Number of deleted manifests: 0"]
    assert time.monotonic() - begun < 60
    assert len(content.tags("slow")) == 1
    with pytest.raises(FilterError, match="longer than"):
        Expression("a" * 5000, 1)


@pytest.mark.parametrize("text", ["(?R)", "a(?1)?", "v(?&x)", "(?P>x)"])
def test_an_expression_that_calls_itself_is_none(text: str) -> None:
    with pytest.raises(FilterError, match="unrecognized grouping construct"):
        Expression(text, 1)
    assert Expression(rf"\{text[:1]}?v", 1).finds("v1")


@pytest.mark.parametrize("text", ["^v{e}$", "^v{,5}$", "^v{i<=3}$", "^v{1,2}{$"])
def test_a_brace_that_begins_no_count_is_a_character(text: str) -> None:
    expression = Expression(text, 1)
    assert not any(map(expression.finds, ["", "v", "vvv", "v10", "x"]))
    assert Expression("^v{e}$", 1).finds("v{e}")
    assert Expression(r"^\p{L}{1,2}[0-9]{2}$", 1).finds("v10")


def test_an_expression_that_needs_too_much_memory_is_refused() -> None:
    script = (
        "import resource\n"
        "from helpers.localcloud.tasks.tools.acr_filters import Expression, FilterError\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 28, 1 << 28))\n"
        "try:\n"
        "    Expression('((a{1000}){1000}){1000}', 1)\n"
        "except FilterError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "needs more memory than a run has" in told.stdout


def test_what_matches_everything_is_everything(tool: Acr, content: Content) -> None:
    """It is what was asked for; a dry run shows how much that is."""
    content.push("every", "one", 1)
    dry = tool.purge("-f", ".*:.*", "--ago", "0d", "--dry-run")
    assert f"Would delete: {content.server}/every:one" in dry
    assert len([line for line in dry if line.startswith("Would delete tags for")]) > 2
    assert "one" in content.tags("every")


def test_what_fails_is_named_and_ends_the_purge(tool: Acr, content: Content) -> None:
    """Who may read a registry and not delete in it sees what was refused, and no success."""
    content.push("fixed", "tag", 1)
    content.lock("fixed", "", writeEnabled=False, deleteEnabled=False)
    status, lines = tool.acr("purge", "-f", "fixed:.*", "--ago", "0d", "-u", "nobody", "-p", "x")
    assert (status, "error resolving authentication: UNAUTHORIZED" in lines[-1]) == (1, True), lines
    assert content.tags("fixed") == {"tag"}


def test_tags_and_manifests_are_listed_and_deleted(tool: Acr, content: Content) -> None:
    first, second = content.push("some", "a", 1), content.push("some", "b", 2)
    repository = ("--repository", "some")
    status, lines = tool.acr("tag", "list", "-r", content.server, *repository)
    assert (status, lines[0]) == (0, 'Listing tags for the "some" repository:')
    assert set(lines[1:]) == {f"{content.server}/some:a", f"{content.server}/some:b"}
    for other in ("a?b", "a#b", "a%3Fb"):  # no tag has such a name
        assert tool.acr("tag", "delete", *repository, other)[0] == 1
    assert content.tags("some") == {"a", "b"}
    assert tool.acr("tag", "delete", *repository, "a") == (0, [f"{content.server}/some:a"])
    status, lines = tool.acr("tag", "delete", *repository, "a")
    assert (status, "failed to delete tags" in lines[-1]) == (1, True)
    status, lines = tool.acr("manifest", "list", *repository)
    assert set(lines[1:]) == {f"{content.server}/some@{one['digest']}" for one in (first, second)}
    assert tool.acr("manifest", "delete", *repository, second["digest"])[0] == 0
    assert content.digests("some") == {first["digest"]}
    assert tool.acr("tag", "list")[1] == ['Error: required flag(s) "repository" not set']
    assert "works on Azure only" in tool.acr("annotate")[1][0]
    assert 'unknown command "purges"' in tool.acr("purges")[1][0]
    assert tool.acr("version")[0] == 0


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("0", 0),
        ("1d", 24),
        ("2d3h6m", 51.1),
        ("1h15m", 1.25),
        ("90m", 1.5),
        ("1.5h", 1.5),
        ("7d", 168),
    ],
)
def test_ages(text: str, hours: float) -> None:
    assert parse_age(text) == (timedelta(hours=hours), False)


@pytest.mark.parametrize("text", ["99999999d", "9999999999h", "54750d24h"])
def test_ages_end_at_150_years(text: str) -> None:
    assert parse_age(text) == (timedelta(days=150 * 365), True)


@pytest.mark.parametrize("text", ["", "d", "abcd", "1dd", "h", "1d ", "-"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_age(text)
