"""Container groups that are large: bodies, variables, commands."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError

from .running_groups import Groups


def test_a_body_that_is_too_large_is_refused(groups: Groups) -> None:
    variables = [{"name": f"V{index}", "value": "x" * 1_000_000} for index in range(10)]
    with pytest.raises(HttpResponseError) as refused:
        groups.create("large", "true", container={"environmentVariables": variables})
    assert refused.value.status_code == 413
    assert refused.value.error is not None
    assert refused.value.error.code == "RequestContentTooLarge"


def test_a_variable_that_no_program_can_be_given_fails_the_container(groups: Groups) -> None:
    """Linux gives a program no longer one than 128 KiB (execve(2), MAX_ARG_STRLEN)."""
    variables = [{"name": "V", "secureValue": "hidden" * 50_000}]
    made = groups.create("long", "true", container={"environmentVariables": variables})
    assert made.provisioning_state == "Succeeded"
    view = groups.client.container_groups.get(groups.name, "long").containers[0].instance_view
    events = [event.message for event in view.events]
    assert any("argument list too long" in event.lower() for event in events), events
    assert view.current_state.exit_code != 0
    assert not any("hidden" in event for event in events)
