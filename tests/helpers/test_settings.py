"""Names: what Azure would refuse, and what follows from the others."""

from __future__ import annotations

import pytest

from helpers.settings import Settings, SettingsError, check_color, password_secret, token_name


def test_the_names_of_the_article_follow_from_the_defaults() -> None:
    settings = Settings()
    assert settings.groups == (
        "publicregistry-rg",
        "acmebaseartifacts-rg",
        "acmerockets-rg",
        "acr-task-credentials-rg",
        "hello-world-aci-rg",
    )
    assert settings.registries == ("publicregistry", "acmebaseartifacts", "acmerockets")
    assert settings.all_groups == (*settings.groups, "acmestaging-rg")
    assert settings.all_registries == (*settings.registries, "acmestaging")
    assert settings.staging_group == "acmestaging-rg"
    assert settings.staging_login_server == "acmestaging.azurecr.io"
    assert settings.public_login_server == "publicregistry.azurecr.io"
    assert settings.base_artifacts_login_server == "acmebaseartifacts.azurecr.io"
    assert settings.vault_url == "https://acr-task-credentials.vault.azure.net"
    assert token_name(settings.registry) == "registry-acmerockets-user"
    assert settings.secret_url(password_secret("acmerockets")) == (
        "https://acr-task-credentials.vault.azure.net/secrets/registry-acmerockets-password"
    )
    assert Settings(**settings.parameters()) == settings


def test_a_login_server_is_lower_case() -> None:
    assert Settings(registry="AcmeRockets").login_server == "acmerockets.azurecr.io"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"registry": "acme"}, "5 to 50 characters"),
        ({"registry": "a" * 51}, "5 to 50 characters"),
        ({"public_registry": "acme-rockets"}, "only letters and digits"),
        ({"base_artifacts_registry": ""}, "5 to 50 characters"),
        ({"vault": "1vault"}, "begins with a letter"),
        ({"vault": "a--b"}, "no two hyphens in a row"),
        ({"vault": "a" * 25}, "3 to 24"),
        ({"vault": "vault-"}, "ends with a letter or digit"),
        ({"instance": "Hello"}, "lower-case"),
        ({"instance": "-hello"}, "hyphen"),
        ({"instance": "a" * 64}, "1 to 63"),
        ({"location": "East US"}, "lower-case letters"),
        ({"good_color": "no colour"}, "good_color='no colour': a colour is"),
        ({"cloud": "aws"}, "'local' or 'azure'"),
        ({"registry": "publicREGISTRY"}, "names one of them twice"),
        ({"registry": "AcmeStaging"}, "staging_registry are four registries: .* one of them twice"),
        ({"staging_registry": "acmerockets"}, "names one of them twice"),
        ({"staging_registry": "acme-staging"}, "only letters and digits"),
    ],
)
def test_a_name_that_azure_would_refuse_is_refused_with_the_rule(
    change: dict[str, str], rule: str
) -> None:
    with pytest.raises(SettingsError, match=rule):
        Settings(**change)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(SettingsError, match="a name is a text"):
        Settings(registry=12345)  # type: ignore[arg-type]


def test_azure_needs_names_of_ones_own() -> None:
    with pytest.raises(SettingsError, match=r"unique in the whole world.*public_registry"):
        Settings(cloud="azure")
    own = {"public_registry": "pubabc", "base_artifacts_registry": "baseabc"}
    with pytest.raises(SettingsError, match="registry, vault"):
        Settings(cloud="azure", **own)
    assert Settings(cloud="azure", registry="teamabc", vault="vault-abc", **own).cloud == "azure"


def test_azure_needs_a_name_for_staging_only_where_it_is_used() -> None:
    own = {"public_registry": "pubabc", "base_artifacts_registry": "baseabc", "vault": "vault-abc"}
    without = Settings(cloud="azure", registry="teamabc", **own)
    assert without.all_registries == without.registries
    assert without.all_groups == without.groups  # nothing of that name is the reader's
    for name in ("staging_group", "staging_login_server"):
        with pytest.raises(
            SettingsError, match=r"own for staging_registry in notebooks/settings\.toml or"
        ):
            getattr(without, name)
    named = Settings(cloud="azure", registry="teamabc", staging_registry="StageAbc", **own)
    assert named.staging_login_server == "stageabc.azurecr.io"
    assert named.all_groups == (*without.groups, "StageAbc-rg")


@pytest.mark.parametrize("color", ["Red", "DeepSkyBlue", "rebeccapurple", "GREY", "#ffa500"])
def test_a_colour_as_css_writes_it(color: str) -> None:
    check_color("good_color", color)


@pytest.mark.parametrize("color", ["", "dark red", "#fff", "red;", "red\n", 7, None])
def test_what_is_no_colour_is_refused_with_the_parameters_name(color: object) -> None:
    with pytest.raises(SettingsError, match=r"^good_color=.*: a colour is one English word"):
        check_color("good_color", color)


@pytest.mark.parametrize(
    ("color", "instead"),
    [
        ("Chartreus", "'chartreuse'"),
        ("Orang", "'orange'"),
        ("transparent", "'"),
        ("xyzzy", "'Orange'"),
    ],
)
def test_a_word_that_css_knows_no_colour_by_is_refused(color: str, instead: str) -> None:
    with pytest.raises(
        SettingsError, match=f"CSS knows no colour of that name.*instance {instead}"
    ):
        check_color("good_color", color)


@pytest.mark.parametrize("owner", ["", "a", "contoso-learner", "x" * 39])
def test_an_owner_as_github_names_it(owner: str) -> None:
    assert Settings(github_owner=owner).github_owner == owner


def test_groups_are_named_by_a_pattern() -> None:
    settings = Settings(group_pattern="rg-{}")
    assert settings.registry_group == "rg-acmerockets"
    assert settings.groups[-1] == "rg-hello-world-aci"
    for wrong in ("mine", "{}{}", "{} rg", "{}.", "{}/x"):
        with pytest.raises(SettingsError, match=r"^group_pattern="):
            Settings(group_pattern=wrong)
