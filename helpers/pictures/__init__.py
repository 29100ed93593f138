"""Pictures of a workflow as SVG, HTML and text; made of data alone, without a cloud or a widget."""

from .boxes import Box, Flow, news, run_lines
from .facts import Facts
from .text import Volatile
from .tree import Row, Tree

__all__ = ["Box", "Facts", "Flow", "Row", "Tree", "Volatile", "news", "run_lines"]
