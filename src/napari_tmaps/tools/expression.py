"""Filters that a person types: `Area > 200 and well in ('B03', 'B04') and not is_border`.

The text is read by Python's own parser, and only the few kinds of terms below are followed; nothing
of it is ever run. A column with other characters than letters, digits and _ stands in backquotes:
`` `Hu-moment-1` > 0 ``.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import Categories, FeatureTable

_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: np.float_power,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "isnan": np.isnan,
}
_BLOCK = 1 << 20
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Expression:
    """A filter that was read.

    Attributes
    ----------
    text
        As it was typed.
    columns
        Names of the columns that it uses.
    """

    text: str
    columns: tuple[str, ...]
    _term: ast.expr
    _names: dict[str, str]

    def evaluate(self, table: FeatureTable) -> npt.NDArray[np.bool_]:
        """True for each object that it holds for; (rows,). A missing value never fits.

        Raises
        ------
        NotFoundError
            A column that is not there.
        InputError
            Names where numbers are needed, or the other way round.
        """
        columns = {name: table.column(name) for name in self.columns}
        found = np.empty(len(table), bool)
        for start in range(0, len(table), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(table)))
            with np.errstate(all="ignore"):
                value = _Walk(self, columns, rows).of(self._term)
            if np.asarray(value).dtype.kind != "b":
                raise InputError(
                    f"'{self.text}' is no condition but a number. Compare it with something, e.g. "
                    f"{self.text} > 0."
                )
            found[rows] = value
        return found


def parse(text: str) -> Expression:
    """Read a filter.

    Raises
    ------
    InputError
        It is no condition on columns; the message says what does not fit.
    """
    names: dict[str, str] = {}

    def quoted(match: re.Match[str]) -> str:
        names[f"_column_{len(names)}"] = match[1]
        return f" _column_{len(names) - 1} "

    if len(text) > 10_000:
        raise InputError("The filter is longer than 10,000 characters. Use gates instead.")
    plain = re.sub(r"`([^`]+)`", quoted, text).strip()
    try:
        term = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            f"The filter '{text}' cannot be read: {getattr(error, 'msg', error)}. Write e.g. "
            "Area > 200 and well == 'B03'; put names with other characters than letters, digits "
            "and _ in backquotes."
        ) from error
    _check(term, text, 0)
    found = [
        names.get(node.id, node.id)
        for node in ast.walk(term)
        if isinstance(node, ast.Name) and node.id not in _FUNCTIONS
    ]
    return Expression(text, tuple(dict.fromkeys(found)), term, names)


def _check(term: ast.AST, text: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise InputError(f"The filter '{text[:60]}…' is nested too deeply. Use gates instead.")
    match term:
        case ast.BoolOp(values=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            parts = [part]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others):
            parts = [left]
            for sign, other in zip(ops, others, strict=True):
                if isinstance(sign, ast.In | ast.NotIn) and isinstance(other, ast.Tuple | ast.List):
                    parts += other.elts
                elif type(sign) in _COMPARE:
                    parts.append(other)
                else:
                    raise _refused(text, other)
        case ast.Call(func=ast.Name(id=name), args=[part], keywords=[]) if name in _FUNCTIONS:
            parts = [part]
        case ast.Name(id=name) if name not in _FUNCTIONS:
            parts = []
        case ast.Constant(value=value) if isinstance(value, int | float | str):
            parts = []
        case _:
            raise _refused(text, term)
    for part in parts:
        _check(part, text, depth + 1)


def _refused(text: str, term: ast.AST) -> InputError:
    shown = ast.unparse(term)
    return InputError(
        f"'{shown[:60]}' cannot stand in the filter '{text[:200]}'. It may hold columns, numbers, "
        f"texts, < <= > >= == != in, and or not, + - * / **, and {', '.join(_FUNCTIONS)}."
    )


@dataclass(frozen=True, slots=True)
class _Walk:
    """The value of terms for some rows."""

    expression: Expression
    columns: dict[str, Any]
    rows: slice

    def of(self, term: ast.expr) -> Any:
        match term:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                value = self.columns[self.expression._names.get(name, name)]
                return value if isinstance(value, Categories) else value[self.rows]
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                value = self.condition(parts[0])
                for part in parts[1:]:
                    value = join(value, self.condition(part))
                return value
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return np.logical_not(self.condition(part))
            case ast.UnaryOp(operand=part):
                return -self.number(part)
            case ast.BinOp(left=left, op=op, right=right):
                return _ARITHMETIC[type(op)](self.number(left), self.number(right))
            case ast.Call(func=ast.Name(id=name), args=[part]):
                return _FUNCTIONS[name](self.number(part))
            case ast.Compare(left=left, ops=ops, comparators=others):
                value = True
                for sign, other in zip(ops, others, strict=True):
                    value = np.logical_and(value, self.compare(left, sign, other))
                    left = other
                return value
        raise _refused(self.expression.text, term)

    def condition(self, term: ast.expr) -> Any:
        value = self.of(term)
        if np.asarray(value).dtype.kind != "b":
            raise InputError(
                f"'{ast.unparse(term)}' in the filter '{self.expression.text}' is no condition. "
                "Compare it with something."
            )
        return value

    def number(self, term: ast.expr) -> Any:
        value = self.of(term)
        if isinstance(value, Categories | str):
            raise self.mixed(term)
        # Whole numbers of few bits would overflow; 0/1 count.
        return np.asarray(value, np.float64)

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Any:
        if isinstance(op, ast.In | ast.NotIn):
            items = right.elts if isinstance(right, ast.Tuple | ast.List) else []
            value: Any = False
            for item in items:
                value = np.logical_or(value, self.compare(left, ast.Eq(), item))
            return np.logical_not(value) if isinstance(op, ast.NotIn) else value
        a, b = self.of(left), self.of(right)
        if isinstance(b, Categories) and isinstance(a, str):
            a, b = b, a
        if isinstance(a, Categories):
            if not isinstance(b, str) or not isinstance(op, ast.Eq | ast.NotEq):
                raise self.mixed(left)
            fits = np.array([name == b for name in a.names] + [False])
            same = fits[a.codes[self.rows]]
            return same if isinstance(op, ast.Eq) else np.logical_not(same)
        if isinstance(a, str) or isinstance(b, str | Categories):
            raise self.mixed(right)
        value = _COMPARE[type(op)](a, b)
        if isinstance(op, ast.NotEq):  # a missing value is no other value
            value = (
                value & ~np.isnan(np.asarray(a, np.float64)) & ~np.isnan(np.asarray(b, np.float64))
            )
        return value

    def mixed(self, term: ast.expr) -> InputError:
        return InputError(
            f"'{ast.unparse(term)}' in the filter '{self.expression.text}': names can only be "
            "compared with names in quotes, by ==, != or in, and numbers with numbers."
        )
