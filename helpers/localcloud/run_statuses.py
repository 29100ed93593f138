"""The statuses of a run, as Azure Container Registry names them (REST reference, "Runs")."""

from __future__ import annotations

FINAL = ("Succeeded", "Failed", "Canceled", "Error", "Timeout")
GOING = ("Started", "Running")
