"""When containers really start and end, by containerd's own events."""

import threading
import time

import grpc

from nodeagent.adapters.cri.pb import containerd_events_pb2 as events_pb
from nodeagent.adapters.cri.pb import containerd_service_pb2 as service_pb
from nodeagent.adapters.cri.pb import containerd_types_pb2 as types_pb
from tests.e2e.runtime import Runtime

START, EXIT = "/tasks/start", "/tasks/exit"


class TaskWatch:
    """Moments (perf_counter) of task starts and exits, in a thread of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self._channel = grpc.insecure_channel(runtime.endpoint)
        subscribe = self._channel.unary_stream(
            "/containerd.services.events.v1.Events/Subscribe",
            request_serializer=service_pb.SubscribeRequest.SerializeToString,
            response_deserializer=types_pb.Envelope.FromString,
        )
        self._stream = subscribe(service_pb.SubscribeRequest(filters=['topic~="/tasks/"']))
        self.starts: list[tuple[float, str]] = []
        self.exits: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for envelope in self._stream:
                now = time.perf_counter()
                with self._changed:
                    if envelope.topic == START:
                        event = events_pb.TaskStart.FromString(envelope.event.value)
                        self.starts.append((now, event.container_id))
                    elif envelope.topic == EXIT:
                        exit_ = events_pb.TaskExit.FromString(envelope.event.value)
                        if exit_.id == exit_.container_id:
                            self.exits.append((now, exit_.container_id))
                    self._changed.notify_all()
        except grpc.RpcError:
            return

    def wait_starts(self, count: int, *, patience: float) -> float:
        """The moment of the count-th start; sandboxes are tasks too."""
        deadline = time.perf_counter() + patience
        with self._changed:
            while len(self.starts) < count:
                left = deadline - time.perf_counter()
                if left <= 0:
                    raise TimeoutError(f"{len(self.starts)} of {count} tasks started")
                self._changed.wait(left)
            return self.starts[count - 1][0]

    def clear(self) -> None:
        """Forget what was seen."""
        with self._changed:
            self.starts.clear()
            self.exits.clear()

    def close(self) -> None:
        """End the thread."""
        self._channel.close()
        self._thread.join(5)
