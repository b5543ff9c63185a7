"""The pages to sign in and out: HTML without scripts, and nothing that has to be loaded."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote

import flask
from markupsafe import Markup

from dashboard.errors import LamellaError, Unauthorized
from dashboard.people.accounts import NAME
from dashboard.people.person import Person, Scope
from dashboard.settings import Settings
from dashboard.web.embedding import frame_ancestors
from dashboard.web.plain_page import PlainPage
from dashboard.web.security import CHALLENGE

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

# Sentences of the page by name: its address chooses among these, and has no text of its own.
SAID: Final = {
    "out": "You are signed out.",
    "wrong": "The token in the link is wrong; it may be that of an earlier start.",
    "many": "There were too many failed sign-ins; wait a minute, and follow the link again.",
    "busy": "The server could not look at the link; follow it again.",
}


class Ways(NamedTuple):
    """What one can sign in with: a name and a password, the token of the start, and the host of a provider."""

    accounts: bool
    token: bool
    provider: str | None = None


_FORM: Final = Markup("""<form method="post" action="{action}">
<p id="said" role="{role}">{said}</p>
{fields}
</form>""")

_NAME: Final = Markup("""<label for="name">Name</label>
<input id="name" name="name" type="text" value="{name}" autocomplete="username" autocapitalize="none"
  spellcheck="false" maxlength="64"{required}{focus}>
""")
# A browser that remembers passwords needs a name.
_NO_NAME: Final = Markup("""<input name="username" type="text" value="lamella" autocomplete="username" hidden>
""")
_ENTRY: Final = Markup("""<label for="{id}">{label}</label>
<input id="{id}" name="{id}" type="password" autocomplete="current-password" spellcheck="false"
  aria-describedby="said help" required{focus}>
<input name="next" type="hidden" value="{next}">
<button type="submit">Sign in</button>
<p id="help">{help}</p>""")
_PROVIDER: Final = Markup("""<a class="provider" href="{address}">Sign in at {provider}</a>
""")
_ELSEWHERE: Final = Markup("""<p id="help">This server does not know who you are: open it at the address of the \
proxy that signs people in.</p>""")
_LEAVE: Final = Markup("""<p>You are signed in{who}.</p>
<button type="submit" autofocus>Sign out</button>{everywhere}
<p id="help"><a href="{home}">Back</a>{people}</p>""")
_EVERYWHERE: Final = Markup("""
<button type="submit" name="everywhere" value="1" class="other">Sign out on all devices</button>""")
_PEOPLE: Final = Markup(""" · <a href="{address}">People and tokens</a>""")

_HELP_TOKEN: Final = "The token comes from the person who started the server."  # noqa: S105
_HELP_ACCOUNT: Final = "Name and password come from the person who runs the server."
_HELP_BOTH: Final = (
    "Name and password come from the person who runs the server. To use the token of the start, leave the name"
    " empty and enter the token as the password."
)


class SignInPage:
    """The pages."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.url_prefix
        self._plain = PlainPage("sign-in.css", frames=frame_ancestors(settings))

    def address(self, target: str, said: str = "") -> str:
        """The address of the page that leads to `target`."""
        return f"{self._prefix}{SIGN_IN}?next={quote(target, safe='')}&said={said}"

    def response(self, status: int, target: str, ways: Ways, said: str = "") -> flask.Response:
        """The sign-in page, which leads to `target`; `said` is a name in `SAID`."""
        fields = self._fields(target, ways)
        return self._page(status, SIGN_IN, fields, SAID.get(said, ""), "status")

    def refusal(
        self, error: LamellaError, target: str, ways: Ways, name: str = ""
    ) -> flask.Response:
        """The sign-in page after an attempt that failed, with the name that was typed."""
        fields = self._fields(target, ways, name if NAME.fullmatch(name) else "")
        return self._failed(error, SIGN_IN, fields)

    def choice(self, person: Person) -> flask.Response:
        """The page that signs the person out; the guests of a link have each a session alone."""
        guest = person.shared is not None
        who = "" if guest else person.name
        fields = self._leave(who, everywhere=not guest, administers=person.may(Scope.ADMIN))
        return self._page(200, SIGN_OUT, fields, "", "status")

    def still_in(self, error: LamellaError, *, everywhere: bool) -> flask.Response:
        """The same page after a sign-out that failed."""
        return self._failed(error, SIGN_OUT, self._leave("", everywhere=everywhere))

    def _fields(self, target: str, ways: Ways, name: str = "") -> Markup:
        elsewhere = Markup("")
        if ways.provider is not None:
            address = f"{self._prefix}/sign-in/provider?next={quote(target, safe='')}"
            elsewhere = _PROVIDER.format(address=address, provider=ways.provider)
        if not (ways.accounts or ways.token):
            return elsewhere or _ELSEWHERE
        focus, required = Markup(" autofocus"), Markup(" required")

        if not ways.accounts:
            return (
                elsewhere
                + _NO_NAME
                + _ENTRY.format(
                    id="token", label="Token", next=target, help=_HELP_TOKEN, focus=focus
                )
            )
        first = _NAME.format(
            name=name, required="" if ways.token else required, focus="" if name else focus
        )
        return (
            elsewhere
            + first
            + _ENTRY.format(
                id="password",
                label="Password",
                next=target,
                help=_HELP_BOTH if ways.token else _HELP_ACCOUNT,
                focus=focus if name else "",
            )
        )

    def _leave(self, name: str, *, everywhere: bool, administers: bool = False) -> Markup:
        people = _PEOPLE.format(address=f"{self._prefix}/people") if administers else ""
        who = f" as {name}" if name else ""
        return _LEAVE.format(
            who=who,
            everywhere=_EVERYWHERE if everywhere else "",
            home=f"{self._prefix}/",
            people=people,
        )

    def _failed(self, error: LamellaError, action: str, fields: Markup) -> flask.Response:
        response = self._page(error.status, action, fields, error.message, "alert")
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def _page(
        self, status: int, action: str, fields: Markup, said: str, role: str
    ) -> flask.Response:
        body = _FORM.format(action=self._prefix + action, said=said, role=role, fields=fields)
        title = "Sign in" if action == SIGN_IN else "Sign out"
        response = self._plain.response(title, body, heading="Lamella", status=status)
        if status == Unauthorized.status:
            response.headers["WWW-Authenticate"] = CHALLENGE
        return response
