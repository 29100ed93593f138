"""Exercises of 03: what a token may do, and what its two passwords are good for."""

from __future__ import annotations

from ..settings import token_name
from .answers import Names, Number, YesNo, plain
from .exercise import Context, Exercise, equals


def _actions(answer: frozenset[str], context: Context) -> bool:
    settings = context.settings
    registries = context.clients.registries
    place = (settings.registry_group, settings.registry)
    token = registries.tokens.get(*place, token_name(settings.registry))
    scope_map = registries.scope_maps.get(*place, token.scope_map_id.rpartition("/")[2])
    return answer == frozenset(map(plain, scope_map.actions))


EXERCISES = (
    Exercise(
        "03.1",
        Number(),
        equals(404),
        hints=(
            "Which repositories does the scope map of that token name?",
            "It names all of them, also those that do not exist. So is the registry's answer \"you may "
            'not" or "there is nothing"?',
        ),
        because=(
            "_repositories_pull allows pulling from every repository. The registry has no reason to "
            "refuse, and nothing to give."
        ),
    ),
    Exercise(
        "03.2",
        Names("repositories/node/content/write"),
        _actions,
        hints=(
            "The instance pulls from the team's registry. Which scope map belongs to its token?",
            'The cell below "A token for the container instance" has made that scope map. Its '
            "attribute actions is what is asked for.",
        ),
        because=(
            "Pull hello-world from the team's registry: that is all. Set the token's status to disabled, "
            "and even that is over."
        ),
    ),
    Exercise(
        "03.3",
        YesNo(),
        equals(False),
        hints=(
            "What would happen to a running site if it did?",
            "Two passwords are there so that one can be changed while the other is in use.",
        ),
        because=(
            "Each password is made, and expires, by itself. So you can hand out the second before you "
            "renew the first."
        ),
    ),
)
