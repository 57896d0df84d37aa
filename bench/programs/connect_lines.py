"""Redpanda Connect, from mq-bridge-connect: HTTP lines, gzip, Cloud Storage. ``connect_lines.py URL BATCH_BYTES``

Runs until it is killed. Needs an environment that holds mq-bridge and mq-bridge-connect.
"""

import sys

import mq_bridge
import mq_bridge_connect

url, batch_bytes = sys.argv[1], int(sys.argv[2])
mq_bridge_connect.register()
mq_bridge.Route.from_str(
    f"""
lines:
  batch_size: 14000
  input:
    custom:
      name: connect
      config:
        connector: http_client
        url: "{url}"
        verb: GET
        stream: {{enabled: true, scanner: {{lines: {{}}}}}}
  output:
    custom:
      name: connect
      config:
        connector: gcp_cloud_storage
        bucket: bench
        path: "rsvps/${{!uuid_v4()}}.ndjson.gz"
        batching:
          byte_size: {batch_bytes}
          period: 100ms
          count: 14000
          processors:
            - archive: {{format: lines}}
            - compress: {{algorithm: gzip, level: 3}}
""",
    "lines",
).run()
