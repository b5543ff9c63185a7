"""Validation of what the HDF5 workers send: they have read files that may be hostile."""

from __future__ import annotations

from typing import Generic, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from dashboard.hdf5.messages import Failure, Ready, Reply


class Answer(BaseModel, Generic[Reply]):
    """A response: a reply, or the reason why there is none."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    reply: Reply | None = None
    failure: Failure | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.reply is None) == (self.failure is None):
            raise ValueError("either a reply or a failure")
        return self


_READY = TypeAdapter(Ready)


def parse_ready(head: bytes) -> Ready:
    """The first message of a worker; `ValueError` for any other."""
    return _READY.validate_json(head, strict=True)


def parse_answer(head: bytes, kind: type[Reply]) -> Answer[Reply]:
    """The response to a request that is answered by `kind`; `ValueError` for anything else."""
    answer: Answer[Reply] = Answer[kind].model_validate_json(head)  # type: ignore[valid-type]
    return answer
