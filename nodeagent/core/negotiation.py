"""Which form of metrics a scraper wants, from its Accept headers (RFC 9110, 12.5)."""

from collections.abc import Iterator

from nodeagent.model.scrapes import TextForm

_OPENMETRICS = "application/openmetrics-text"
_VERSIONS = ("", "0.0.1", "1.0.0")


def text_form(accept: str, encodings: str) -> TextForm:
    """OpenMetrics where it is named and classic text not liked better; gzip where allowed."""
    wanted, classic = 0.0, 0.0
    for kind, fields, weight in _offers(accept):
        if kind == _OPENMETRICS and fields.get("version", "") in _VERSIONS:
            wanted = max(wanted, weight)
        elif kind == "text/plain":
            classic = max(classic, weight)
    packed = any(kind in ("gzip", "*") and weight > 0 for kind, _, weight in _offers(encodings))
    return TextForm(openmetrics=wanted > 0 and wanted >= classic, gzip=packed)


def content_type(form: TextForm) -> str:
    """The media type of an answer in this form."""
    if form.openmetrics:
        return f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"
    return "text/plain; version=0.0.4; charset=utf-8"


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
