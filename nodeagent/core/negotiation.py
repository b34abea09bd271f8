"""Which form of metrics a scraper wants, from its Accept headers (RFC 9110, 12.5)."""

from collections.abc import Iterator

from nodeagent.model.scrapes import TextForm

_OPENMETRICS = "application/openmetrics-text"
_CLASSIC = "text/plain"
_VERSIONS = ("", "0.0.1", "1.0.0")
_SCHEMES = ("allow-utf-8", "underscores", "dots", "values")


def text_form(accept: str, encodings: str) -> TextForm:
    """OpenMetrics where it is named and classic text not liked better; gzip where allowed."""
    wanted, classic = 0.0, 0.0
    for kind, fields, weight in _offers(accept):
        if kind == _OPENMETRICS and fields.get("version", "") in _VERSIONS:
            wanted = max(wanted, weight)
        elif kind == _CLASSIC:
            classic = max(classic, weight)
    codings = {kind: weight for kind, _, weight in _offers(encodings)}
    packed = codings.get("gzip", codings.get("*", 0.0)) > 0  # "*" is what is not named
    openmetrics = wanted > 0 and wanted >= classic
    scheme = _scheme(accept, _OPENMETRICS if openmetrics else _CLASSIC)
    return TextForm(openmetrics=openmetrics, gzip=packed, escaping=scheme)


def content_type(form: TextForm) -> str:
    """The media type of an answer in this form."""
    kind = f"{_OPENMETRICS}; version=1.0.0" if form.openmetrics else f"{_CLASSIC}; version=0.0.4"
    return f"{kind}; charset=utf-8; escaping={form.escaping}"


def _scheme(accept: str, chosen: str) -> str:
    """How names are escaped, which no name of ours needs: what the header asks for last, up to
    the form that was chosen."""
    scheme = "underscores"
    for kind, fields, _ in sorted(_offers(accept), key=lambda offer: -offer[2]):
        if fields.get("escaping") in _SCHEMES:
            scheme = fields["escaping"]
        if kind == chosen:
            break
    return scheme


def _offers(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for part in header.split(","):
        kind, *rest = (piece.strip().lower() for piece in part.split(";"))
        pairs = (piece.partition("=") for piece in rest)
        fields = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        try:
            weight = float(fields.get("q", "1"))
        except ValueError:
            weight = 0.0
        if kind:
            yield kind, fields, weight
