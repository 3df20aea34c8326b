"""The channels that the settings name."""

from __future__ import annotations

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts.channel import Channel, LogLine
from cuelight.monitoring.alerts.mail import Mail
from cuelight.monitoring.alerts.webhook import Webhook


def channels(settings: Settings) -> list[Channel]:
    """The log, and what else is set.

    Raises:
        Misconfigured: the webhook is no URL, or e-mail lacks its server or has no address.
    """
    found: list[Channel] = [LogLine()]
    if settings.alerts_webhook:
        found.append(Webhook(settings.alerts_webhook, settings.alerts_webhook_style))
    if settings.alerts_email_to:
        found.append(_mail(settings))
    return found


def _mail(settings: Settings) -> Mail:
    to = [each.strip() for each in settings.alerts_email_to.split(",") if each.strip()]
    sender = settings.alerts_email_from or (to[0] if to else "")
    strange = [each for each in (*to, sender) if "@" not in each or not each.isprintable()]
    if strange or not to:
        raise Misconfigured(f"Settings `alerts_email_to` and `alerts_email_from` take addresses, not {strange}.")
    if not settings.alerts_smtp_host:
        raise Misconfigured("Setting `alerts_email_to` needs `alerts_smtp_host`, the mail server that takes alerts.")
    return Mail(
        to,
        sender,
        settings.alerts_smtp_host,
        settings.alerts_smtp_port,
        settings.alerts_smtp_security,
        settings.alerts_smtp_user,
        settings.alerts_smtp_password,
    )
