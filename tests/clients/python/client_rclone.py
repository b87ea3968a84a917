"""rclone, on each provider's S3-compatible face, with its MD5 checks.

It copies whole files, lists the uploads that somebody left open, and aborts them; single steps of an upload it has no
commands for. What it is to find half done is left there by boto3.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.config import Config

import flows
from flows import LIMIT, TAIL, bare, equal, md5

# Its smallest part.
PART = random.Random(3).randbytes(5 << 20)

# Names of the services in its settings.
SERVICES = {"cos": "TencentCOS", "oss": "Alibaba", "obs": "HuaweiOBS"}


class Refused(Exception):
    """What it printed when it failed."""


class Client:
    def __init__(self, fake, keys, proxied):
        settings = {
            "TYPE": "s3",
            "PROVIDER": SERVICES[fake.provider],
            "ACCESS_KEY_ID": keys.id,
            "SECRET_ACCESS_KEY": keys.secret,
            "REGION": fake.region,
            "ENDPOINT": f"http://{fake.service_host}" if proxied else fake.endpoint,
            "FORCE_PATH_STYLE": str(not proxied).lower(),
            "CHUNK_SIZE": "5Mi",
            "UPLOAD_CUTOFF": "0",
        }
        self.environment = {f"RCLONE_CONFIG_FAKE_{name}": value for name, value in settings.items()}
        if proxied:
            self.environment["http_proxy"] = fake.endpoint
        self.bucket = fake.bucket
        self.boto3 = boto3.client(
            "s3", aws_access_key_id=keys.id, aws_secret_access_key=keys.secret, region_name=fake.region,
            endpoint_url=fake.endpoint, config=Config(s3={"addressing_style": "path"}),
        )

    def start(self, *arguments):
        rclone = Path(sys.executable).with_name("rclone")
        return subprocess.Popen(
            [rclone, "--config=", "--retries=1", "--low-level-retries=1", *arguments],
            env=os.environ | self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, *arguments):
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
        if process.returncode:
            raise Refused(errors.decode())
        return output

    def at(self, key):
        return f"fake:{self.bucket}/{key}"

    def upload_file(self, key, path):
        self.run("copyto", path, self.at(key))

    def read(self, key):
        return self.run("cat", self.at(key))

    def list_uploads(self):
        uploads = json.loads(self.run("backend", "list-multipart-uploads", f"fake:{self.bucket}"))
        return [(each["Key"], each["UploadId"]) for each in uploads[self.bucket]]

    def abort_all(self):
        """Aborts every upload, however young."""
        self.run("backend", "cleanup", f"fake:{self.bucket}", "-o", "max-age=0s")

    def leave_open(self, key):
        upload = self.boto3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        self.boto3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=flows.PART)
        return upload


class RcloneFlows(flows.Flows):
    def upload_parts(self):
        self._copied("movie.mp4", PART + TAIL)
        (upload,) = self.fake.state()["uploads"]
        equal(upload["state"]["used"], [1, 2])

    def list_uploads(self):
        equal(self.owner.list_uploads(), [])
        uploads = [(key, self.owner.leave_open(key)) for key in ("a/movie.mp4", "b/1.mp4", "b/2.mp4")]
        equal(self.owner.list_uploads(), uploads)

    def abort(self):
        upload = self.owner.leave_open("movie.mp4")
        self.owner.abort_all()
        equal(self._status_of("Abort"), 204)
        equal(self.fake.upload(upload)["state"]["freed"], [1])
        equal(self.fake.leaks(), [])

    def complete(self):
        self._copied("movie.mp4", PART + TAIL)
        equal(self.owner.read("movie.mp4"), PART + TAIL)
        equal(self.fake.leaks(), [])

    def wrong_secret(self):
        impostor = self.connect(self.fake.principals["owner"].with_wrong_secret())
        upload = self.owner.leave_open("movie.mp4")
        self._refused("SignatureDoesNotMatch", self._copied, "other.mp4", PART, impostor)
        self._refused("SignatureDoesNotMatch", impostor.abort_all)
        self._untouched(upload)

    def stranger(self):
        stranger = self.connect(self.fake.principals["stranger"])
        upload = self.owner.leave_open("movie.mp4")
        self._refused("AccessDenied", self._copied, "other.mp4", PART, stranger)
        self._refused("AccessDenied", stranger.abort_all)
        self._untouched(upload)

    def writer(self):
        writer = self.connect(self.fake.principals["writer"])
        self._copied("other.mp4", PART + TAIL, writer)
        upload = self.owner.leave_open("movie.mp4")
        # It logs the refusal, and reports success.
        writer.abort_all()
        equal(self._answer(), (403, "AccessDenied"))
        self._untouched(upload)

    def resumable_upload(self):
        content = random.Random(2).randbytes(5 * len(PART) + 321)
        self._copied("movie.mp4", content)
        equal(md5(self.owner.read("movie.mp4")), md5(content))
        (upload,) = self.fake.state()["uploads"]
        equal((upload["state"]["status"], len(upload["state"]["used"])), ("completed", 6))
        equal(self.fake.leaks(), [])

    def abort_in_flight(self):
        gate = self.fake.hold(operation="UploadPart", part_number=1, at={"byte": flows.HEAD})
        copy = self.owner.start("rcat", "--streaming-upload-cutoff=0", self.owner.at("movie.mp4"))
        try:
            copy.stdin.write(2 * PART)
            copy.stdin.flush()
            gate.reached()
            copy.send_signal(signal.SIGINT)
            copy.wait(LIMIT)
        finally:
            gate.release()
            copy.kill()
            copy.communicate()
        equal(self._status_of("Abort"), 204)
        (upload,) = self.fake.state()["uploads"]
        equal(upload["state"]["status"], "aborted")
        equal(self.owner.list_uploads(), [])

    def odd_key(self):
        key = "odd a+b&c=d%20e~ü中"
        upload = self.owner.leave_open(key)
        equal(self.owner.list_uploads(), [(key, upload)])
        self.owner.abort_all()
        equal(self.fake.upload(upload)["state"]["status"], "aborted")
        self._copied(key, PART + TAIL)
        equal(self.owner.read(key), PART + TAIL)

    def _copied(self, key, content, client=None):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "file")
            path.write_bytes(content)
            (client or self.owner).upload_file(key, path)

    def _refused(self, code, call, *arguments):
        try:
            call(*arguments)
        except Refused as refusal:
            # It heads the object first, whose refusal has no body.
            assert "403" in str(refusal), f"wanted {code}, but it printed {refusal}"
            equal(self._answer(), (403, code))
        else:
            raise AssertionError(f"not refused with {code}")

    def _answer(self):
        """What the last exchange was answered."""
        end = self.fake.journal()[-1]["end"]
        return end["status"], end["code"]

    def _untouched(self, upload):
        state = self.fake.upload(upload)["state"]
        equal((state["status"], [bare(part["md5"]) for part in state["parts"]]), ("open", [md5(flows.PART)]))


SKIPPED = {
    "initiate": "it initiates only what it goes on to upload",
    "list_parts": "it has no command for it",
    "second_abort": "it aborts only what it has just listed",
    "abort_after_complete": "it aborts only what it has just listed",
    "signed_url": "it signs URLs for downloads only",
}

for provider in SERVICES:
    ways = {
        f"{provider.upper()} by address": lambda fake, keys: Client(fake, keys, proxied=False),
        f"{provider.upper()} by proxy": lambda fake, keys: Client(fake, keys, proxied=True),
    }
    flows.run(provider, "rclone", ways, RcloneFlows, SKIPPED)
