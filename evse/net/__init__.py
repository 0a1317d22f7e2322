"""What the charger offers to the network. It sees the core only through status and command."""
