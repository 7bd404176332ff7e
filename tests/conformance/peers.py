"""Reads the requests, with what is expected of them, out of the tests of other parsers."""

import ast
import codecs
import dataclasses
import re
import sys
import types
import unittest.mock
from collections.abc import Callable, Iterator

from harness import crate, source_package

HTTPTOOLS = ("httptools", "0.9.0", "d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6")
AIOHTTP = ("aiohttp", "3.14.5", "5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178")

LITERAL = r'"(?:[^"\\]|\\.)*"'
BLANK = r"(?:\s|//[^\n]*\n|/\*.*?\*/)*"
LITERALS = rf"(?:{LITERAL}{BLANK})+"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    request: bytes
    is_valid: bool
    method: str | None = None


def text_of(literals: str) -> bytes:
    """The value of string literals of C that follow each other."""
    pieces = re.findall(LITERAL, literals, re.DOTALL)
    return b"".join(codecs.escape_decode(piece[1:-1].encode())[0] for piece in pieces)


def http_parser() -> list[Case]:
    """`test.c`: a table of valid requests, and calls that say which error is expected."""
    source = (source_package(*HTTPTOOLS) / "vendor" / "http-parser" / "test.c").read_text()
    table = source[source.index("struct message requests[]") : source.index("struct message responses[]")]
    cases = []
    for raw in re.finditer(rf"\.name *= *({LITERAL}).*?\.raw *= *({LITERALS})", table, re.DOTALL):
        name = text_of(raw[1]).decode()
        taken = sum(case.name.startswith(name) for case in cases)
        cases.append(Case(f"{name} {taken + 1}" if taken else name, text_of(raw[2]), True))
    calls = rf"test_simple(?:_type)?\({BLANK}({LITERALS}),{BLANK}(HPE_\w+)(?:,{BLANK}HTTP_(\w+))?\s*\)"
    for number, call in enumerate(re.finditer(calls, source, re.DOTALL)):
        if call[3] != "RESPONSE":
            cases.append(Case(f"simple {number}", text_of(call[1]), call[2] == "HPE_OK"))
    variables = rf"const char \*(\w+) ={BLANK}({LITERALS});\s*test_simple\(\1, (HPE_\w+)\)"
    for variable in re.finditer(variables, source, re.DOTALL):
        cases.append(Case(variable[1], text_of(variable[2]), variable[3] == "HPE_OK"))
    for kind in ("all_methods", "bad_methods"):
        names = re.search(rf"\*{kind}\[\] = {{(.*?)}};", source, re.DOTALL)
        assert names, kind
        for method in re.findall(rf"^\s*({LITERAL})", names[1], re.MULTILINE):
            request = text_of(method) + b" / HTTP/1.1\r\n\r\n"
            cases.append(Case(f"{kind} {text_of(method).decode()}", request, kind == "all_methods"))
    return cases


def httparse() -> list[Case]:
    """Its `req!` tests: `Err` is invalid, `Partial` is left out."""
    place = crate("httparse")
    source = (place / "src" / "lib.rs").read_text() + (place / "tests" / "uri.rs").read_text()
    cases = []
    for test in re.finditer(rf"req! \{{{BLANK}(\w+),{BLANK}b({LITERAL}),{BLANK}([^|]*)\|", source, re.DOTALL):
        literal = re.sub(r"\\\n\s*", "", test[2])
        if "Partial" not in test[3]:
            cases.append(Case(test[1].removeprefix("test_"), text_of(literal), "Err" not in test[3]))
    return cases


class Refused(Exception):
    """What a parser is expected to raise."""


class Parser:
    """Stands in for aiohttp's parser, and remembers what it was fed."""

    def __init__(self, raising: list[bool]) -> None:
        self.fed, self.raising, self.is_refused = b"", raising, False

    def feed_data(self, data: bytes) -> tuple[unittest.mock.MagicMock, bool, bytes]:
        self.fed += data
        if any(self.raising):
            self.is_refused = True
            raise Refused
        return unittest.mock.MagicMock(), False, b""


class Expecting:
    """Stands in for `pytest.raises`."""

    raising: list[bool] = []

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> unittest.mock.MagicMock:
        self.raising.append(True)
        return unittest.mock.MagicMock()

    def __exit__(self, kind: type | None, *_: object) -> bool:
        self.raising.pop()
        return kind is Refused


def parametrize(names: str | tuple[str, ...], values: list, **_: object) -> Callable:
    """Stands in for pytest's, and leaves what it was given on the function."""
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)

    def mark(function: types.FunctionType) -> types.FunctionType:
        rows = [value if len(keys) > 1 else (value,) for value in values]
        before = getattr(function, "rows", [{}])
        function.rows = [{**row, **dict(zip(keys, value))} for row in before for value in rows]
        return function

    return mark


class Stripped(ast.NodeTransformer):
    """A test without its assertions and its imports: only what it feeds is wanted."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        return self.replaced(node, node.names[0].name, node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        return self.replaced(node, node.module or "", node.names)

    @staticmethod
    def replaced(node: ast.stmt, module: str, names: list[ast.alias]) -> ast.stmt | list[ast.stmt]:
        """Python's own modules are as they are."""
        if module.partition(".")[0] in sys.stdlib_module_names:
            return node
        bound = [(name.asname or name.name).partition(".")[0] for name in names]
        return [ast.copy_location(ast.parse(f"{name} = stand_in({name!r})").body[0], node) for name in bound]


def stand_in(name: str) -> object:
    """Any module, but pytest with what the tests are read by."""
    module = unittest.mock.MagicMock(name=name)
    if name == "pytest":
        identity = lambda *_, **__: lambda function: function  # noqa: E731
        module.fixture = lambda *given, **_: given[0] if given else identity()
        module.mark = types.SimpleNamespace(parametrize=parametrize, skipif=identity, xfail=identity,
                                            usefixtures=identity, skip=identity, dev_mode=lambda test: test)
        module.param = lambda *values, **_: values[0] if len(values) == 1 else values
        module.raises = Expecting
    if name == "istr":
        return str
    if name == "hdrs":
        source = (source_package(*AIOHTTP) / "aiohttp" / "hdrs.py").read_text()
        return types.SimpleNamespace(**dict(re.findall(r'^(\w+)\b[^=\n]*= istr\("([^"]+)"\)', source, re.MULTILINE)))
    return module


def aiohttp() -> list[Case]:
    """The tests of its request parser, run with a parser that only remembers what it is fed."""
    path = source_package(*AIOHTTP) / "tests" / "test_http_parser.py"
    tree = ast.fix_missing_locations(Stripped().visit(ast.parse(path.read_text())))
    names: dict[str, object] = {"stand_in": stand_in}
    exec(compile(tree, str(path), "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_") and isinstance(value, types.FunctionType)]
    return [case for test in tests for case in fed_by(test)]


def fed_by(test: types.FunctionType) -> Iterator[Case]:
    """What one test feeds to the request parser, once for each of its parameters."""
    wanted = test.__code__.co_varnames[: test.__code__.co_argcount]
    if "parser" not in wanted:
        return
    rows = getattr(test, "rows", [{}])
    for number, row in enumerate(rows):
        Expecting.raising.clear()
        parser = Parser(Expecting.raising)
        values = {name: row.get(name, unittest.mock.MagicMock()) for name in wanted} | {"parser": parser}
        try:
            if is_async(test):
                run_to_the_end(test(**values))
            else:
                test(**values)
        except Exception:  # What stands in for aiohttp need not please the rest of the test.
            pass
        if parser.fed:
            name = test.__name__.removeprefix("test_")
            yield Case(f"{name} {number}" if len(rows) > 1 else name, parser.fed, not parser.is_refused)


def is_async(test: types.FunctionType) -> bool:
    return bool(test.__code__.co_flags & 0x80)


def run_to_the_end(coroutine: types.CoroutineType) -> None:
    """As far as it goes without a loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    finally:
        coroutine.close()


# How to read each, and how many requests it holds at least.
CORPORA: dict[str, tuple[Callable[[], list[Case]], int]] = {
    "http-parser": (http_parser, 90),
    "httparse": (httparse, 280),
    "aiohttp": (aiohttp, 300),
}
