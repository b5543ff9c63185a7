"""Routes by which people keep views: bookmarks for people and groups, links for those without an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.people.access import Access
from dashboard.people.audit import Event
from dashboard.people.bookmarks import Bookmark
from dashboard.people.view import parse_view
from dashboard.web import answers, bodies, person, query
from dashboard.web.operation import Returns, operation, returns
from dashboard.web.sign_in import SHARE
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

GONE = Returns(text="It is gone.", status=204)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)
    _register_bookmarks(api, services, visible)

    @api.get("/api/v1/shares")
    @operation(returns(answers.Shares))
    def shares() -> flask.Response:
        """The links that the person has made, without their secrets; those of all people to admins."""
        access, own = services.access, _own(visible)
        found = [] if access is None else access.shares.listed(own)
        may = access is not None and access.shares.allowed and not person.by_api_token()
        return flask.jsonify(shares=[one._asdict() for one in found], may_share=may)

    @api.post("/api/v1/shares")
    @operation(
        returns(answers.MadeShare, "The link is made; it is given once.", status=201),
        body=bodies.ShareRequest,
        errors=(errors.NotFound,),
    )
    def add_share() -> tuple[flask.Response, int]:
        """Makes a link that opens one view, and so one file, for somebody without an account until a date."""
        asked = bodies.body(bodies.ShareRequest)
        access = _sharing(services)
        view = parse_view(asked.view)
        visible.check(view.file)
        # Raises for a file that does not exist, and for a folder, as for one that is hidden.
        services.catalog.fingerprint(view.file)
        share, secret = access.shares.add(view, person.current(), asked.days, asked.note)
        access.audit.record(Event.SHARE_ADDED, name=share.person, share=share.id, file=share.file)
        link = f"{services.settings.url_prefix}{SHARE}/{secret}"
        return flask.jsonify(id=share.id, link=link, expires=share.expires), 201

    @api.delete("/api/v1/shares/<id>")
    @operation(GONE, parameters=(query.ID,), errors=(errors.NotFound,))
    def revoke_share(id: str) -> tuple[str, int]:  # noqa: A002  # the name in the path
        """Revokes a link; who has it sees nothing more within two seconds (on several machines, five)."""
        access = services.access
        if access is None:
            raise errors.NotFound(f"There is no share {id:.40}.")
        share = access.shares.revoke(id, _own(visible))
        access.audit.record(
            Event.SHARE_REVOKED, name=share.person, share=share.id, by=person.acting()
        )
        return "", 204


def _register_bookmarks(api: flask.Blueprint, services: Services, visible: Visibility) -> None:
    @api.get("/api/v1/bookmarks")
    @operation(returns(answers.Bookmarks))
    def bookmarks() -> flask.Response:
        """The bookmarks of the person, and those for the person's groups of files that the person may see."""
        who, groups = person.current(), _groups(services, visible)
        found: list[Bookmark] = []
        if _keeps(services):
            found = services.bookmarks.listed(who.name, groups)
        seen = {
            file: visible.sees(file) for file in {o.file for o in found if o.person != who.name}
        }
        listed = [
            one._asdict() | {"may_delete": visible.manages or one.person == who.name}
            for one in found
            if one.person == who.name or seen[one.file]
        ]
        known = services.rights.groups(who) if groups is None else groups
        return flask.jsonify(bookmarks=listed, groups=sorted(known), may_add=_keeps(services))

    @api.post("/api/v1/bookmarks")
    @operation(
        returns(answers.ListedBookmark, "The bookmark is made.", status=201),
        body=bodies.BookmarkRequest,
        errors=(errors.NotFound,),
    )
    def add_bookmark() -> tuple[flask.Response, int]:
        """Makes a bookmark of a view, for the person alone or for a group as well."""
        asked, who = bodies.body(bodies.BookmarkRequest), person.current()
        _check_keeps(services)
        view = parse_view(asked.view)
        visible.check(view.file)
        groups = _groups(services, visible)
        if asked.group and groups is not None and asked.group not in groups:
            raise errors.BadRequest(
                "You are not in that group; leave it out, or name one of yours."
            )
        made = services.bookmarks.add(view, who.name, asked.name, asked.note, asked.group)
        return flask.jsonify(made._asdict() | {"may_delete": True}), 201

    @api.delete("/api/v1/bookmarks/<id>")
    @operation(GONE, parameters=(query.ID,), errors=(errors.NotFound,))
    def delete_bookmark(id: str) -> tuple[str, int]:  # noqa: A002  # the name in the path
        """Deletes a bookmark of the person; admins delete any."""
        _check_keeps(services)
        removed, access = services.bookmarks.remove(id, _own(visible)), services.access
        if access is not None and removed.person != person.current().name:
            access.audit.record(
                Event.BOOKMARK_DELETED,
                name=removed.person,
                bookmark=removed.id,
                file=removed.file,
                by=person.acting(),
            )
        return "", 204


def _own(visible: Visibility) -> str | None:
    """The name whose things the person may see and remove; None for those of all people."""
    return None if visible.manages else person.current().name


def _groups(services: Services, visible: Visibility) -> frozenset[str] | None:
    """The groups of the person, None for one who manages what is for any group."""
    return None if visible.manages else services.rights.groups(person.current())


def _keeps(services: Services) -> bool:
    """Whether bookmarks are kept: where everybody can write without sign-in, strangers would fill the file."""
    return services.settings.loopback or services.settings.asks_sign_in


def _check_keeps(services: Services) -> None:
    if not _keeps(services):
        raise errors.Forbidden(
            "A server that everybody can reach without sign-in keeps no bookmarks; keep the address instead."
        )


def _sharing(services: Services) -> Access:
    """The sign-in, if a link may be made; raises `Forbidden`."""
    access = services.access
    if access is None:
        raise errors.Forbidden(
            "This server asks for no sign-in: the address of the page opens the view for all who reach the server."
        )
    if not access.shares.allowed:
        raise errors.Forbidden("Sharing is switched off on this server (LAMELLA_SHARING=0).")
    if person.by_api_token():
        raise errors.Forbidden(
            "An API token makes no links, which would outlive it; sign in on the page to share a view."
        )
    return access
