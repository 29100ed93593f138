"""Exercises of 04: secrets that a run reads, the rights of an identity, what a site is built on."""

from __future__ import annotations

from .. import runs
from ..settings import password_secret, token_name
from .answers import Choice, Digest, Names, plain
from .exercise import Context, Exercise, equals


def _secrets(answer: frozenset[str], context: Context) -> bool | str:
    settings = context.settings
    right = {
        plain(name(registry))
        for registry in (settings.public_registry, settings.registry)
        for name in (token_name, password_secret)
    }
    if plain(settings.git_token_secret) in answer:
        return "The git token is not read by the run: the task was given a copy of it."
    if answer < right:
        return "That is right, and not all of them."
    return answer == right


def _less_than_owner(_: None, context: Context) -> bool | str:
    settings, clients = context.settings, context.clients
    task = context.site_task
    group = clients.resources.resource_groups.get(settings.instance_group)
    identity = task.identity.principal_id if task.identity else None
    roles = {
        clients.authorization.role_definitions.get_by_id(one.role_definition_id).role_name
        for one in clients.authorization.role_assignments.list_for_scope(group.id)
        if one.principal_id == identity
    }
    if "Owner" in roles:
        return f"The identity is still Owner of {settings.instance_group}."
    if "Contributor" not in roles:
        return f"The identity has no role that lets it deploy to {settings.instance_group}."
    newest = runs.newest(
        context.connection, settings.registry_group, settings.registry, "hello-world"
    )
    if newest is None or newest.status != "Succeeded":
        return "The rights are as they should be. The newest run has not succeeded."
    return True


EXERCISES = (
    Exercise(
        "04.1",
        Names("registry-somebody-user"),
        _secrets,
        hints=(
            "Two things in this run need a password: the build that pulls its base image, and the "
            "container instance. Where does each find it?",
            "One pair of names is in the task's credentials, the other below secrets: in acr-task.yaml. "
            "There, {{.Run.RegistryName}} is the name of the team's registry.",
        ),
        because=(
            "Two user names and two passwords, read as the task's identity while the run starts. The "
            "push needed none, and neither did signing in to Azure."
        ),
    ),
    Exercise(
        "04.2",
        Choice("the git token", "the access policy", "the registry token"),
        equals("the access policy"),
        hints=(
            "Rights belong to an identity, not to a task's name. Which identity does the new task have?",
            "It has a new one. Who reads the secrets, and which list says who may?",
        ),
        because=(
            "The new task has a new identity, and the vault's policies still name the old one. Give the "
            "new one a policy, and the role on the instance's group."
        ),
    ),
    Exercise(
        "04.3",
        Digest(),
        lambda answer, context: answer in context.built_on,
        hints=(
            "The task remembers what its last run was built on: base_image_dependencies of its step.",
            'The cell below "What Azure has learned" has looked it up: runtime[0] has a registry, a '
            "repository, a tag and a digest.",
        ),
        because=(
            "That is the image which node:15-alpine pointed to when the site was built. When the tag "
            "points to another digest, the task runs."
        ),
    ),
    Exercise(
        "04.4",
        None,
        _less_than_owner,
        hints=(
            'The cell below "Second right: deploy" has made the assignment for Owner. Make one for '
            "Contributor, delete that one, and run the task.",
            "role_assignments.create and role_assignments.delete both take the scope and the "
            "assignment's name. The name is the GUID that was derived from scope, role and identity.",
        ),
        because="Contributor may manage what is in the group, and give rights to nobody.",
    ),
)
