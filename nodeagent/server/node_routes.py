"""All paths of the node's ports, as the configuration switches them."""

import re
from typing import Any, TypeAlias

import tornado.web

from nodeagent.model.scrapes import Page
from nodeagent.server.node_acts import Checkpoint, Run
from nodeagent.server.node_debug import Pprof, Verbosity
from nodeagent.server.node_http import Disabled, Missing, Port
from nodeagent.server.node_logs import ContainerLogs
from nodeagent.server.node_reads import (
    Configz,
    Flagz,
    Healthz,
    Metrics,
    OpenHealthz,
    Pods,
    RunningPods,
    Statusz,
    Summary,
)
from nodeagent.server.node_streams import Attach, Exec, PortForward
from nodeagent.server.node_system_logs import SystemLogs

Route: TypeAlias = tuple[str, type[tornado.web.RequestHandler], dict[str, Any]]

POD = "(?P<namespace>[^/]+)/(?P<name>[^/]+)"
UID, CONTAINER = "(?P<uid>[^/]+)", "(?P<container>[^/]+)"
CHECKS = "(?P<name>ping|log|syncloop|device-plugin)"


def node_routes(port: Port) -> tornado.web.Application:
    """Every endpoint, behind the guard."""
    routes = [*_always(port)]
    routes += _debugging(port) if port.switches.debugging else _no_debugging(port)
    return _application(port, routes)


def read_only_routes(port: Port) -> tornado.web.Application:
    """What may be read without being asked who one is."""
    routes = [*_always(port), *_no_debugging(port)]
    return _application(port, routes)


def healthz_routes(port: Port) -> tornado.web.Application:
    """Nothing but health, for everybody on this machine."""
    given = {"port": port}
    return _application(
        port, [(r"/healthz/?", OpenHealthz, given), (rf"/healthz/{CHECKS}", OpenHealthz, given)]
    )


def _application(port: Port, routes: list[Route]) -> tornado.web.Application:
    return tornado.web.Application(
        routes,
        default_handler_class=Missing,
        default_handler_args={"port": port},
        log_function=_log_nothing,
    )


def _always(port: Port) -> list[Route]:
    given = {"port": port}
    return [
        (r"/healthz", Healthz, given),
        (rf"/healthz/{CHECKS}", Healthz, given),
        (r"/pods/?", Pods, given),
        (rf"(?P<path>{'|'.join(Page)})", Metrics, given),
        (r"/stats/summary/?", Summary, given),
    ]


def _debugging(port: Port) -> list[Route]:
    given, switches = {"port": port}, port.switches
    routes: list[Route] = [
        *_for_container(port, "run", Run),
        *_for_container(port, "exec", Exec),
        *_for_container(port, "attach", Attach),
        (rf"/portForward/{POD}", PortForward, {**given}),
        (rf"/portForward/{POD}/{UID}", PortForward, {**given}),
        (rf"/containerLogs/{POD}/{CONTAINER}", ContainerLogs, given),
        (r"/configz", Configz, given),
        (r"/runningpods/?", RunningPods, given),
        *_switched(
            port, switches.system_logs, r"/logs(?:/(?P<path>.*))?", SystemLogs, "logs endpoint"
        ),
        *_switched(
            port, switches.profiling, r"/debug/pprof/(?P<name>.*)", Pprof, "profiling endpoint"
        ),
        *_switched(port, switches.debug_flags, r"/debug/flags/v", Verbosity, "flags endpoint"),
    ]
    if switches.checkpoints:
        routes.append((rf"/checkpoint/{POD}/{CONTAINER}", Checkpoint, given))
    if switches.flagz:
        routes.append((r"/flagz", Flagz, given))
    if switches.statusz:
        routes.append((r"/statusz", Statusz, {**given, "paths": _listed(routes)}))
    return routes


def _listed(routes: list[Route]) -> tuple[str, ...]:
    """Paths as people write them, without what changes from request to request."""
    plain = {re.sub(r"[/(]*\?.*|\(.*", "", path) for path, _, _ in routes}
    return tuple(sorted({"/healthz", "/pods", "/stats/summary", *Page, *plain} - {""}))


def _for_container(port: Port, word: str, handler: type[tornado.web.RequestHandler]) -> list[Route]:
    """With and without the pod's uid; a handler gets "" for one that was not given."""
    return [
        (rf"/{word}/{POD}/(?P<uid>){CONTAINER}", handler, {"port": port}),
        (rf"/{word}/{POD}/{UID}/{CONTAINER}", handler, {"port": port}),
    ]


def _switched(
    port: Port, on: bool, path: str, handler: type[tornado.web.RequestHandler], what: str
) -> list[Route]:
    if on:
        return [(path, handler, {"port": port})]
    plain = path.replace("(?P<path>", "(?:").replace("(?P<name>", "(?:")
    return [(plain, Disabled, {"port": port, "text": f"{what} is disabled."})]


def _no_debugging(port: Port) -> list[Route]:
    given = {"port": port, "text": "Debug endpoints are disabled."}
    below = ("run", "exec", "attach", "portForward", "containerLogs", "runningpods", "debug/pprof")
    return [(rf"/(?:{'|'.join((*below, 'logs'))})/.*", Disabled, given)]


def _log_nothing(handler: tornado.web.RequestHandler) -> None:
    """Requests are not logged: reading is no news."""
