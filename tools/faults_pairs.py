"""Runs on MicroPython: which faults are made together, by their words; none for its own sake.

The second comes 1.2 s after the first, long before that has been reacted to where it takes time.
"""

# What each may take, of pairs whose first one keeps the charger from seeing the second.
LIMITS_MS = {("Mains meter silent", "The house takes 15 A more"): (13_000, 13_000)}

PAIRS = (
    ("Mains meter silent", "The house takes 15 A more"),
    ("Mains meter silent", "Power cut while charging"),
    ("Mains meter silent", "EV meter silent"),
    ("Mains meter refuses every request", "Pilot short to earth"),
    ("Mains meter shows 10 A too much", "The house takes 15 A more"),
    ("Mains meter jumps 12 A up and down", "Car takes 3 A too much"),
    ("Mains meter negative", "Board at its limit of temperature"),
    ("Mains meter sends what is no number", "The front's light fails"),
    ("Bus shorted: no byte is right", "Car ignores the end of the offer"),
    ("Bus shorted: no byte is right", "The sampling timer stops"),
    ("Somebody talks without end", "Residual current"),
    ("One byte in 97 spoilt", "One in five conversions lost"),
    ("One byte in 97 spoilt", "The house takes 15 A more"),
    ("Mains meter negative", "Car takes 3 A too much"),
    ("Mains meter silent", "Contactor 1 welded, the car draws on"),
    ("Noise of 0.3 V on the pilot", "Unplugged under load"),
    ("Noise of 0.3 V on the pilot", "Diode lost"),
    ("One in five conversions lost", "Pilot stuck at 9 V"),
    ("Shorts of 25 ms, three a second", "Car ignores the end of the offer"),
    ("Shorts of 25 ms, three a second", "Control hangs"),
    ("Pilot stuck at 3 V", "Power cut while charging"),
    ("Converter gives nothing", "Residual current"),
    ("Diode lost", "Watchdog bites while charging"),
    ("Temperature sensor says -40 degrees", "Everything stalls for 400 ms"),
    ("Board 5 degrees below its limit", "Car takes 3 A too much"),
    ("Residual current", "Watchdog bites while charging"),
    ("Contactor 1 falls open while charging", "Mains meter silent"),
    ("Contactor 1 welded, the car draws on", "Watchdog bites while charging"),
    ("Car ignores the end of the offer", "Residual current"),
    ("Car ignores the offer, the house needs 20 A", "Car ignores the end of the offer"),
    ("The bus service hangs", "The loop stalls for 100 ms"),
    ("The regulator never ends", "Pilot wire broken: +12 V"),
    ("Residual current", "The regulator raises an exception"),
    ("The loop stalls for 100 ms", "Unplugged under load"),
    ("Flash refuses all writes while charging", "The house takes 15 A more"),
    ("Log full while charging", "Power cut while charging"),
    ("File system full while charging", "Everything stalls for 5 s"),
    ("The clock jumps a year back", "Power cut while charging"),
    ("The clock jumps 1000 times", "The front's light fails"),
    ("A node is cut off the line", "The Master restarts"),
    ("A node loses its power", "One byte in 97 spoilt among three"),
    ("A node restarts while the current is handed over", "The Master loses its power"),
)
