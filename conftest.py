"""Whoever runs pytest here, over tests or over notebooks, gets names for the cells of notebooks."""

pytest_plugins = ["tests.nbval_names"]
