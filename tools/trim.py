"""Leave out of a library what the firmware never calls.

On the board a module's whole code lies in RAM, called or not. What is listed here is blanked out
before compiling, so that line numbers stay those of the published file.
"""

import ast
import re

# Qualified names, per module of lib/.
UNUSED = {
    "microdot/microdot": (
        "urlencode",
        "NoCaseDict.__delitem__",
        "NoCaseDict.update",
        "MultiDict.getlist",
        "AsyncBytesIO",
        "Request.stream",
        "Request.files",
        "Request.after_request",
        "Response.set_cookie",
        "Response.delete_cookie",
        "Response.complete",
        "Response.write",
        "Response.body_iter",
        "Response.redirect",
        "Response.send_file",
        "Response.types_map",
        "Response.already_handled",
        "URLPattern",
        "HTTPException",
        "Microdot",
        "MUTED_SOCKET_ERRORS",
        "mro",
        "abort",
        "redirect",
        "send_file",
    ),
    "umqtt/simple": (
        "MQTTException",
        "MQTTClient.set_last_will",
        "MQTTClient.connect",
        "MQTTClient.subscribe",
        "MQTTClient.check_msg",
    ),
    "umodbus/functions": (
        "read_coils",
        "read_discrete_inputs",
        "validate_resp_data",
        "write_single_coil",
        "write_multiple_coils",
        "response",
        "exception_response",
        "bytes_to_bool",
        "to_short",
        "float_to_bin",
        "bin_to_float",
        "int_to_bin",
    ),
}


def trimmed(name, source):
    """Return the text of library module ``name`` without what UNUSED lists for it.

    Nor with what it imports for annotations, which MicroPython never looks at.
    """
    unused = set(UNUSED.get(name, ()))
    lines = source.split("\n")
    found = set()

    def visit(body, prefix):
        for node in body:
            names = _names(node, prefix)
            if isinstance(node, ast.ImportFrom) and node.module == "typing":
                lines[node.lineno - 1] = ""
            elif names & unused:
                found.update(names & unused)
                decorators = getattr(node, "decorator_list", [])
                first = min(one.lineno for one in (node, *decorators))
                for line in range(first - 1, node.end_lineno):
                    lines[line] = ""
            elif isinstance(node, ast.ClassDef):
                visit(node.body, prefix + node.name + ".")

    visit(ast.parse(source).body, "")
    if unused - found:
        raise ValueError("%s has no %s" % (name, ", ".join(sorted(unused - found))))
    return "\n".join(lines)


def _names(node, prefix):
    """Qualified names that a statement of a module or class defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {prefix + node.name}
    if isinstance(node, ast.Assign):
        return {prefix + ast.unparse(target) for target in node.targets}
    return set()


def constants(source, user, others):
    """Return ``source``, a module of constants, with only ``others`` and Const.X in ``user``."""
    wanted = others | set(re.findall(r"\bConst\.(\w+)", user))
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if _names(node, "") and not _names(node, "") & wanted:
            for line in range(node.lineno - 1, node.end_lineno):
                lines[line] = ""
    return "\n".join(lines)
