"""What happens at the plug: pure decisions, no I/O, no clock of their own."""
