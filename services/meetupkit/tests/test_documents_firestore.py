"""What only ``FirestoreDocuments`` has: an address, credentials, a network, and Google's errors."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from meetup_testkit.emulators.pytest_plugin import FirestoreProject
from meetup_testkit.tcp_proxy import Direction, Disturbance, TcpProxy
from meetupkit.errors import (
    Conflict,
    DocumentRefused,
    DocumentTooLarge,
    PermanentError,
    StoreRefused,
    StoreUnavailable,
)
from meetupkit.stores import open_documents
from meetupkit.stores.documents import AtMost, Create, Delete, DocumentStore, Put
from meetupkit.stores.documents.firestore.documents import FirestoreDocuments

Code = grpc.StatusCode
Call = Callable[[DocumentStore], object]

CALLS: dict[str, Call] = {
    "check": lambda store: store.check(),
    "get": lambda store: store.get("members", ["m1"]),
    "commit": lambda store: store.commit([Put("members", "m1", {"a": 1})]),
    "query": lambda store: store.query("members", where=AtMost("a", 1), limit=1),
    "count": lambda store: store.count("members"),
}
INDEXES = Path(__file__).parents[3] / "k8s/gcp/firestore.indexes.json"
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


class FailingFirestore(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC has no types
    """A gRPC server that answers every call with one error, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.answers(Code.UNAVAILABLE, "down")
        self._server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[self])
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def answers(self, code: Any, message: str, detail: Message | None = None) -> None:
        """From now on; ``detail`` travels as Google's servers send it."""
        status = status_pb2.Status(code=code.value[0], message=message)
        if detail:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        self._answer: tuple[Any, str, bytes] = (code, message, status.SerializeToString())

    def service(self, _: object) -> object:
        return grpc.unary_unary_rpc_method_handler(self._fail)

    def _fail(self, _: object, context: Any) -> None:
        self.calls += 1
        code, message, details = self._answer
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, message)

    def __enter__(self) -> "FailingFirestore":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


@pytest.fixture(scope="module")
def failing_server() -> Iterator[FailingFirestore]:
    with FailingFirestore() as server:
        yield server


@pytest.fixture
def failing(failing_server: FailingFirestore, monkeypatch: pytest.MonkeyPatch) -> FailingFirestore:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", failing_server.host)
    failing_server.calls = 0
    return failing_server


@pytest.fixture
def store() -> Iterator[FirestoreDocuments]:
    """Connects where ``FIRESTORE_EMULATOR_HOST`` points at its first call."""
    with closing(FirestoreDocuments("project-1", "profiles", timeout_seconds=60)) as store:
        yield store


class TestAddress:
    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("firestore://project-1", "firestore://project-1/(default)"),
            ("firestore://project-1/", "firestore://project-1/(default)"),
            ("firestore://project-1/profiles", "firestore://project-1/profiles"),
            ("firestore://example.com:project-1/%28default%29", "firestore://example.com:project-1/(default)"),
        ],
    )
    def test_the_database_is_the_default_one_unless_named(
        self, failing: FailingFirestore, address: str, said: str
    ) -> None:
        with closing(open_documents(address)) as store, pytest.raises(StoreUnavailable) as error:
            store.count("members")
        assert str(error.value).startswith(f"{said} ")

    @pytest.mark.parametrize("address", ["firestore://", "firestore:///db", "firestore://p/a/b", "firestore://p/d?x=1"])
    def test_an_address_without_a_project_is_refused_with_the_form(self, address: str) -> None:
        with pytest.raises(StoreRefused, match="write firestore://project"):
            open_documents(address)


class TestErrors:
    @every_call
    @pytest.mark.parametrize(
        "code",
        [
            Code.UNAVAILABLE,
            Code.DEADLINE_EXCEEDED,
            Code.RESOURCE_EXHAUSTED,
            Code.ABORTED,
            Code.INTERNAL,
            Code.UNKNOWN,
            Code.CANCELLED,
        ],
        ids=lambda code: code.name,
    )
    def test_what_may_be_gone_later_is_tried_once_and_unavailable(
        self, failing: FailingFirestore, store: FirestoreDocuments, call: Call, code: Any
    ) -> None:
        failing.answers(code, "not now")
        with pytest.raises(StoreUnavailable, match="not now"):
            call(store)
        assert failing.calls == 1

    def test_what_google_asks_to_wait_is_passed_on(self, failing: FailingFirestore, store: FirestoreDocuments) -> None:
        failing.answers(
            Code.RESOURCE_EXHAUSTED,
            "quota",
            error_details_pb2.RetryInfo(retry_delay=Duration(seconds=7, nanos=5 * 10**8)),
        )
        with pytest.raises(StoreUnavailable) as error:
            store.count("members")
        assert error.value.retry_after == 7.5

    @pytest.mark.parametrize(
        ("code", "message", "detail", "advice"),
        [
            (
                Code.NOT_FOUND,
                "The database profiles does not exist for project project-1 Please visit https://console...",
                None,
                r"gcloud firestore databases create --project=project-1 --database='profiles' --location=",
            ),
            (
                Code.PERMISSION_DENIED,
                "Missing or insufficient permissions.",
                None,
                r"grant it roles/datastore.user on the project project-1",
            ),
            (
                Code.PERMISSION_DENIED,
                "Cloud Firestore API has not been used in project project-1 before or it is disabled.",
                error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com"),
                r"gcloud services enable firestore.googleapis.com --project=project-1",
            ),
            (Code.UNAUTHENTICATED, "Invalid credentials", None, r"gcloud auth application-default login"),
            (
                Code.FAILED_PRECONDITION,
                "The Cloud Firestore API is not available for Firestore in Datastore Mode database profiles.",
                None,
                r"create one in native mode",
            ),
            (Code.UNIMPLEMENTED, "no such method", None, r"refuses the request with MethodNotImplemented"),
        ],
        ids=["no database", "no permission", "API off", "bad token", "datastore mode", "other"],
    )
    def test_at_the_start_one_line_names_what_to_create_or_grant(
        self,
        failing: FailingFirestore,
        store: FirestoreDocuments,
        code: Any,
        message: str,
        detail: Message | None,
        advice: str,
    ) -> None:
        failing.answers(code, message, detail)
        with pytest.raises(StoreRefused, match=advice) as error:
            store.check()
        assert str(error.value).startswith("firestore://project-1/profiles: ")
        assert "\n" not in str(error.value)
        assert failing.calls == 1

    def test_a_query_without_its_index_names_the_file_that_has_it(
        self, failing: FailingFirestore, store: FirestoreDocuments
    ) -> None:
        failing.answers(Code.FAILED_PRECONDITION, "The query requires an index. You can create it here: https://...")
        with pytest.raises(StoreRefused, match=r"k8s/gcp/firestore\.indexes\.json"):
            store.query("members_queue", where=AtMost("due_at", 1), order_by=["priority"], limit=1)
        assert INDEXES.is_file()

    @pytest.mark.parametrize("write", [Put("members", "m1", {}, "1.000000001"), Delete("members", "m1", "1.000000001")])
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (Code.FAILED_PRECONDITION, "the stored version (2) does not match the required base version (1)"),
            (Code.NOT_FOUND, "No document to update: projects/project-1/databases/profiles/documents/members/m1"),
        ],
        ids=["changed", "gone"],
    )
    def test_a_version_that_has_gone_is_a_conflict_however_it_is_said(
        self, failing: FailingFirestore, store: FirestoreDocuments, write: Put | Delete, code: Any, message: str
    ) -> None:
        failing.answers(code, message)
        with pytest.raises(Conflict):
            store.commit([Put("groups", "g1", {}), write])

    def test_a_missing_database_is_no_conflict(self, failing: FailingFirestore, store: FirestoreDocuments) -> None:
        failing.answers(Code.NOT_FOUND, "The database profiles does not exist for project project-1")
        with pytest.raises(StoreRefused, match="databases create"):
            store.commit([Create("members", "m1", {})])

    @pytest.mark.parametrize(
        ("message", "kind", "name"),
        [
            (
                "Document 'projects/p/databases/d/documents/members/m2' cannot be written because its size "
                "(1,048,600 bytes) exceeds the maximum allowed size of 1,048,576 bytes.",
                DocumentTooLarge,
                "m2",
            ),
            ("Request payload size exceeds the limit: 11534336 bytes.", DocumentTooLarge, None),
            ("Transaction too big. Decrease transaction size.", DocumentTooLarge, None),
            ("too many index entries for entity projects/p/databases/d/documents/members/m22", DocumentRefused, "m22"),
            ("Property array contains an invalid nested entity.", DocumentRefused, None),
        ],
    )
    def test_a_document_the_server_will_not_store_is_named_if_the_server_names_it(
        self,
        failing: FailingFirestore,
        store: FirestoreDocuments,
        message: str,
        kind: type[Exception],
        name: str | None,
    ) -> None:
        failing.answers(Code.INVALID_ARGUMENT, message)
        with pytest.raises(DocumentRefused) as error:
            store.commit([Put("members", "m2", {}), Put("members", "m22", {})])
        assert (type(error.value), error.value.name) == (kind, name)
        with pytest.raises(DocumentRefused) as error:
            store.commit([Put("members", "m3", {})])
        assert error.value.name == "m3"

    def test_a_commit_beyond_the_limit_of_a_request_is_refused_before_it_is_sent(
        self, failing: FailingFirestore, store: FirestoreDocuments
    ) -> None:
        with pytest.raises(DocumentTooLarge) as error:
            store.commit([Put("members", f"m{n}", {"bio": "x" * 1_000_000}) for n in range(11)])
        assert error.value.name is None
        assert failing.calls == 0


class TestIndexes:
    @pytest.mark.parametrize("collection", ["members_queue", "groups_queue"])
    def test_each_queue_has_the_index_its_query_needs(self, collection: str) -> None:
        indexes = json.loads(INDEXES.read_text())["indexes"]
        fields = [index["fields"] for index in indexes if index["collectionGroup"] == collection]
        assert fields == [
            [{"fieldPath": "priority", "order": "ASCENDING"}, {"fieldPath": "due_at", "order": "ASCENDING"}]
        ]

    @pytest.mark.parametrize("collection", ["members", "groups"])
    def test_what_grows_with_time_or_is_large_is_not_indexed(self, collection: str) -> None:
        overrides = json.loads(INDEXES.read_text())["fieldOverrides"]
        exempt = {field["fieldPath"] for field in overrides if field["collectionGroup"] == collection}
        assert {"fetched_at", "profile"} <= exempt
        assert all(field["indexes"] == [] for field in overrides)


class TokenServer(HTTPServer):
    """Google's token server as it says no: the account's key was deleted."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
                self.send_response(400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Not news."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class TestCredentials:
    @pytest.fixture(autouse=True)
    def not_the_emulator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)

    @pytest.fixture
    def key_file(self, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        def write(port: int) -> None:
            path = tmp_path / "key.json"
            account = {
                "type": "service_account",
                "project_id": "project-1",
                "client_email": "meetup@project-1.iam.gserviceaccount.com",
                "private_key_id": "1",
                "private_key": private_key,
                "token_uri": f"http://127.0.0.1:{port}/token",
            }
            path.write_text(json.dumps(account))
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

        return write

    def test_missing_credentials_are_refused_in_one_line_that_says_where_to_get_them(
        self, store: FirestoreDocuments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
        with pytest.raises(StoreRefused, match="gcloud auth application-default login") as error:
            store.check()
        assert "\n" not in str(error.value)

    def test_a_key_that_was_deleted_is_refused_and_never_shown(
        self, store: FirestoreDocuments, key_file: Callable[[int], None], private_key: str
    ) -> None:
        with TokenServer() as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            key_file(server.server_port)
            with pytest.raises(StoreRefused, match=r"no usable Google credentials.*invalid_grant") as error:
                store.check()
            server.shutdown()
            thread.join()
        assert private_key.splitlines()[1] not in str(error.value)

    def test_a_token_server_that_cannot_be_reached_is_an_outage(
        self, store: FirestoreDocuments, key_file: Callable[[int], None]
    ) -> None:
        with TokenServer() as server:
            port = server.server_port
        key_file(port)
        with pytest.raises(StoreUnavailable, match="token server"):
            store.check()


@pytest.mark.faults
class TestNetwork:
    """The emulator behind a proxy that disturbs."""

    @pytest.fixture
    def proxy(self, firestore: FirestoreProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
        host, _, port = firestore.emulator.host.partition(":")
        with TcpProxy(host, int(port)) as proxy:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{proxy.port}")
            yield proxy

    @pytest.fixture
    def impatient(self, firestore: FirestoreProject) -> Iterator[FirestoreDocuments]:
        with closing(FirestoreDocuments(firestore.name, timeout_seconds=2)) as store:
            yield store

    @pytest.fixture
    def patient(self, firestore: FirestoreProject) -> Iterator[FirestoreDocuments]:
        """Waits long enough on any machine for an answer that comes."""
        with closing(FirestoreDocuments(firestore.name, timeout_seconds=30)) as store:
            yield store

    @every_call
    def test_a_call_without_an_answer_ends_and_the_next_one_succeeds(
        self, proxy: TcpProxy, impatient: FirestoreDocuments, call: Call
    ) -> None:
        succeed(call, impatient)
        proxy.stall()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            call(impatient)
        proxy.heal()
        succeed(call, impatient)

    @every_call
    def test_a_server_that_stands_still_is_unavailable_and_then_goes_on(
        self, firestore: FirestoreProject, impatient: FirestoreDocuments, call: Call
    ) -> None:
        succeed(call, impatient)
        firestore.process.pause()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            call(impatient)
        firestore.process.resume()
        succeed(call, impatient)

    @every_call
    def test_a_connection_whose_peer_vanished_is_given_up_after_one_call(
        self, proxy: TcpProxy, impatient: FirestoreDocuments, call: Call
    ) -> None:
        succeed(call, impatient)
        proxy.lose()
        proxy.heal()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            call(impatient)
        succeed(call, impatient)
        assert proxy.fired == {Disturbance.LOSE: 1}

    @every_call
    def test_a_server_that_refuses_connections_is_unavailable_and_found_again(
        self, proxy: TcpProxy, patient: FirestoreDocuments, call: Call
    ) -> None:
        call(patient)
        proxy.refuse()
        proxy.reset_open()
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                call(patient)
        proxy.heal()
        succeed(call, patient)

    @pytest.fixture
    def hundred(self, firestore: FirestoreProject) -> list[str]:
        """Names of documents that are there. Asked for before ``proxy``, so that they are not written through it: gRPC
        hands a connection on to the next channel to the same address, and a cut strikes only connections opened later.
        """
        names = [f"m{n}" for n in range(100)]
        with closing(FirestoreDocuments(firestore.name, timeout_seconds=30)) as other:
            other.commit([Put("members", name, {"bio": "x" * 1000}) for name in names])
        return names

    @pytest.mark.parametrize("at_byte", [1, 100, 20_000])
    def test_half_an_answer_is_no_answer(
        self, hundred: list[str], proxy: TcpProxy, patient: FirestoreDocuments, at_byte: int
    ) -> None:
        proxy.cut(at_byte, Direction.TO_CLIENT, rst=True)
        with pytest.raises(StoreUnavailable):
            patient.get("members", hundred)
        assert proxy.fired[Disturbance.CUT] >= 1
        proxy.heal()
        succeed(lambda store: store.check(), patient)
        assert sorted(patient.get("members", hundred)) == sorted(hundred)

    def test_a_create_whose_answer_was_lost_conflicts_with_itself_when_tried_again(
        self, proxy: TcpProxy, patient: FirestoreDocuments, impatient: FirestoreDocuments
    ) -> None:
        succeed(CALLS["check"], impatient)
        proxy.stall(Direction.TO_CLIENT)
        with pytest.raises(StoreUnavailable):
            impatient.commit([Create("members", "m9", {"a": 1})])
        proxy.heal()
        with pytest.raises(Conflict):
            patient.commit([Create("members", "m9", {"a": 1})])
        assert patient.get("members", ["m9"])["m9"].fields == {"a": 1}

    def test_a_name_that_does_not_resolve_is_an_outage(
        self, impatient: FirestoreDocuments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "firestore.invalid:443")
        with pytest.raises(StoreUnavailable):
            impatient.check()

    def test_closing_ends_a_call_that_waits(self, proxy: TcpProxy, patient: FirestoreDocuments) -> None:
        patient.check()
        proxy.stall()
        with futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(patient.count, "members")
            while not proxy.fired:
                assert not waiting.done()
            patient.close()
            with pytest.raises(StoreUnavailable):
                waiting.result()


def succeed(call: Call, store: DocumentStore) -> None:
    """Call until it succeeds, as a retry policy would; anything but an outage is raised, an endless one times out."""
    while True:
        try:
            call(store)
        except StoreUnavailable:
            continue
        return


def test_every_error_of_google_that_is_not_an_outage_is_permanent(
    failing: FailingFirestore, store: FirestoreDocuments
) -> None:
    transient = {
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "INTERNAL",
        "UNKNOWN",
        "CANCELLED",
    }
    for code in Code:
        if code.name in transient | {"OK"}:
            continue
        failing.answers(code, "no")
        for call in CALLS.values():
            with pytest.raises(PermanentError):
                call(store)
