"""Runs viper functions under CPython in integers of 32 bits, as the board does.

The interpreter on a PC computes in 64 bits, so there an overflow of the board goes unseen.
"""

import ast
import copy


def wrapped(value):
    """``value`` as 32 bits hold it."""
    return (value + 2**31) % 2**32 - 2**31


class _Wrap(ast.NodeTransformer):
    """Lets every operation wrap and drops what only the compiler wants."""

    def visit_FunctionDef(self, node):
        node.decorator_list = []
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        return self.generic_visit(node)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return ast.Call(ast.Name("wrapped", ast.Load()), [node], [])

    def visit_AugAssign(self, node):
        read = copy.deepcopy(node.target)
        read.ctx = ast.Load()
        value = self.visit(ast.BinOp(read, node.op, node.value))
        return ast.Assign([node.target], value)


def functions(path):
    """Return the functions of the viper module at ``path`` by their names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body
                 if not isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {"wrapped": wrapped, "const": lambda value: value}
    exec(compile(ast.fix_missing_locations(_Wrap().visit(tree)), str(path), "exec"), names)
    return names
