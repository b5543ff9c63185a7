"""The tables of the people file, as the steps in which they came to be.

A file has the number of its steps (`PRAGMA user_version`); those that it lacks are taken when it is opened, all in
one transaction. A step that was released is never changed: tables of a new feature, and changes of old ones, are
steps of their own at the end. Times are Unix times (s).
"""

from __future__ import annotations

from typing import Final

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # `groups` is a JSON list of names, `password` a hash with its parameters.
        """
        CREATE TABLE person (
            name TEXT PRIMARY KEY NOT NULL,
            password TEXT NOT NULL,
            groups TEXT NOT NULL,
            admin INTEGER NOT NULL,
            created REAL NOT NULL,
            password_set REAL NOT NULL
        ) WITHOUT ROWID
        """,
        # `kind` says what makes the session valid beside its times: an `account`, which is looked up by the name;
        # the start `token`, whose keyed hash is `mark`; or what an identity `provider` said, which is in the row.
        """
        CREATE TABLE session (
            digest TEXT PRIMARY KEY NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            groups TEXT NOT NULL,
            mark TEXT NOT NULL,
            network TEXT NOT NULL,
            began REAL NOT NULL,
            renewed REAL NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX session_of_person ON session (kind, name, renewed)",
        # `person` is empty for a token of the operator, `scopes` a JSON list.
        """
        CREATE TABLE token (
            digest TEXT PRIMARY KEY NOT NULL,
            name TEXT UNIQUE NOT NULL,
            person TEXT NOT NULL,
            scopes TEXT NOT NULL,
            created REAL NOT NULL,
            expires REAL NOT NULL,
            used REAL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX token_of_person ON token (person)",
    ),
    (
        # `person` is empty for the operator. `groups` is NULL where the person has an account, which is looked up
        # by the name, else a JSON list: what the way of signing in said last.
        """
        CREATE TABLE share (
            id TEXT PRIMARY KEY NOT NULL,
            digest TEXT UNIQUE NOT NULL,
            person TEXT NOT NULL,
            groups TEXT,
            file TEXT NOT NULL,
            view TEXT NOT NULL,
            note TEXT NOT NULL,
            created REAL NOT NULL,
            expires REAL NOT NULL,
            used REAL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX share_of_person ON share (person)",
        # `shown_to` is the group that sees the bookmark beside its person, empty for none.
        """
        CREATE TABLE bookmark (
            id TEXT PRIMARY KEY NOT NULL,
            person TEXT NOT NULL,
            shown_to TEXT NOT NULL,
            name TEXT NOT NULL,
            note TEXT NOT NULL,
            file TEXT NOT NULL,
            view TEXT NOT NULL,
            created REAL NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX bookmark_of_person ON bookmark (person)",
        "CREATE INDEX bookmark_of_group ON bookmark (shown_to)",
    ),
)
