"""The one base of every error that a person or a peer is told about."""

from __future__ import annotations

from typing import ClassVar


class TongtangError(Exception):
    """Something went wrong."""

    # The docstring of a subclass is its message: an English sentence with {named} fields, and the key under which
    # the pages translate it. `code` never changes once released; `status` is the HTTP status at the edge.
    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.message)

    @property
    def template(self) -> str:
        return " ".join((type(self).__doc__ or "").split())

    @property
    def message(self) -> str:
        return self.template.format(**self.fields)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross processes with their fields, which are keywords only."""
        return _rebuilt, (type(self), self.fields)


def _rebuilt(kind: type[TongtangError], fields: dict[str, object]) -> TongtangError:
    return kind(**fields)
