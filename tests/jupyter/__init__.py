"""Tests of helpers.jupyter."""
