"""The fake under test, as `fake-bucket serve` announced it, and its admin address."""

import http.client
import json
import os
import time
import urllib.request
from dataclasses import dataclass, replace

# Seconds anything may take that a flow waits for.
LIMIT = 20


@dataclass(frozen=True)
class Keys:
    """An access key id and its secret."""

    id: str
    secret: str

    def with_wrong_secret(self):
        return replace(self, secret=self.secret[::-1])


class Fake:
    def __init__(self, provider):
        line = json.loads(os.environ[f"FAKE_BUCKET_{provider.upper()}"])
        self.provider = line["provider"]
        self.endpoint = line["endpoint"]
        self.address = self.endpoint.removeprefix("http://")
        self.host, _, port = self.address.partition(":")
        self.port = int(port)
        self.region = line["region"]
        self.bucket = line["bucket"]
        self.service_host = line["service_host"]
        self.principals = {
            each["name"]: Keys(each["access_key_id"], each["secret_access_key"]) for each in line["principals"]
        }
        self._admin = line["admin"]

    def reset(self):
        self._ask("/reset", method="POST")

    def state(self):
        return self._ask("/state")

    def leaks(self):
        return self._ask("/leaks")["leaks"]

    def timeline(self):
        return self._ask("/timeline")["timeline"]

    def upload(self, upload_id):
        """What the fake knows of an upload."""
        return next(upload for upload in self.state()["uploads"] if upload["upload_id"] == upload_id)

    def last(self, operation):
        """The last exchange of an operation that is over."""
        over = [each for each in self._ask("/journal") if each["operation"] == operation and each["end"]]
        return over[-1]

    def wait_until(self, what, is_so):
        """Returns once `is_so(state)`. The fake runs in a process of its own and sends no event, hence the polling."""
        deadline = time.monotonic() + LIMIT
        while not is_so(self.state()):
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.005)

    def put(self, url, body):
        """What a client without any SDK does with a signed URL: the fake is its proxy, so any host name will do."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        try:
            connection.request("PUT", url, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _ask(self, path, method="GET"):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self._admin + path, method=method), timeout=LIMIT) as response:
            return json.load(response)
