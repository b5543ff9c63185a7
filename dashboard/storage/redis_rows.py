"""Rows in Redis: bytes with a checksum behind them, and nothing else is read from there.

A row is a key of its own, which expires by itself. Sorted sets beside it give the orders in which rows are listed;
scripts change both in one step, and drop names of rows that have expired when they come upon them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import chain
from math import ceil
from typing import Any, Final

from dashboard.storage.bytes_cache import INLINE_BYTES
from dashboard.storage.checksum import SEAL_BYTES, seal, unseal
from dashboard.storage.redis_store import RedisStore
from dashboard.storage.rows import Changes, NumberedRow, RowsUnavailable

log = logging.getLogger(__name__)

PREFIX: Final = "lamella:v1:"

# `V` begins the keys of values; `K`, `N` and `S` have the names of rows in their own order, in that of the first
# writing, and in that of the last one; `C` counts writings. `ARGV[1]` is the prefix of all.
_COMMON: Final = """
local V, K, N = ARGV[1] .. ':', ARGV[1] .. '/keys', ARGV[1] .. '/numbers'
local S, C = ARGV[1] .. '/stored', ARGV[1] .. '/count'

-- What somebody else put in the place of an index has another type, and goes.
local function call(command, key, ...)
  local result = redis.pcall(command, key, ...)
  if type(result) == 'table' and result.err then
    if not (result.err:find('WRONGTYPE') or result.err:find('not an integer')) then
      error(result)
    end
    redis.call('DEL', key)
    result = redis.call(command, key, ...)
  end
  return result
end

local function value(key)
  local found = redis.pcall('GET', V .. key)
  return type(found) == 'string' and found
end

local function forget(key)
  redis.call('DEL', V .. key)
  for _, index in ipairs({K, N, S}) do call('ZREM', index, key) end
end

local function live(key)
  if redis.call('EXISTS', V .. key) == 1 then return true end
  forget(key)
  return false
end

local function put(key, new, px)
  if px ~= '' and tonumber(px) <= 0 then return forget(key) end
  local number, known = call('INCR', C), redis.call('EXISTS', V .. key) == 1
  if px == '' then redis.call('SET', V .. key, new) else redis.call('SET', V .. key, new, 'PX', px) end
  if known then call('ZADD', N, 'NX', number, key) else call('ZADD', N, number, key) end
  call('ZADD', K, 0, key)
  call('ZADD', S, number, key)
end

-- The value of a row that may be listed, which is small.
local function small(key)
  if not live(key) then return false end
  local length = redis.pcall('STRLEN', V .. key)
  return type(length) == 'number' and length <= tonumber(ARGV[2]) and value(key)
end
"""

_SET: Final = "put(ARGV[2], ARGV[3], ARGV[4]) return 1"

_DELETE: Final = "local there = redis.call('EXISTS', V .. ARGV[2]) forget(ARGV[2]) return there"

# Returns 1, or what is there instead of the expected value.
_COMPARE_AND_SET: Final = """
local there = value(ARGV[2])
if there ~= (ARGV[3] == '1' and ARGV[4]) then return {0, there} end
put(ARGV[2], ARGV[5], ARGV[6])
return {1}
"""

_REPLACE: Final = """
local last = 2 + tonumber(ARGV[2])
for i = 3, last do
  if redis.call('EXISTS', V .. ARGV[i]) == 0 then return 0 end
end
for i = last + 1, #ARGV, 3 do put(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
for i = 3, last do forget(ARGV[i]) end
return 1
"""

_KEYS: Final = """
local found = {}
for i = 2, #ARGV, 2 do
  for _, key in ipairs(call('ZRANGEBYLEX', K, ARGV[i], ARGV[i + 1])) do
    if live(key) then found[#found + 1] = key end
  end
end
return found
"""

_NEWEST: Final = """
local found, prefix, most = {}, ARGV[2], tonumber(ARGV[3])
for _, key in ipairs(call('ZREVRANGE', S, 0, -1)) do
  if #found == most then break end
  if key:sub(1, #prefix) == prefix and live(key) then found[#found + 1] = key end
end
return found
"""

_AFTER: Final = """
local found, rows = {}, call('ZRANGEBYSCORE', N, '(' .. ARGV[3], '+inf', 'WITHSCORES')
for i = 1, #rows, 2 do
  local wanted = #ARGV == 3
  for j = 4, #ARGV do
    wanted = wanted or rows[i]:sub(1, #ARGV[j]) == ARGV[j]
  end
  local there = wanted and small(rows[i])
  if there then found[#found + 1] = {rows[i + 1], rows[i], there} end
end
return found
"""

# Returns the count of writings, whether all rows are there, and the rows, the newest first.
_CHANGES: Final = """
local mark, newest = tonumber(ARGV[3]), tonumber(ARGV[4])
local found, count, left = {}, tonumber(call('GET', C) or '') or 0, {}
if count < mark then mark = 0 end
if count > mark then
  for _, key in ipairs(call('ZREVRANGEBYSCORE', S, '+inf', '(' .. mark)) do
    for i = 5, #ARGV do
      if key:sub(1, #ARGV[i]) == ARGV[i] and (left[i] or newest) > 0 then
        local there = small(key)
        if there then found[#found + 1] = {key, there} end
        left[i] = (left[i] or newest) - 1
      end
    end
  end
end
return {count, mark == 0 and 1 or 0, found}
"""

_BETWEEN: Final = """
local found, seen = {}, {}
for i = 3, #ARGV, 2 do
  for _, key in ipairs(call('ZRANGEBYLEX', K, ARGV[i], ARGV[i + 1])) do
    local there = not seen[key] and small(key)
    seen[key] = true
    if there then found[#found + 1] = {call('ZSCORE', N, key) or '0', key, there} end
  end
end
return found
"""


class RedisRows:
    """Rows of one `space` of a store; see `Rows`."""

    def __init__(self, store: RedisStore, space: str) -> None:
        self._store = store
        self._prefix = PREFIX + space
        scripts = (_SET, _DELETE, _COMPARE_AND_SET, _REPLACE)
        lists = (_KEYS, _NEWEST, _AFTER, _BETWEEN, _CHANGES)
        made = (store.script(_COMMON + source) for source in (*scripts, *lists))
        self._set, self._delete, self._cas, self._replace, *others = made
        self._keys, self._newest, self._after, self._between, self._changes = others

    def read(self, key: str) -> tuple[bytes, float | None] | None:
        """The value and for how long it lasts (s, None: without end); None without one. `RowsUnavailable`."""
        name = self._name(key)
        both = self._store.client.pipeline(transaction=True)
        both.get(name)
        both.pttl(name)
        sealed, left_ms = self._store.call(lambda: both.execute(raise_on_error=False))
        if not isinstance(sealed, bytes):
            if sealed is not None:
                log.warning("row %.80r refused: it is no value", key)
            return None
        value = _unsealed(key, sealed)
        return None if value is None else (value, left_ms / 1e3 if left_ms >= 0 else None)

    def get(self, key: str) -> bytes | None:
        with suppress(RowsUnavailable):
            sealed = self._store.call(lambda: self._store.client.get(self._name(key)))
            return _unsealed(key, sealed) if isinstance(sealed, bytes) else None
        return None

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        try:
            self._set(self._prefix, _encoded(key), value + seal(value), _milliseconds(expire))
        except RowsUnavailable as error:
            log.debug("row %.80r not stored: %s", key, error)
            return False
        return True

    def delete(self, key: str) -> bool:
        try:
            return bool(self._delete(self._prefix, _encoded(key)))
        except RowsUnavailable as error:
            log.debug("row %.80r not removed: %s", key, error)
            return False

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        there = None if expected is None else expected + seal(expected)
        new = value + seal(value), _milliseconds(expire)
        while True:
            known = b"0" if there is None else b"1"
            done, *other = self._cas(self._prefix, _encoded(key), known, there or b"", *new)
            if done:
                return True
            # What does not match its checksum counts as no row.
            if expected is not None or not other or other[0] is None or other[0] == there:
                return False
            if _unsealed(key, other[0]) is not None:
                return False
            there = other[0]

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        lifetimes = expire or {}
        rows = (
            (_encoded(key), value + seal(value), _milliseconds(lifetimes.get(key)))
            for key, value in stored.items()
        )
        gone = map(_encoded, removed)
        return bool(self._replace(self._prefix, len(removed), *gone, *chain.from_iterable(rows)))

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        if newest is None:
            return sorted(_decoded(self._keys(self._prefix, *_range_of(prefix))))
        return sorted(_decoded(self._newest(self._prefix, _encoded(prefix), newest)))

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        return sorted(
            _rows(self._after(self._prefix, _MOST_BYTES, number, *map(_encoded, prefixes)))
        )

    def changes(self, mark: float, newest: int, *prefixes: str) -> Changes:
        count, are_all, found = self._changes(
            self._prefix, _MOST_BYTES, int(mark), newest, *map(_encoded, prefixes)
        )
        rows = _rows([(0, key, sealed) for key, sealed in reversed(found)])
        return Changes(count, bool(are_all), [(row.key, row.value) for row in rows])

    def keys_between(self, *ranges: tuple[str, str]) -> list[str]:
        found = self._keys(self._prefix, *_bounds(ranges)) if ranges else []
        return list(dict.fromkeys(_decoded(found)))

    def rows_between(self, *ranges: tuple[str, str]) -> list[NumberedRow]:
        if not ranges:
            return []
        return sorted(_rows(self._between(self._prefix, _MOST_BYTES, *_bounds(ranges))))

    def remove_expired(self) -> None:
        """Drop the names of rows that have expired; raises `RowsUnavailable`."""
        self._keys(self._prefix, *_range_of(""))

    def close(self) -> None:
        self._store.close()

    def _name(self, key: str) -> bytes:
        return f"{self._prefix}:".encode() + _encoded(key)


_MOST_BYTES: Final = INLINE_BYTES + SEAL_BYTES


def _encoded(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _decoded(keys: list[bytes]) -> list[str]:
    return [key.decode("utf-8", "surrogatepass") for key in keys if _is_text(key)]


def _is_text(key: bytes) -> bool:
    try:
        key.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        log.warning("row refused: its name is no text")
        return False
    return True


def _range_of(prefix: str) -> tuple[bytes, bytes]:
    """The bounds of keys with a prefix, whose bytes are in the order of their characters."""
    name = _encoded(prefix)
    return (b"[" + name, b"(" + name + b"\xff") if name else (b"-", b"+")


def _bounds(ranges: Collection[tuple[str, str]]) -> list[bytes]:
    return [
        mark + _encoded(key)
        for bounds in ranges
        for mark, key in zip((b"[", b"("), bounds, strict=True)
    ]


def _milliseconds(expire: float | None) -> bytes:
    return b"" if expire is None else b"%d" % (0 if expire <= 0 else ceil(expire * 1e3))


def _unsealed(key: str, sealed: bytes) -> bytes | None:
    value = unseal(sealed)
    if value is None:
        log.warning("row %.80r refused: its checksum does not match", key)
    return value


def _rows(found: list[Any]) -> list[NumberedRow]:
    rows = []
    for number, key, sealed in found:
        for name in _decoded([key]):
            value = _unsealed(name, sealed)
            if value is not None:
                rows.append(NumberedRow(int(float(number)), name, value))
    return rows
