"""Boards: the only place that knows pins, registers and voltages."""
