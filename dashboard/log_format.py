"""Lines of the log, as text or JSON, with the id of the request during which they were written."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

LogFormat = Literal["text", "json"]

# The id of the request that this thread answers.
request_id: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)

# What a line of the audit begins with; its JSON is part of the JSON line, not text within it.
_AUDIT: Final = "audit "
_AUDIT_LOGGERS: Final = "dashboard.people."


def formatter(log_format: LogFormat) -> logging.Formatter:
    """The formatter of a process's log."""
    return JsonFormatter() if log_format == "json" else TextFormatter()


class TextFormatter(logging.Formatter):
    """Time, level, logger, the request's id where there is one, and the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        found = request_id.get()
        record.request = f" [{found}]" if found else ""
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One line of ASCII for each record: `time` (UTC), `level`, `logger`, `process`, `message` and others."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
        }
        found = request_id.get()
        if found:
            fields["request_id"] = found
        event = _audit_event(record.name, message)
        fields |= {"message": message} if event is None else {"audit": event}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def _audit_event(logger: str, message: str) -> object:
    if logger.startswith(_AUDIT_LOGGERS) and message.startswith(_AUDIT):
        try:
            return json.loads(message.removeprefix(_AUDIT))
        except ValueError:
            return None
    return None
