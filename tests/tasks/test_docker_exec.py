"""``docker exec`` in the steps of a task, on the containers of its run alone."""

from __future__ import annotations

from tests.tasks.running import HEAD, Registry

WAIT = "while :; do sleep 0.1; done"


def test_another_command_in_a_detached_step(registry: Registry) -> None:
    task = f"""{HEAD}
  - id: web
    cmd: bash -c 'echo mine > /made; {WAIT}'
    detach: true
    keep: true
    env: [GIVEN=given]
  - cmd: docker exec -it web bash -c 'until [ -s /made ]; do sleep 0.1; done; cat /made; echo $GIVEN'
  - cmd: docker exec -e MORE -w /tmp -u 0 web bash -c 'echo $GIVEN $MORE $PWD'
    env: [MORE=more]
  - cmd: docker container exec --env-file given web bash -c 'echo from $A'
  - cmd: docker exec -d web bash -c 'echo later > /later'
  - cmd: docker exec web bash -c 'until [ -s /later ]; do sleep 0.1; done; cat /later'
  - {{cmd: docker exec web bash -c 'exit 5', ignoreErrors: true}}
  - {{cmd: docker exec web never, ignoreErrors: true}}
  - {{cmd: docker exec nobody true, ignoreErrors: true}}
  - cmd: docker stop -t 0 web
  - {{cmd: docker exec web true, ignoreErrors: true}}
"""
    ended = registry.wait(registry.files({"task.yaml": task, "given": "A=file\n"}))
    assert ended.status == "Succeeded", ended.log
    for line in ("mine", "given", "given more /tmp", "from file", "later"):
        assert line in ended.lines, ended.log
    assert "failed with exit code: 5" in ended.log or "exit status 5" in ended.log, ended.log
    assert 'exec: "never": executable file not found in $PATH: unknown' in ended.log
    assert "Error response from daemon: No such container: nobody" in ended.lines
    refused = "Error response from daemon: Container "
    assert any(one.startswith(refused) and one.endswith(" is not running") for one in ended.lines)


def test_what_is_secret_is_masked(registry: Registry) -> None:
    task = f"""{HEAD}
  - cmd: bash -c '{WAIT}'
    id: web
    detach: true
  - cmd: docker exec web bash -c 'echo out; echo {{{{.Values.word}}}}; echo $GIVEN'
  - cmd: docker exec -e GIVEN web bash -c 'echo given $GIVEN'
    env: ["GIVEN={{{{.Values.word}}}}"]
"""
    values = [{"name": "word", "value": "hunter2-secret", "isSecret": True}]
    ended = registry.wait(registry.text(task, values=values))
    assert ended.status == "Succeeded", ended.log
    assert {"out", "***", "given ***"} <= set(ended.lines), ended.log
    assert "hunter2-secret" not in ended.log


def test_it_does_not_reach_another_run(registry: Registry) -> None:
    waiting = registry.text(f"{HEAD}  - id: theirs\n    cmd: bash -c 'echo begun; sleep 60'\n")
    registry.wait_for(waiting, "begun")
    ended = registry.wait(registry.text(f"{HEAD}  - cmd: docker exec theirs true\n"))
    assert "No such container: theirs" in ended.log
    assert ended.status == "Failed"
    assert registry.get(waiting)["status"] == "Running"
    assert registry.call("POST", f"/runs/{waiting}/cancel").status_code in (200, 202)
    registry.wait(waiting)


def test_it_ends_with_the_run_and_the_time_of_the_step(registry: Registry) -> None:
    server = f"  - id: web\n    cmd: bash -c '{WAIT}'\n    detach: true\n"
    words = "docker exec web bash -c 'echo begun; sleep 300'"
    cancelled = registry.text(f"{HEAD}{server}  - cmd: {words}\n")
    registry.wait_for(cancelled, "begun")
    assert registry.call("POST", f"/runs/{cancelled}/cancel").status_code in (200, 202)
    assert registry.wait(cancelled).status == "Canceled"
    ended = registry.wait(registry.text(f"{HEAD}{server}  - cmd: {words}\n    timeout: 5\n"))
    assert ended.status != "Succeeded"
    assert "begun" in ended.lines
