"""Carrying out a template: each resource is put as the caller would put it, when what it needs is there.

Resources that need nothing of one another are made at once: those that take a while are waited for
together. What is below a resource is put before it, unless it says that it depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from ..api_versions import newest
from ..deployments.declared import Declared
from ..deployments.errors import ExpressionError, TemplateError
from ..deployments.plan import Outputs, Plan, outputs
from ..deployments.scope import Runtime
from ..deployments.template import only_new
from ..errors import CloudError
from ..operations import IN_PROGRESS
from ..resource_types import CONTAINER_GROUP_TYPE, REGISTRY_TYPE, TASK_TYPE, VAULT_TYPE
from ..store import Resource
from . import deployment_records as records
from .deployment_inputs import WRITE, Caller, body_of, invalid_template, nested_plan
from .routing import Reply, authorize, group_of

_DELETED = {one.lower() for one in (CONTAINER_GROUP_TYPE, REGISTRY_TYPE, TASK_TYPE, VAULT_TYPE)}
_SECURE_OUTPUTS = "listoutputswithsecurevalues"
_PATIENCE = 1.0  # seconds after which a deployment looks whether it is to go on


@dataclass
class _Going:
    """A resource that is being made: the operation that it waits for, or the inner deployment."""

    began: float
    status: int
    operation: str = ""
    coming: Future[None] | None = None
    inner: Execution | None = None


@dataclass
class Execution:
    """One deployment that goes on. ``put`` makes a resource, in a what-if differently."""

    caller: Caller
    record: Resource
    plan: Plan
    goes_on: Callable[[], bool]
    around: Execution | None = None
    text: str = field(default="", repr=False)  # of the request: it tells where an error is
    waiting: dict[int, set[int]] = field(default_factory=dict)
    going: dict[int, _Going] = field(default_factory=dict)
    failed: list[CloudError] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    error: CloudError | None = None
    ended: bool = False

    def __post_init__(self) -> None:
        outside = self.around.text if self.around is not None else self.record.private.get("text")
        self.text = self.plan.text or str(outside or "")
        resources = self.plan.resources
        absent = {n for n, one in enumerate(resources) if not one.made}
        self.waiting = {
            place: set(needed) - absent
            for place, needed in enumerate(self.plan.graph.needs)
            if place not in absent
        }
        runtime = Runtime(self._reference, self._invoke)
        self.scope = replace(self.plan.scope, runtime=runtime)
        for one in resources:
            one.scope = replace(one.scope, runtime=runtime)

    # -- going on --------------------------------------------------------------------------------

    def run(self) -> None:
        """Make everything, and wait for it."""
        while not self.ended:
            coming = self.advance()
            if coming:
                wait(coming, _PATIENCE, FIRST_COMPLETED)

    def advance(self) -> list[Future[None]]:
        """Begin all that can begin; returns what must be waited for."""
        moved = True
        while moved and self.goes_on():
            moved = self._collect() | self._begin()
        if not self.goes_on() or not self.going:
            self._end()
            return []
        return [one.coming for one in self.all_going() if one.coming is not None]

    def all_going(self) -> list[_Going]:
        """What is being made, here and in the deployments within."""
        found = []
        for one in self.going.values():
            found += one.inner.all_going() if one.inner is not None else [one]
        return found

    def _begin(self) -> bool:
        ready = [place for place, needed in self.waiting.items() if not needed]
        resources = self.plan.resources
        ready.sort(key=lambda place: -resources[place].type.count("/"))
        for place in ready:
            if not self.goes_on():
                return False
            del self.waiting[place]
            began = time.time()
            try:
                self.going[place] = self._make(resources[place], began)
            except TemplateError as error:
                self._fail(place, began, _refused(resources[place], error, self.text))
            except CloudError as error:
                self._fail(place, began, error)
        return bool(ready)

    def _collect(self) -> bool:
        """Take over what has ended."""
        moved = False
        for place, one in list(self.going.items()):
            error: CloudError | None = None
            if one.inner is not None:
                one.inner.advance()
                if not one.inner.ended:
                    continue
                error = one.inner.error
            elif one.operation:
                operation = self.caller.cloud.operations.get(one.operation)
                if operation is not None and operation.status == IN_PROGRESS:
                    continue
                error = operation.error if operation is not None else None
                assert one.coming is not None
                self.caller.cloud.operations.release(one.operation, one.coming)
            moved = True
            del self.going[place]
            if error is not None:
                self._fail(place, one.began, error)
            else:
                self._succeed(place, one)
        return moved

    def _succeed(self, place: int, one: _Going) -> None:
        declared = self.plan.resources[place]
        records.done(self.caller.cloud, self.record, declared, one.began, one.status)
        self.made += one.inner.made if one.inner is not None else [declared.id]
        for needed in self.waiting.values():
            needed.discard(place)

    def _fail(self, place: int, began: float, error: CloudError) -> None:
        one = self.plan.resources[place]
        error.target = error.target or one.id
        self.failed.append(error)
        records.done(self.caller.cloud, self.record, one, began, error.status, error)

    def _end(self) -> None:
        self.ended = True
        if not self.goes_on():
            for one in self.going.values():
                if one.inner is not None:
                    one.inner.advance()  # which ends there, too
            records.ended(self.caller.cloud, self.record, "Canceled", resources=self.made)
            return
        shown: dict[str, Any] | None = None
        details = [error.body() for error in self.failed]
        if not details:
            shown = self._shown_outputs()
            if self.error is None:
                details = self.delete_surplus()
        if details:
            self.error = failure(self.record, details)
        state = "Failed" if self.error is not None else "Succeeded"
        records.ended(
            self.caller.cloud,
            self.record,
            state,
            outputs=shown,
            resources=self.made,
            error=self.error,
        )

    def _shown_outputs(self) -> dict[str, Any] | None:
        """The outputs as they are shown; None where the deployment has failed with them."""
        began, told = time.time(), Outputs()
        try:
            told = self.evaluate_outputs()
        except TemplateError as refusal:
            self.error = failure(self.record, [invalid_template(refusal, self.text).body()])
        if told.failed:
            self.error = _failed_outputs(self.record, told)
        if self.error is None and not told.shown:
            return {}
        records.done(self.caller.cloud, self.record, None, began, 200, self.error)
        if self.error is not None:
            return None
        self.record.private["outputs"] = told.values
        return told.shown

    def evaluate_outputs(self) -> Outputs:
        """The outputs. Raises :class:`TemplateError` for what cannot be one."""
        return outputs(self.plan, self.scope)

    def delete_surplus(self) -> list[dict[str, Any]]:
        """In mode Complete, delete what the template does not declare; returns what has failed."""
        if self.record.properties["mode"] != "Complete":
            return []
        details = []
        for one in surplus(self.caller, self.record, self.made):
            try:
                self.caller.send("DELETE", one.id, newest(one.id))
            except CloudError as error:
                error.target = error.target or one.id
                details.append(error.body())
        return details

    # -- one resource ----------------------------------------------------------------------------

    def _make(self, one: Declared, began: float) -> _Going:
        if one.nested:
            return _Going(began, 201, inner=self._nested(one))
        if only_new(one.written) and self.caller.cloud.store.get(one.id) is not None:
            self.leave(one)
            return _Going(began, 200)
        reply = self.put(one, body_of(one))
        going = _Going(began, reply.status)
        state = ((reply.body or {}).get("properties") or {}).get("provisioningState")
        if state in ("Failed", "Canceled"):  # as it was before: a task run, whose run is not new
            raise CloudError(
                409,
                "ResourceDeploymentFailure",
                "The resource write operation failed to complete successfully, because it reached "
                f"terminal provisioning state '{state}'.",
            )
        if reply.deferred is not None:
            going.operation = reply.deferred.operation
            going.coming = self.caller.cloud.operations.ending(going.operation)
        return going

    def leave(self, one: Declared) -> None:
        """What is there already and only to be made where it is not."""

    def put(self, one: Declared, body: dict[str, Any]) -> Reply:
        """Put one resource as the caller. Raises :class:`CloudError`."""
        return self.caller.send("PUT", one.id, one.api_version, body)

    def _nested(self, one: Declared) -> Execution:
        found, given = nested_plan(self.caller, one)
        authorize(self.caller.cloud, self.caller.principal, WRITE, one.id)
        correlation = self.record.properties["correlationId"]
        record = records.described(one.id, found, "Incremental", {}, correlation)
        private = {"template": found.template.document, "parameters": given}
        records.begun(self.caller.cloud, record, private)
        return type(self)(self.caller, record, found, self.goes_on, self)

    # -- what expressions ask for ----------------------------------------------------------------

    def _resource(self, word: str) -> Declared | None:
        """The resource of the template, or of one around it, that is called so."""
        lowered = word.lower()
        for one in self.plan.resources:
            if lowered in (one.symbol.lower(), one.id.lower(), one.name.lower()):
                return one
        return self.around._resource(word) if self.around is not None else None

    def _asked(self, word: str, version: str | None) -> tuple[str, str]:
        one = self._resource(word)
        if one is None and not word.startswith("/"):
            raise ExpressionError(
                f"The template reference '{word}' is not valid: could not find template resource or "
                "resource copy with this name. Please see "
                "https://aka.ms/arm-function-reference for usage details"
            )
        wanted = version or (one.api_version if one is not None else "")
        if not wanted:
            raise ExpressionError(
                f"The template reference '{word}' is not valid: a resource that is not in the "
                "template needs an api-version. Please see https://aka.ms/arm-function-reference for "
                "usage details"
            )
        return one.id if one is not None else word, wanted

    def _outputs(self, word: str) -> dict[str, Any]:
        """The outputs of a deployment of this template, the secure ones, too."""
        one = self._resource(word)
        record = self.caller.cloud.store.get(one.id) if one is not None and one.nested else None
        if record is None:
            raise CloudError.not_implemented(
                "listOutputsWithSecureValues of a deployment that is not in the template"
            )
        return dict(record.private.get("outputs") or {})

    def _reference(self, word: str, version: str | None, full: bool) -> Any:
        resource_id, wanted = self._asked(word, version)
        body = self.caller.send("GET", resource_id, wanted).body or {}
        if not full:
            return body.get("properties") or {}
        return {
            **{name: value for name, value in body.items() if name not in ("id", "name", "type")},
            "apiVersion": wanted,
            "subscriptionId": self.caller.cloud.account.subscription_id,
            "resourceGroupName": group_of(resource_id),
            "resourceId": resource_id,
        }

    def _invoke(self, action: str, word: str, version: str, body: Any) -> Any:
        if action.lower() == _SECURE_OUTPUTS:
            return self._outputs(word)
        resource_id, wanted = self._asked(word, version)
        return self.caller.send("POST", f"{resource_id}/{action}", wanted, body or {}).body


def surplus(caller: Caller, record: Resource, made: list[str]) -> list[Resource]:
    """What is in the group of a deployment and not in ``made``: what mode Complete deletes.

    Source: Azure documentation, "Deletion of Azure resources for complete mode deployments".
    """
    if not record.resource_group:
        return []
    kept = {one.lower() for one in made}
    found = caller.cloud.store.find(resource_group=record.resource_group)
    more = [one for one in found if one.type.lower() in _DELETED and one.key not in kept]
    return sorted(more, key=lambda one: -one.type.count("/"))  # what is below a resource first


def _refused(one: Declared, error: TemplateError, text: str) -> CloudError:
    if not isinstance(error, ExpressionError):
        return invalid_template(error, text)
    what = f"Unable to process template language expressions for resource '{one.id}'"
    return invalid_template(TemplateError(what, f". '{error}'", path=one.path), text, named=False)


def _failed_outputs(record: Resource, told: Outputs) -> CloudError:
    """The error of a deployment that has made everything, and cannot tell all of its outputs."""
    code = "DeploymentOutputEvaluationFailed"
    details = [
        {**error.body(), "target": name}
        if isinstance(error, CloudError)
        else {
            "code": code,
            "target": name,
            "message": f"The template output '{name}' is not valid: {error}.",
        }
        for name, error in told.failed.items()
    ]
    return CloudError(
        409,
        code,
        f"Unable to evaluate template outputs: '{','.join(told.failed)}'. Please see error details "
        "and deployment operations. Please see https://aka.ms/arm-common-errors for usage details.",
        target=record.id,
        details=details,
    )


def failure(record: Resource, details: list[dict[str, Any]]) -> CloudError:
    """The error of a deployment of which something has failed."""
    return CloudError(
        409,
        "DeploymentFailed",
        "At least one resource deployment operation failed. Please list deployment operations for "
        "details. Please see https://aka.ms/arm-deployment-operations for usage details.",
        target=record.id,
        details=details,
    )
