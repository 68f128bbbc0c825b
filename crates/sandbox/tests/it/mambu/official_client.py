"""What tap-mambu makes of the sandbox: the records of streams, as JSON.

Arguments: URL of the sandbox, configuration as JSON, streams separated by commas. The tap knows hosts below
mambu.com only; its HTTP library is told that they are here.
"""

import json
import subprocess
import sys
import tempfile
from urllib.parse import urlparse

URL, CONFIG, STREAMS = sys.argv[1:4]

if len(sys.argv) > 4:
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def to_sandbox(self, request, **more):
        address = urlparse(request.url)
        path = address.path.removeprefix("/api")
        request.url = URL + path + ("?" + address.query if address.query else "")
        return send(self, request, **more)

    HTTPAdapter.send = to_sandbox
    sys.argv = ["tap-mambu", *sys.argv[4:]]
    import tap_mambu

    tap_mambu.main()
    sys.exit()


def tap(*arguments):
    command = [sys.executable, __file__, URL, CONFIG, STREAMS, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if result.returncode:
        sys.exit(result.stderr[-3000:])
    return result.stdout


with tempfile.TemporaryDirectory() as folder:
    config = f"{folder}/config.json"
    with open(config, "w") as file:
        file.write(CONFIG)
    catalog = json.loads(tap("-c", config, "-d"))
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS.split(",")
    with open(f"{folder}/catalog.json", "w") as file:
        json.dump(catalog, file)
    lines = tap("-c", config, "--catalog", f"{folder}/catalog.json").splitlines()

found = {}
for message in map(json.loads, lines):
    if message["type"] == "RECORD":
        found.setdefault(message["stream"], []).append(message["record"])
json.dump(found, sys.stdout)
