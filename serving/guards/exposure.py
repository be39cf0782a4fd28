"""The rule that a service without API keys is reachable from its own computer only, unless the settings allow more."""

from __future__ import annotations

import ipaddress

from serving.guards.key_source import has_keys
from serving.settings import ENV_PREFIX, ServingSettings


def is_loopback(host: str) -> bool:
    """Return whether only this computer can connect to a server that binds an address. A name other than localhost is not."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def exposure_problem(host: str, settings: ServingSettings) -> str | None:
    """Return the message that refuses to serve at an address; None if the service may start.

    Args:
        host: the address that the server binds, as ``bentoml serve --host`` has it.
        settings: the serving settings.
    """
    if is_loopback(host) or has_keys(settings) or settings.allow_no_keys:
        return None
    return (
        f"the service has no API keys, and other computers could reach it at {host or 'all addresses'}. Create a key with"
        f" `tabento keys create --owner NAME` and set {ENV_PREFIX}API_KEYS_FILE to its file; or serve this computer only, with"
        f" --host 127.0.0.1; or set {ENV_PREFIX}ALLOW_NO_KEYS=true if everyone who can connect may use the service."
        " docs/keys.md has the details."
    )
