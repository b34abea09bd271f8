"""Where the API server is and who the node is to it, as values."""

import msgspec


class Pem(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates or a key: their text, or the file that holds it, read when it is needed."""

    data: bytes = b""
    path: str = ""

    def __bool__(self) -> bool:
        return bool(self.data or self.path)

    def __repr__(self) -> str:
        return f"Pem({self.path or 'given' if self else 'none'})"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """All that a connection needs. Keys and tokens never show in a text made of it.

    `server` is "https://host:port", perhaps with a path before the API's own. `origin` names the
    kubeconfig, or whatever else it was made of, for messages. With `insecure` the server's
    certificate is not looked at.
    """

    server: str
    ca: Pem = Pem()
    certificate: Pem = Pem()
    key: Pem = Pem()
    token: str = ""
    token_file: str = ""
    insecure: bool = False
    server_name: str = ""
    origin: str = ""

    def __repr__(self) -> str:
        who = "token" if self.token or self.token_file else repr(self.certificate)
        return f"Access({self.server}, {who}, from {self.origin or 'code'})"

    @property
    def files(self) -> tuple[str, ...]:
        """The files it is read from; a change of one calls for a new connection."""
        paths = (self.ca.path, self.certificate.path, self.key.path, self.token_file)
        return tuple(sorted({path for path in paths if path}))


def fits_header(text: str) -> bool:
    """Whether HTTP can carry it: printable ASCII without spaces, as tokens and URLs are."""
    return text.isascii() and text.isprintable() and " " not in text
