"""A function behind HTTP that uploads the body it is sent, as the original design's did. Prints its port."""

import itertools
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"

from google.cloud.storage import Client

bucket = Client(project=None).bucket("bench")
numbers = itertools.count()


class Function(BaseHTTPRequestHandler):
    """Answers when the object is stored; the connection stays open, which is kinder than the original."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """One record."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        blob = bucket.blob(f"function/{next(numbers)}.json")
        blob.upload_from_string(body, content_type="application/json", if_generation_match=0)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


server = HTTPServer(("127.0.0.1", 0), Function)
print(json.dumps({"event": "listening", "port": server.server_address[1]}), flush=True)
server.serve_forever()
