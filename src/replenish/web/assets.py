"""The bundled front end: plain names to hashed ones, and the bytes to serve.

Everything the browser needs comes from here; hatch_build.py at the project's root makes the folder. The whole of it (some
two megabytes) is read once: no request touches the disk, and no request path can name a file outside it.
"""

from pathlib import Path
from typing import Final

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

STATIC: Final = Path(__file__).parent / "static"
URL: Final = "/static"
# The name changes with the content, so a copy never goes stale.
FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class AssetsMissingError(Exception):
    """The front end was never built here, or a page names something that it does not contain."""


class Asset(msgspec.Struct, frozen=True):
    content: bytes
    gzipped: bytes
    media_type: str


class Assets:
    """What the manifest in `folder` names. Made without the folder too: only the first page then fails, not the API."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._names: dict[str, str] | None = None
        self._files: dict[str, Asset] = {}

    def url(self, name: str) -> str:
        """Where the browser finds `app.js`. Raises AssetsMissingError."""
        hashed = self._load().get(name)
        if hashed is None:
            raise AssetsMissingError(f"The front end has no {name!r}. Build it again: python hatch_build.py")
        return f"{URL}/{hashed}"

    def find(self, hashed: str) -> Asset | None:
        """The file of that hashed name, or None."""
        self._load()
        return self._files.get(hashed)

    def _load(self) -> dict[str, str]:
        if self._names is not None:
            return self._names
        try:
            names = msgspec.json.decode((self._folder / "manifest.json").read_bytes(), type=dict[str, str])
            files = {hashed: self._read(hashed) for hashed in names.values()}
        except (OSError, msgspec.MsgspecError) as error:
            raise AssetsMissingError("The front end is not built. Run: python hatch_build.py") from error
        self._files, self._names = files, names
        return names

    def _read(self, hashed: str) -> Asset:
        file = self._folder / hashed
        return Asset(file.read_bytes(), file.with_name(f"{hashed}.gz").read_bytes(), _TYPES[file.suffix])


def static_route(assets: Assets) -> HTTPRouteHandler:
    """`GET /static/{name}`: known names only, for ever; compressed where the browser takes it."""

    @get(f"{URL}/{{name:str}}", include_in_schema=False, sync_to_thread=False)
    def static_file(name: FromPath[str], request: Request[None, None, State]) -> Response[bytes]:
        asset = assets.find(name)
        if asset is None:
            # Not NotFound: a stale page asking for an old bundle needs no error page.
            return Response(b"", status_code=404, media_type="text/plain", headers={"Cache-Control": "no-store"})
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return Response(asset.gzipped if zipped else asset.content, media_type=asset.media_type, headers=headers)

    return static_file
