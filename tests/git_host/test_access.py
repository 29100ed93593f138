"""What the cloud's own services read of a repository: by the rules of api.github.com."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.git_host.access import RepositoryNotFoundError, find
from helpers.localcloud.git_host.authentication import BadCredentialsError
from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create


@pytest.fixture
def cloud(local_cloud: LocalCloud) -> Iterator[Cloud]:
    cloud = Cloud(local_cloud.home)
    yield cloud
    cloud.close()


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("token", ["", "ghp_wrong", "right"])
def test_it_answers_as_the_rest_route_does(
    local_cloud: LocalCloud, cloud: Cloud, private: bool, token: str
) -> None:
    owner, name = create(local_cloud, private=private).split("/")
    token = local_cloud.account.github_token if token == "right" else token
    for wanted in (name, name.upper(), "nothing"):
        headers = {"Authorization": f"token {token}"} if token else {}
        url = f"https://api.github.com/repos/{owner}/{wanted}"
        status = local_cloud.http().get(url, headers=headers).status_code
        if status == 200:
            found = find(cloud, owner, wanted, token)
            assert (found.name, found.private) == (name, private)
            assert (found.path / "HEAD").is_file()
        else:
            refusal = {401: BadCredentialsError, 404: RepositoryNotFoundError}[status]
            with pytest.raises(refusal):
                find(cloud, owner, wanted, token)


def test_the_url_of_a_clone_names_the_same_repository(
    local_cloud: LocalCloud, cloud: Cloud
) -> None:
    owner, name = create(local_cloud).split("/")
    assert find(cloud, owner, f"{name}.git") == find(cloud, owner, name)
