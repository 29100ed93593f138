"""What the services of one local cloud share: its folder, account, store, content and outbox."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import atomic
from .built_in_roles import OWNER
from .changes import Changes
from .content import ContentStore
from .directory import Directory
from .errors import CloudError
from .operations import Operations
from .outbox import Outbox
from .passwords import new_password
from .permissions import Permissions
from .principals import Principal, Principals
from .resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from .store import Resource, Store


@dataclass(frozen=True)
class Account:
    """The tenant, subscription and service principal of a local cloud, and its GitHub account."""

    tenant_id: str
    subscription_id: str
    client_id: str
    object_id: str
    client_secret: str = field(repr=False)
    github_owner: str
    github_token: str = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Account:
        """Read the account at ``path``; made anew, owner-only, when there is none.

        Raises :class:`CloudError` when it is damaged.
        """
        if not path.exists():
            account = cls(
                tenant_id=str(uuid.uuid4()),
                subscription_id=str(uuid.uuid4()),
                client_id=str(uuid.uuid4()),
                object_id=str(uuid.uuid4()),
                client_secret=new_password(40),
                github_owner="importing-public-content",
                github_token="ghp_" + secrets.token_hex(18),
            )
            atomic.write(path, json.dumps(asdict(account), indent=2), durable=True)
        try:
            return cls(**json.loads(path.read_text()))
        except (TypeError, ValueError) as error:
            what = str(error) if isinstance(error, ValueError) else "it does not hold an account"
            raise CloudError(
                500,
                "DamagedState",
                f"The state in {path.parent} is damaged: {path.name}, which says what its "
                f"subscription and its service principal are: {what}. To begin anew: "
                "python -m helpers reset",
            ) from None


class Cloud:
    """One local cloud, rooted at a state folder.

    ``proxy_url`` is where its front door listens; set before services start. What has not to outlive
    a process is in its ``scratch`` folder, whose name in the state folder is ``scratch_name``. A
    process beside the daemon does not ``provision``: it opens what the daemon has made. One of the
    daemon's own knows that the state is of this version: ``checked``.
    """

    def __init__(self, home: Path, *, provision: bool = True, checked: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.chmod(0o700)
        self.home = home
        # First: a state of a newer version stays untouched.
        self.store = Store(home / "state.db", checked=checked)
        self.account = Account.load(home / "account.json")
        self.content = ContentStore(home / "content")
        self.outbox = Outbox(self.store)
        self.changes = Changes(self.store)
        self.operations = Operations(self.store)
        self.permissions = Permissions(self.store)
        self.principals = Principals(self.store, self.account.tenant_id, home / "signing-key.pem")
        self.directory = Directory(self.store, self.principals)
        self.proxy_url = ""
        self.ca_file = home / "ca.pem"
        self.scratch_name = "sandbox"
        if provision:
            self._provision()

    @property
    def subscription(self) -> str:
        """ARM id of the only subscription."""
        return f"/subscriptions/{self.account.subscription_id}"

    @property
    def owner(self) -> Principal:
        """The tutorial's own service principal, Owner of the subscription."""
        found = self.principals.find(object_id=self.account.object_id)
        assert found is not None
        return found

    def folder(self, name: str) -> Path:
        """A service's own folder in the state folder, owner-only."""
        path = self.home / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def scratch(self) -> Path:
        """Where what is removed at the latest with its process lies, owner-only."""
        path = self.home / self.scratch_name
        path.mkdir(mode=0o700, exist_ok=True, parents=True)
        return path

    def _provision(self) -> None:
        self.principals.make_key()
        account = self.account
        self.principals.add(
            "tutorial",
            secret=account.client_secret,
            app_id=account.client_id,
            object_id=account.object_id,
        )
        name = str(uuid.uuid5(uuid.UUID(account.subscription_id), "owner"))
        assignment_id = f"{self.subscription}/providers/{ASSIGNMENT_TYPE}/{name}"
        if self.store.get(assignment_id) is not None:
            return
        self.store.put(
            Resource(
                id=assignment_id,
                type=ASSIGNMENT_TYPE,
                name=name,
                resource_group="",
                body={
                    "properties": {
                        "roleDefinitionId": f"{self.subscription}/providers/"
                        f"{DEFINITION_TYPE}/{OWNER.guid}",
                        "principalId": account.object_id,
                        "principalType": "ServicePrincipal",
                        "scope": self.subscription,
                    }
                },
            )
        )

    def close(self) -> None:
        """Deliver no more events, tell of no more changes, close the store."""
        self.changes.close()
        self.outbox.stop()
        self.store.close()
