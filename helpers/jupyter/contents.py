"""What JupyterLab reads and saves: a start page that no file holds, notebooks without widget state.

A view of a widget belongs to a kernel that is gone when the page is opened again: JupyterLab then
shows "Error displaying widget: model not found" in place of the picture beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado import web

from . import start_page

START = "start.md"

_VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_OLD = "application/vnd.consume-public-content.earlier-run"  # of what is shown, never stored
_EARLIER = "Output of an earlier run:"


class Notebooks(AsyncLargeFileManager):
    """The notebooks on disk, and :data:`START`, which is written whenever it is read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._old: dict[str, set[str]] = {}  # the cells whose stored outputs are of an earlier run

    async def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,
        format: str | None = None,
        require_hash: bool = False,
    ) -> Any:
        """A file, folder or notebook, whose outputs are marked as old where no kernel has made them."""
        if path.strip("/") == START:
            return await _start_model(content, require_hash)
        model = await super().get(path, content, type, format, require_hash)
        if content and model["type"] == "notebook":
            clean(model["content"])
            name = path.strip("/")
            if name not in self._old or not await self._has_kernel(name):
                self._old[name] = set(_with_outputs(model["content"]))
            mark_as_old(model["content"], self._old[name])
        return model

    async def save(self, model: Any, path: str = "") -> Any:
        """Save it; a notebook without what :func:`clean` takes out. The start page cannot be saved."""
        _refuse_start(path)
        if model.get("type") == "notebook":
            if not _is_notebook(model.get("content")):
                raise web.HTTPError(400, "This is no notebook of format 4. Nothing was saved.")
            self._old[path.strip("/")] = _marked(model["content"])
            clean(model["content"])
        return await super().save(model, path)

    async def rename_file(self, old_path: str, new_path: str) -> Any:
        """Move it; not the start page, and nothing into its place, where it would not be seen."""
        _refuse_start(old_path, new_path)
        return await super().rename_file(old_path, new_path)

    async def delete_file(self, path: str) -> Any:
        """Delete it. The start page cannot be."""
        _refuse_start(path)
        return await super().delete_file(path)

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> Any:
        """Go back to a checkpoint. The start page has none."""
        _refuse_start(path)
        return await super().restore_checkpoint(checkpoint_id, path)

    async def file_exists(self, path: str = "") -> bool:
        """Whether there is such a file; the start page always is."""
        return path.strip("/") == START or bool(await super().file_exists(path))

    async def list_checkpoints(self, path: str) -> Any:
        """The checkpoints of a file; the start page has none."""
        return [] if path.strip("/") == START else await super().list_checkpoints(path)

    async def create_checkpoint(self, path: str) -> Any:
        """A checkpoint of a file; of the start page there is nothing to keep."""
        if path.strip("/") == START:
            return {"id": "now", "last_modified": datetime.now(timezone.utc)}
        return await super().create_checkpoint(path)

    async def _has_kernel(self, path: str) -> bool:
        """Whether a kernel runs for that notebook: then what was saved meanwhile may be of this run."""
        sessions = getattr(self.parent, "session_manager", None)
        if sessions is None:
            return False
        return any(one.get("path") == path for one in await sessions.list_sessions())


def _refuse_start(*paths: str) -> None:
    if START in (path.strip("/") for path in paths):
        raise web.HTTPError(403, "The start page is written anew whenever it is opened.")


def _is_notebook(content: Any) -> bool:
    """Whether it has the form of one; what more its format asks for, Jupyter tells as a warning."""
    return (
        isinstance(content, dict)
        and content.get("nbformat") == 4
        and isinstance(content.get("metadata"), dict)
        and _are_objects(content.get("cells"))
        and all(
            isinstance(cell.get("metadata"), dict)
            and _are_objects(cell.get("outputs", []))
            and all(
                isinstance(output.get(part, {}), dict)
                for output in cell.get("outputs", [])
                for part in ("data", "metadata")
            )
            for cell in content["cells"]
        )
    )


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


async def _start_model(content: bool, require_hash: bool) -> dict[str, Any]:
    text = await asyncio.to_thread(start_page.text) if content else None
    now = datetime.now(timezone.utc)
    return {
        "name": START,
        "path": START,
        "type": "file",
        "format": "text" if content else None,
        "mimetype": "text/markdown" if content else None,
        "content": text,
        "size": len(text.encode()) if text else None,
        "writable": True,
        "created": now,
        "last_modified": now,
        "hash": hashlib.sha256((text or "").encode()).hexdigest() if require_hash else None,
        "hash_algorithm": "sha256" if require_hash else None,
    }


def clean(notebook: Any) -> None:
    """Take views and state of widgets out of a notebook, and what marks an output as old."""
    notebook.get("metadata", {}).pop("widgets", None)
    for cell in notebook.get("cells", []):
        cell.get("metadata", {}).pop("widgets", None)
        kept = []
        for output in cell.get("outputs", []):
            if _OLD in output.get("metadata", {}):
                continue
            data = output.get("data", {})
            had = bool(data)
            for kind in (_VIEW, _STATE):
                data.pop(kind, None)
            if data or not had:  # what was nothing but a view is nothing now
                kept.append(output)
        if "outputs" in cell:
            cell["outputs"] = kept


def mark_as_old(notebook: Any, cells: Collection[str]) -> None:
    """Put a line above the outputs of ``cells``; it goes when a cell is run, and is not stored."""
    for name, cell in _with_outputs(notebook).items():
        if name in cells:
            mark = type(cell["outputs"][0])(
                output_type="display_data",
                data={"text/html": f"<em>{_EARLIER}</em>", "text/plain": _EARLIER},
                metadata={_OLD: True},
            )
            cell["outputs"].insert(0, mark)


def _marked(notebook: Any) -> set[str]:
    """The cells that have not been run since their outputs were marked as old."""
    return {
        name
        for name, cell in _with_outputs(notebook).items()
        if any(_OLD in output.get("metadata", {}) for output in cell["outputs"])
    }


def _with_outputs(notebook: Any) -> dict[str, Any]:
    """The cells that have outputs, by their id; before nbformat 4.5, by their place."""
    return {
        str(cell.get("id", number)): cell
        for number, cell in enumerate(notebook.get("cells", []))
        if cell.get("outputs")
    }
