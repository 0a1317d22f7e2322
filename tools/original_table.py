"""The settings of the original firmware: their keys, and what tells the two firmwares apart."""

# Only one of the two firmwares writes these.
SEED_ONLY = ("PVMeter", "MainsMMeasure", "ICal", "Timezone")
LATEST_ONLY = ("CircuitMeter", "CapacityMode", "MaxSumMainsTime", "SB2WIFImode", "LCDlock",
               "CableLock", "LedMode", "AutoUpdate", "OcppMode", "TimezoneInfo", "DelayedRepeat",
               "MQTTtls", "LCDPin")

# Its key, ours, the seed's default, the latest's (None: that firmware has no such setting).
PLAIN = (
    ("Config", "config", 0, 0), ("Lock", "lock", 0, 0), ("CableLock", "cable_lock", None, 0),
    ("Mode", "mode", 0, 0), ("LoadBl", "pwr_share", 0, 0), ("MaxMains", "mains", 25, 25),
    ("MaxCurrent", "max", 13, 13), ("MinCurrent", "min", 6, 6), ("MaxCircuit", "circuit", 16, 16),
    ("Switch", "switch", 0, 0), ("RCmon", "rcmon", 0, 0), ("StartCurrent", "start", 4, 4),
    ("StopTime", "stop", 10, 10), ("ImportCurrent", "import", 0, 0), ("Grid", "grid", 0, 0),
    ("SB2WIFImode", "sb2_wifi", None, 0), ("MaxSumMainsTime", "cap_stop", None, 0),
    ("MainsMAddress", "mains_adr", 10, 10), ("EVMeterAddress", "ev_adr", 12, 12),
    ("CircuitMAddress", "circt_adr", None, 13), ("MainsHostName", "mains_host", None, ""),
    ("EVMeterHostName", "ev_host", None, ""), ("CircuitHostName", "circt_host", None, ""),
    ("EMEndianness", "em_byte_order", 0, 0), ("EMDataType", "em_data_type", 0, 0),
    ("EMURegister", "em_u_register", 0, 0), ("EMIRegister", "em_i_register", 0, 0),
    ("EMPRegister", "em_p_register", 0, 0), ("EMERegister", "em_e_register", 0, 0),
    ("Modem", "modem", 0, None), ("RequiredEVCCID", "required_evccid", "", ""),
    ("maxTemp", "max_temp", 65, 65), ("LCDPin", "lcd_pin", None, 0),
    ("LCDlock", "lcd_lock", None, 0), ("LedMode", "led_mode", None, 0),
    ("MQTTHost", "mqtt_host", "", ""), ("MQTTPort", "mqtt_port", 1883, 1883),
    ("MQTTuser", "mqtt_user", "", ""), ("MQTTpassword", "mqtt_password", "", ""),
)
METERS = (("MainsMeter", "mains_met", 0, 1), ("EVMeter", "ev_meter", 0, 0),
          ("CircuitMeter", "circt_met", None, 0))
