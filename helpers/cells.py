"""What IPython does with the cells of a notebook: how it shows their errors, what their asserts say."""

from __future__ import annotations

import ast
import copy
import logging
import warnings
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

from . import advice
from .assertions import NOTE, Explained
from .views.front_end import interactive

if TYPE_CHECKING:
    from .clouds import Connection

_OWN = "_helpers_cells"  # the attribute of the shell that has this
# What these warn of, the error says that follows; a kernel prints warnings above it.
_TALKATIVE = ("azure.identity", "urllib3")
_OLD = (
    "<p><b>A new run begins here.</b> What stands below cells that you have not run since is of an "
    "earlier run.</p>"
)


def mark_old_outputs() -> None:
    """Say in a notebook that is begun anew which outputs are not of this run."""
    if interactive():
        from IPython.display import HTML, display

        display(HTML(_OLD))


class Cells:
    """The cells of one kernel. The notebook and its connection are known after ``begin``."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.number = ""
        self.connection: Connection | None = None
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        shell.set_custom_exc((Exception, KeyboardInterrupt), self._show)
        shell.ast_transformers.append(_Safely())

    def _show(
        self,
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> None:
        """Show what a cell ended with. ``%tb`` shows all of it."""
        shell.user_ns.pop(NOTE, None)
        if isinstance(error, SyntaxError):
            shell.showsyntaxerror()
            return
        from IPython.core.error import UsageError

        shell._get_exc_info((kind, error, traceback))  # what %tb and %debug look at
        sentence = self._sentence(error)
        if sentence is not None:
            shell._showtraceback(kind, error, [f"{kind.__name__}: {sentence}"])
            return
        shown = _of_the_cells(traceback, shell)
        if shown is None or isinstance(error, UsageError) or hasattr(error, "_render_traceback_"):
            shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
            return
        causes = error.__cause__, error.__context__, error.__suppress_context__
        error.__cause__ = error.__context__ = None
        try:
            lines = shell.InteractiveTB.structured_traceback(kind, error, shown, tb_offset=0)
        finally:
            error.__cause__, error.__context__, error.__suppress_context__ = causes
        if not _is_of_a_cell(_innermost(traceback).tb_frame.f_code, shell):
            lines.append("(%tb shows what happened inside the libraries.)")
        shell._showtraceback(kind, error, lines)

    def _sentence(self, error: BaseException) -> str | None:
        ran = [str(one) for one in self._shell.user_ns.get("In", [])]
        try:
            return advice.on(error, self.connection, ran, self.number)
        except Exception:  # noqa: BLE001 - then the error is shown as Python shows it
            return None


def of_this_kernel() -> Cells | None:
    """What shows the cells of this kernel; None where no IPython runs."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return None
    found: Cells | None = getattr(shell, _OWN, None)
    if found is None:
        found = Cells(shell)
        setattr(shell, _OWN, found)
    return found


def load_ipython_extension(_: Any) -> None:
    """For ``%load_ext helpers.cells``, and for kernels that begin with it."""
    of_this_kernel()


class _Safely(ast.NodeTransformer):
    """IPython drops a transformer that fails; then the cell must run as it is written."""

    def visit(self, node: ast.AST) -> Any:
        """The tree with explained assertions."""
        try:
            explained = ast.fix_missing_locations(Explained().visit(copy.deepcopy(node)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # IPython compiles it again, and warns then
                compile(explained, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except Exception:  # noqa: BLE001
            return node
        return explained


def _of_the_cells(traceback: TracebackType | None, shell: Any) -> TracebackType | None:
    """The part of a traceback that lies in cells; None when nothing does."""
    frames = []
    while traceback is not None:
        if _is_of_a_cell(traceback.tb_frame.f_code, shell):
            frames.append(traceback)
        traceback = traceback.tb_next
    made: TracebackType | None = None
    for one in reversed(frames):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made


def _innermost(traceback: TracebackType | None) -> TracebackType:
    assert traceback is not None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def _is_of_a_cell(code: CodeType, shell: Any) -> bool:
    return code.co_filename in getattr(shell.compile, "_filename_map", {})
