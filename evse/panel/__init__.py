"""What people see and touch at the charger. It sees the core only through status and command."""
