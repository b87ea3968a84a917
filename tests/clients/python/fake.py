"""The fake under test, as `fake-bucket serve` announced it, and its admin address."""

import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, replace

# Seconds anything may take that a flow waits for.
LIMIT = 20

# How a body is sent to the admin address.
JSON = {"Content-Type": "application/json"}


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
        self._ask("/reset", {})

    def state(self):
        return self._ask("/state")

    def leaks(self):
        return self._ask("/leaks")["leaks"]

    def timeline(self):
        return self._ask("/timeline")["timeline"]

    def journal(self):
        return self._ask("/journal")

    def upload(self, upload_id):
        """What the fake knows of an upload."""
        return next(upload for upload in self.state()["uploads"] if upload["upload_id"] == upload_id)

    def last(self, operation):
        """The last exchange of an operation that is over."""
        over = [each for each in self.journal() if each["operation"] == operation and each["end"]]
        return over[-1]

    def hold(self, **exchange):
        """Puts up a gate for `operation`, `key`, `part_number` or `principal`, `at` a point on an exchange's way."""
        return Gate(self, self._ask("/gates", exchange)["gate"])

    def put(self, url, body):
        """What a client without any SDK does with a signed URL: the fake is its proxy, so any host name will do."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        try:
            connection.request("PUT", url, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _ask(self, path, body=None):
        """GETs, or POSTs `body` where there is one."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        data = None if body is None else json.dumps(body).encode()
        try:
            with opener.open(urllib.request.Request(self._admin + path, data, JSON), timeout=2 * LIMIT) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {json.load(error)['error']}") from None


class Gate:
    """A gate on the fake. It has to be released, whatever comes."""

    def __init__(self, fake, number):
        self.fake = fake
        self.path = f"/gates/{number}"

    def reached(self):
        """Returns once it holds an exchange."""
        self.fake._ask(f"{self.path}/wait", {"limit_seconds": LIMIT})

    def release(self):
        self.fake._ask(f"{self.path}/release", {})
