"""What the tags of a resource, a group or a subscription may be.

Source: Azure documentation, "Use tags to organize your Azure resources", limitations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import CloudError

_MOST, _NAME, _VALUE = 50, 512, 256  # tags, characters of a name, of a value
_RESERVED = re.compile(r"[<>%&\\?/\x00-\x1f]")


def checked(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags as they are kept: names compare without case, the last of one name counts.

    Raises 400 for tags that Azure does not take.
    """
    spelled = {name.lower(): name for name in tags}
    kept = {name: tags[name] for name in spelled.values()}
    if len(kept) > _MOST:
        raise _invalid(
            f"Total number of tags is {len(kept)}. A resource can have at most {_MOST} tags.",
            "TooManyTags",
        )
    wrong = [name for name in kept if not name or _RESERVED.search(name)]
    if wrong:
        raise _invalid(
            f"The tag names '{', '.join(wrong)[:200]}' have reserved characters '<,>,%,&,\\,?,/' or "
            "control characters.",
            "InvalidTagNameCharacters",
        )
    for name, value in kept.items():
        if len(name) > _NAME or len(value) > _VALUE:
            raise _invalid(
                f"The tag '{name[:100]}' is too long: a name has at most {_NAME} characters, a value "
                f"{_VALUE}.",
                "InvalidTagLength",
            )
    return kept


def _invalid(message: str, code: str) -> CloudError:
    return CloudError(400, code, message)
