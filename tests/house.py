"""What the house test reads out of the source: modules, their imports, and what they do while being imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
MUTABLE_CALLS = ("list", "dict", "set", "deque", "defaultdict", "Counter", "OrderedDict", "bytearray")
CHANGING = ("append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "clear", "discard")


@dataclass(frozen=True)
class Import:
    """One import of one module; `deferred` if it stands inside a function."""

    module: str
    deferred: bool


@dataclass(frozen=True)
class Module:
    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def n_lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def imports(self) -> list[Import]:
        inside = {id(node) for function in self.functions for node in ast.walk(function) if node is not function}
        return [
            Import(module, id(node) in inside) for node in ast.walk(self.tree) for module in _imported_modules(node)
        ]

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def undocumented(self) -> list[str]:
        """Return the public names that say nothing of themselves."""
        nodes = [self.tree, *self.tree.body]
        classes = [node for node in self.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        nodes += [part for node in classes for part in node.body]
        return [
            getattr(node, "name", "the module")
            for node in nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not getattr(node, "name", "").startswith("_")
            and not ast.get_docstring(node)
        ]

    def deeds_at_import(self) -> list[int]:
        """Return lines of statements that do something when the module is imported."""
        return [node.lineno for node in self.tree.body if _is_deed(node)]

    def changing_state(self) -> list[str]:
        """Return module-level containers that somebody changes, or whose name does not say that nobody does."""
        names = {name: is_container for node in self.tree.body for name, is_container in _assigned(node)}
        return [
            name
            for name, is_container in names.items()
            if is_container and (not name.strip("_").isupper() or name in self._changed_names)
        ] + [name for node in ast.walk(self.tree) if isinstance(node, ast.Global) for name in node.names]

    @cached_property
    def _changed_names(self) -> set[str]:
        changed = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                changed.add(ast.unparse(node.value))
            if isinstance(node, ast.Attribute) and node.attr in CHANGING:
                changed.add(ast.unparse(node.value))
        return changed


def modules(folder: str) -> list[Module]:
    """Return every Python file of a folder of the repository, the name as it is imported."""
    return [
        Module(path, ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def _imported_modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = ROOT.joinpath(*node.module.split("."), alias.name)
            is_module = inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()
            yield f"{node.module}.{alias.name}" if is_module else node.module
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        first = node.args[0]
        yield first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"


def _is_deed(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return "__name__" not in ast.unparse(node.test) and "TYPE_CHECKING" not in ast.unparse(node.test)
    harmless = (
        ast.Import,
        ast.ImportFrom,
        ast.Assign,
        ast.AnnAssign,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
    )
    return not isinstance(node, harmless)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, bool]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    is_call = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MUTABLE_CALLS
    displays = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    for target in targets:
        if isinstance(target, ast.Name) and not target.id.startswith("__"):
            yield target.id, is_call or isinstance(value, displays)
