"""What the API server's validation refuses in probes and lifecycle hooks."""

import re

from lightkube.models import core_v1 as v1

from nodeagent.core import validation_names as names
from nodeagent.core.manifest_yaml import Path
from nodeagent.core.validation_names import Found

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CHECKS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOKS = ("exec", "httpGet", "tcpSocket", "sleep")
_SIGNAL = re.compile(
    "SIG(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV"
    "|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
    r"|RTMIN(?:\+(?:[1-9]|1[0-5]))?|RTMAX(?:-(?:[1-9]|1[0-4]))?)"
)


def validate_probes(container: v1.Container, path: Path) -> Found:
    """Each probe has one handler and numbers that make sense for its kind."""
    for field in _PROBES:
        probe: v1.Probe | None = getattr(container, field)
        if probe is not None:
            yield from _probe(probe, (*path, field), readiness=field == "readinessProbe")


def validate_lifecycle(lifecycle: v1.Lifecycle, grace: int, path: Path) -> Found:
    """Each hook has one handler; sleeping ends within the pod's grace; the stop signal is one."""
    signal = lifecycle.stopSignal
    if signal and not _SIGNAL.fullmatch(signal):
        message = f'is "{signal}"; needs a signal such as SIGTERM, SIGUSR1 or SIGRTMIN+3'
        yield (*path, "stopSignal"), message
    for field in ("postStart", "preStop"):
        hook: v1.LifecycleHandler | None = getattr(lifecycle, field)
        if hook is None:
            continue
        at = (*path, field)
        yield from names.exactly_one(at, hook, of=_HOOKS, what="handler")
        yield from _handler(hook, at)
        if hook.sleep is not None:
            yield from names.between((*at, "sleep", "seconds"), hook.sleep.seconds, 0, grace)


def _probe(probe: v1.Probe, at: Path, *, readiness: bool) -> Found:
    yield from names.exactly_one(at, probe, of=_CHECKS, what="handler")
    yield from _handler(probe, at)
    if probe.grpc is not None:
        yield from names.between((*at, "grpc", "port"), probe.grpc.port, 1, 65535)
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        yield from names.between((*at, field), getattr(probe, field), 0)
    if readiness:
        yield from names.between((*at, "successThreshold"), probe.successThreshold, 0)
        if probe.terminationGracePeriodSeconds is not None:
            where = (*at, "terminationGracePeriodSeconds")
            yield where, "may not be set on a readiness probe, which stops nothing"
    else:
        yield from names.between((*at, "successThreshold"), probe.successThreshold, 1, 1)
        grace = probe.terminationGracePeriodSeconds
        yield from names.between((*at, "terminationGracePeriodSeconds"), grace, 1)


def _handler(given: v1.Probe | v1.LifecycleHandler, at: Path) -> Found:
    if given.exec is not None:
        yield from names.needed((*at, "exec", "command"), given.exec.command)
    if given.tcpSocket is not None:
        yield from names.port((*at, "tcpSocket", "port"), given.tcpSocket.port)
    if given.httpGet is not None:
        get, where = given.httpGet, (*at, "httpGet")
        yield from names.needed((*where, "path"), get.path)
        yield from names.port((*where, "port"), get.port)
        yield from names.one_of((*where, "scheme"), get.scheme, ("HTTP", "HTTPS"))
        for i, header in enumerate(get.httpHeaders or ()):
            yield from names.header_name((*where, "httpHeaders", i, "name"), header.name)
