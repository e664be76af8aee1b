"""Fills prompt templates with the values of a row, in sandboxed Jinja. Runs inside the bounded worker only.

What a template costs in time and memory is bounded by the worker around it, not here. What it can reach is
bounded here: no attribute with an underscore, no file, no other template, nothing random, and values cannot
be changed. Values are never rendered again: a value "{{ 7*7 }}" stays those nine characters. A value of None
reads "None", as in any Python program that fills a template.

    {"do": "load", "prompts": {id: [[role, template], ...]}}  -> {"loaded": how many}; replaces those before
    {"do": "variables", "templates": [template, ...]}         -> {"variables": [name, ...]} or {"error": ...}
    {"do": "render", "prompt": id, "values": {name: value}}   -> {"messages": [[role, text], ...]} or "error"
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.inputs.limits import MAX_ANSWER_BYTES, TOO_DEEP, TOO_LONG, TOO_MUCH_MEMORY

_FILE = "<prompt>"
_TAGS: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.Extends: "extends",
}


class _Environment(ImmutableSandboxedEnvironment):
    # Taking these operators over keeps the compiler from working 10**10**10 out while it compiles.
    intercepted_binops = frozenset({"*", "**", "+", "%"})


class Renderer:
    """The prompts of one worker process, each compiled at its first use and kept."""

    def __init__(self) -> None:
        self._environment = _Environment(undefined=jinja2.StrictUndefined, autoescape=False, loader=None)
        # Nothing random: the same row gives the same text.
        del self._environment.globals["lipsum"]
        del self._environment.filters["random"]
        self._sources: dict[str, list[tuple[str, str]]] = {}
        self._compiled: dict[str, list[tuple[str, jinja2.Template]] | str] = {}

    def perform(self, job: dict[str, Any]) -> dict[str, Any]:
        """Carry one job out (see the module); whatever the template does wrong is told in "error"."""
        match job["do"]:
            case "render":
                return self._render(job["prompt"], job["values"])
            case "variables":
                return self._variables(job["templates"])
            case "load":
                self._compiled.clear()
                self._sources = {
                    name: [(role, text) for role, text in each] for name, each in job["prompts"].items()
                }
                return {"loaded": len(self._sources)}
            case other:
                raise ValueError(f"no such job: {other}")

    def _render(self, prompt: str, values: dict[str, Any]) -> dict[str, Any]:
        compiled = self._compiled.get(prompt)
        if compiled is None:
            compiled = self._compiled[prompt] = self._compile_prompt(self._sources[prompt])
        if isinstance(compiled, str):
            return {"error": compiled}
        room = MAX_ANSWER_BYTES
        messages: list[list[str]] = []
        for role, template in compiled:
            pieces: list[str] = []
            try:
                for piece in template.root_render_func(template.new_context(values)):
                    room -= len(piece)
                    if room < 0:
                        return {"error": TOO_LONG}
                    pieces.append(piece)
            except Exception as error:
                return {"error": _told(error, template)}
            messages.append([role, "".join(pieces)])
        return {"messages": messages}

    def _variables(self, templates: list[str]) -> dict[str, Any]:
        names: set[str] = set()
        for text in templates:
            try:
                names |= meta.find_undeclared_variables(self._parse(text))
            except Exception as error:
                return {"error": _told(error)}
        return {"variables": sorted(names)}

    def _compile_prompt(self, sources: list[tuple[str, str]]) -> list[tuple[str, jinja2.Template]] | str:
        try:
            return [(role, self._compile(text)) for role, text in sources]
        except Exception as error:
            return _told(error)

    def _compile(self, text: str) -> jinja2.Template:
        code = self._environment.compile(self._parse(text), filename=_FILE)
        return jinja2.Template.from_code(self._environment, code, self._environment.make_globals(None))

    def _parse(self, text: str) -> nodes.Template:
        tree = self._environment.parse(text, filename=_FILE)
        for node in tree.find_all(tuple(_TAGS)):
            raise jinja2.TemplateSyntaxError(
                f"'{_TAGS[type(node)]}' is not available in a prompt", node.lineno
            )
        return tree


def _told(error: Exception, template: jinja2.Template | None = None) -> str:
    """What went wrong in a template, with its line where that is known."""
    line: int | None = None
    match error:
        case MemoryError():
            return TOO_MUCH_MEMORY
        case RecursionError():
            return TOO_DEEP
        case jinja2.TemplateSyntaxError():
            line, what = error.lineno, error.message or "wrong syntax"
        case SecurityError():
            what = f"not allowed: {error}"
        case _:
            what = str(error) or type(error).__name__
    if template is not None:
        line = _line(error.__traceback__, template)
    what = re.sub(r"\s+", " ", what)[:300]
    return f"line {line}: {what}" if line else what


def _line(trace: TracebackType | None, template: jinja2.Template) -> int | None:
    """The last line of the template on the way to an error."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


perform = Renderer().perform
