"""What pages of the older firmwares POST to /settings about MQTT and OCPP.

Each function takes an ``evse.net.writes.Writer`` and yields between its commands.
"""


def mqtt(writer):
    """The broker and how to log in there; the link follows within a second."""
    value = writer.get("mqtt_host")
    if value is not None:
        writer.put("mqtt_host", value, "set", ("mqtt_host", value))
        yield
    value = 0 if writer.get("mqtt_port") == "" else writer.number("mqtt_port")
    if value is not None:
        value = value or 1883
        writer.put("mqtt_port", value, "set", ("mqtt_port", value))
        yield
    value = writer.get("mqtt_topic_prefix")
    if value is not None:
        writer.put("mqtt_topic_prefix", value or writer.name, "set", ("mqtt_prefix", value))
        yield
    value = writer.get("mqtt_username")
    if value is not None:
        writer.put("mqtt_username", value, "set", ("mqtt_user", value))
        yield
    value = writer.get("mqtt_password")
    if value is not None:
        writer.put("mqtt_password_set", value != "", "set", ("mqtt_password", value))
        yield
    # There is no TLS: without it a link has been asked for that would not be had.
    value = writer.number("mqtt_tls")
    if value is not None:
        writer.reply["mqtt_tls"] = False
        if value == 1:
            writer.refuse("mqtt_tls")
    value = writer.get("mqtt_ca_cert")
    if value is not None:
        writer.reply["mqtt_ca_cert_set"] = False
        if value != "":
            writer.refuse("mqtt_ca_cert_set")


def ocpp(writer):
    """It is Disabled for ever, and its settings are what they are to the original then."""
    value = writer.number("ocpp_mode")
    if value is not None:
        writer.reply["ocpp_mode"] = 0
        if value != 0:
            writer.refuse("ocpp_mode")
    for name in ("backend_url", "cb_id", "auth_key", "auto_auth", "auto_auth_idtag"):
        if writer.get("ocpp_" + name) is not None:
            writer.reply["ocpp_" + name] = "Can only update when OCPP enabled"
    yield
