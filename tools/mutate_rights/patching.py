"""Puts other code into functions of a program that is loaded already."""

import ast
import gc
from collections import defaultdict
from collections.abc import Sequence
from types import CodeType, FunctionType

from tools.mutate_rights.mutation import Mutation, Place

Functions = dict[str, list[FunctionType]]


class NotPatched(Exception):
    """The mutation is of something else than the code of a function."""


def loaded_objects() -> list[object]:
    """All that exists now, with what tests/sharing.py keeps from being collected."""
    gc.unfreeze()
    return gc.get_objects()


def loaded_functions() -> Functions:
    """Every named function that exists now, by the file that it is written in."""
    found: Functions = defaultdict(list)
    for thing in loaded_objects():
        if type(thing) is not FunctionType:  # isinstance would wake lazy objects
            continue
        if thing.__code__.co_name != "<lambda>":
            found[thing.__code__.co_filename].append(thing)
    return found


def patch(mutation: Mutation, source: bytes, functions: Sequence[FunctionType]) -> None:
    """Give `functions`, all of the mutation's file, the code with the mutation."""
    if not mutation.bodies:
        raise NotPatched("it is no function's")
    around = [f for f in functions if place_of(f.__code__) in mutation.bodies]
    if mutation.bodies[0] not in {place_of(f.__code__) for f in around}:
        raise NotPatched("its function is not loaded")
    give(around, compiled(mutation.applied(source), around[0].__code__.co_filename))


def give(functions: Sequence[FunctionType], codes: dict[Place, CodeType]) -> None:
    for function in functions:
        try:
            function.__code__ = codes[place_of(function.__code__)]
        except ValueError as fault:  # it closes over other variables now
            raise NotPatched(str(fault)) from fault


def compiled(source: bytes | ast.Module, file: str) -> dict[Place, CodeType]:
    """The code of every function of a module."""
    found: dict[Place, CodeType] = {}
    left = [compile(source, file, "exec", dont_inherit=True)]
    while left:
        code = left.pop()
        found[place_of(code)] = code
        left += [part for part in code.co_consts if isinstance(part, CodeType)]
    return found


def place_of(code: CodeType) -> Place:
    return code.co_name, code.co_firstlineno
