"""The functions of templates, one module for each group of them in Azure's documentation.

Source: Azure documentation, "ARM template functions".
"""

from __future__ import annotations

from ...errors import CloudError
from ..errors import ExpressionError
from . import (
    addresses,
    arrays,
    dates,
    lambdas,
    logic,
    numbers,
    objects,
    resources,
    scopes,
    strings,
)
from .function import Function

_GROUPS = (
    *(addresses, arrays, dates, lambdas, logic, numbers, objects, resources, scopes, strings),
)
FUNCTIONS: dict[str, Function] = {
    name: function for group in _GROUPS for name, function in group.FUNCTIONS.items()
}
_LIST = "list"  # begins the name of every function that is an action
# That Azure has, and that nothing here could answer.
_LACKING = {
    *("builduri", "externalinput", "managementgroup", "managementgroupresourceid", "parseuri"),
    *("pickzones",),
    *("providers", "tologicalzone", "tologicalzones", "tophysicalzone", "tophysicalzones"),
}


def find(name: str, written: str) -> Function:
    """The function of that name, in lower case, which is ``written`` so.

    Raises :class:`ExpressionError`, 501 for one that Azure has and the local cloud does not.
    """
    function = FUNCTIONS.get(name)
    if function is not None:
        return function
    if name.startswith(_LIST):
        return resources.listing(written)
    if name in _LACKING:
        raise CloudError.not_implemented(f"the template function '{written}'")
    raise ExpressionError(
        f"The template function '{written}' is not valid. Please see https://aka.ms/arm-functions "
        "for usage details"
    )


def needs_runtime(name: str) -> bool:
    """Whether a function, by its name in lower case, asks for the state of a resource."""
    return name in ("reference", "references") or name.startswith(_LIST)
