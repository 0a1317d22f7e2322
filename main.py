"""Start the firmware; whatever escapes from it leaves the outputs safe and restarts the board."""

import gc

# Collecting often while the modules load keeps what lives for long together and what is free in
# one piece; otherwise the largest free block shrinks to a few hundred bytes.
gc.threshold(4096)

from evse import app  # noqa: E402

app.main()
