"""Whoever runs pytest here, over tests or over notebooks, gets names for the cells of notebooks."""

import os
import sys

pytest_plugins = ["tests.nbval_names"]

# Tests start hundreds of processes: what one of them has compiled serves all, whatever the shell says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
