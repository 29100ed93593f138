"""The functions of templates: Go's own, and those of Sprig 2.22, which the engine has.

Source: Go documentation, text/template "Functions"; Sprig 2.22.0, functions.go. What only later
versions of Sprig have (get, dig, seq, fromJson, toRawJson, chunk, must…) is not defined on Azure.
"""

from __future__ import annotations

from .builtins import BUILTINS
from .regular_expressions import EXPRESSIONS
from .semantic_versions import VERSIONS
from .signatures import GoFunction
from .sprig_certificates import CERTIFICATES
from .sprig_chance import CHANCE
from .sprig_cryptography import CRYPTOGRAPHY
from .sprig_dates import DATES
from .sprig_dictionaries import DICTIONARIES
from .sprig_lists import LISTS
from .sprig_numbers import NUMBERS
from .sprig_paths import PATHS
from .sprig_strings import STRINGS
from .sprig_values import VALUES

FUNCTIONS: dict[str, GoFunction] = {
    **BUILTINS,
    **VALUES,
    **STRINGS,
    **NUMBERS,
    **LISTS,
    **DICTIONARIES,
    **DATES,
    **PATHS,
    **EXPRESSIONS,
    **VERSIONS,
    **CRYPTOGRAPHY,
    **CERTIFICATES,
    **CHANCE,
}
