"""Start the firmware; whatever escapes from it leaves the outputs safe and restarts the board."""

from evse import app

app.main()
