"""How much current: readings and limits in, grants with reasons out. Pure, integers in dA."""
