# Made from _async/pages.py by scripts/make_sync_client.py; change that one.
"""Lists: page by page, or item by item through all pages."""

from collections.abc import Iterator, Mapping
from typing import Generic, Protocol, TypeVar

import httpx

from replenish_client._exchange import Method, read_page
from replenish_client.types.page import Page

T = TypeVar("T")


class Send(Protocol):
    def __call__(self, method: Method, path: str, *, query: Mapping[str, str] | None = None) -> httpx.Response: ...


class Pages(Generic[T]):
    """A list on the server. Nothing is asked until it is read; each reading asks anew.

    Iterate over it for every item through all pages, over `pages()` for page after page, or take one `page()`.
    """

    __slots__ = ("_kind", "_path", "_query", "_send")

    def __init__(self, send: Send, path: str, kind: type[T], query: Mapping[str, str]) -> None:
        self._send = send
        self._path = path
        self._kind = kind
        self._query = query

    def page(self) -> Page[T]:
        """One page: the first, or the one that `cursor` named."""
        return self._page(self._query)

    def first(self) -> T | None:
        """The first item, None when there is none."""
        data = (self._page({**self._query, "limit": "1"})).data
        return data[0] if data else None

    def pages(self) -> Iterator[Page[T]]:
        """Page after page. `limit` is how many items each has."""
        page = self.page()
        yield page
        # A followed feed has a next cursor for ever; an empty page is its end for now.
        while page.next_cursor is not None and page.data:
            page = self._page({**self._query, "cursor": page.next_cursor})
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def _page(self, query: Mapping[str, str]) -> Page[T]:
        return read_page(self._send("GET", self._path, query=query), self._kind)
