"""RS485: the RTU link, the master that polls, and the meters on the bus."""
