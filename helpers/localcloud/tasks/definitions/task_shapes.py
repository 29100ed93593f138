"""The types that the engine reads a task file and its aliases into, property by property.

Fields of the engine that have no name of their own in YAML are read there all the same, by their
names in small letters: a file that has one with a value of another type is refused.

Source: acr-builder, graph/task.go, graph/step.go, graph/network.go, graph/preprocessor.go,
pkg/secretmgmt/secret.go, pkg/volume.
"""

from __future__ import annotations

from .yaml_values import ListOf, MapOfTexts, Scalar, Shape, Struct

_TEXT = Scalar("string", "a text")
_NUMBER = Scalar("int", "a whole number")
_FLAG = Scalar("bool", "true or false")
_MOMENT = Scalar("time.Time", "a date")
_ANYTHING = Scalar("anything", "")
_TEXTS = ListOf("[]string", "a list of texts, even of one", _TEXT)
_NUMBERS = ListOf("[]int", "a list of whole numbers", _NUMBER)
_NAMES = MapOfTexts("map[string]string", "a mapping of names to texts")


def _struct(kind: str, /, **fields: Shape) -> Struct:
    return Struct(kind, "a mapping", fields)


def _list(item: Struct) -> ListOf:
    return ListOf(f"[]*{item.name}", "a list", item, pointers=True)


def _all(shape: Shape, names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


_SECRET = _struct(
    "secretmgmt.Secret",
    **_all(_TEXT, "id keyvault clientID resolvedvalue aadresourceid"),
    resolvedchan=Scalar("chan bool", "left out"),
    timeoutchan=Scalar("chan struct {}", "left out"),
)
_REFERENCE = _struct("image.Reference", **_all(_TEXT, "registry repository tag digest reference"))
_STEP = _struct(
    "graph.Step",
    **_all(
        _TEXT,
        "id cmd build workingDirectory entryPoint user network isolation cpus cache stepstatus "
        "defaultbuildcachetag",
    ),
    **_all(_TEXTS, "push env expose ports when retryOnErrors tags buildargs"),
    **_all(_NUMBERS, "exitedWith exitedWithout"),
    **_all(
        _NUMBER,
        "timeout startDelay retryDelay retries repeat cmdDownloadRetries cmdDownloadRetryDelay",
    ),
    **_all(_FLAG, "keep detach privileged ignoreErrors disableWorkingDirectoryOverride pull"),
    **_all(_MOMENT, "starttime endtime"),
    volumeMounts=_list(_struct("volume.Mount", **_all(_TEXT, "name mountPath"))),
    completedchan=_ANYTHING,
    imagedependencies=_list(
        _struct(
            "image.Dependencies",
            image=_REFERENCE,
            runtime=_REFERENCE,
            buildtime=_list(_REFERENCE),
            git=_struct("image.GitReference", githeadrev=_TEXT),
        )
    ),
)
TASK = _struct(
    "graph.Task",
    **_all(_TEXT, "version workingDirectory registryname registry taskname"),
    **_all(_FLAG, "isbuildtask initbuildkitcontainer"),
    steps=_list(_STEP),
    stepTimeout=_NUMBER,
    secrets=_list(_SECRET),
    networks=_list(
        _struct(
            "graph.Network",
            **_all(_TEXT, "name driver"),
            **_all(_FLAG, "ipv6 skipCreation isDefault"),
        )
    ),
    volumes=_list(_struct("volume.Volume", name=_TEXT, secret=_NAMES)),
    env=_TEXTS,
    credentials=_list(
        _struct(
            "graph.RegistryCredential",
            **_all(
                _TEXT,
                "registry username usernametype password passwordtype identity armresourceid",
            ),
        )
    ),
    registrylogincredentials=_struct("graph.RegistryLoginCredentials"),
    dag=_struct("graph.Dag"),
)
ALIASES = _struct(
    "graph.wrapper",
    alias=_struct("graph.Alias", src=_TEXTS, values=_NAMES, directive=_TEXT),
)
NAMES = _NAMES
