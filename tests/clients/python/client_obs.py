"""esdk-obs-python, Huawei's Python SDK for OBS, with Content-MD5 and CRC-64 on every part."""

import base64
import hashlib
from pathlib import Path

import obs

import flows


class Refused(Exception):
    """What the SDK reports as a result."""


def accepted(result):
    if result.status >= 300:
        raise Refused(result.status, result.errorCode)
    return result.body


class Reader:
    """A generator as what the SDK reads from."""

    def __init__(self, pieces):
        self.pieces = pieces

    def read(self, size=-1):
        # A piece at a time, whatever the size asked for: no flow has pieces that are larger than the SDK takes.
        return next(self.pieces, b"")


class Client:
    def __init__(self, fake, keys, **options):
        self.obs = obs.ObsClient(access_key_id=keys.id, secret_access_key=keys.secret, **options)
        self.bucket = fake.bucket

    def initiate(self, key):
        return accepted(self.obs.initiateMultipartUpload(self.bucket, key)).uploadId

    def upload_part(self, key, upload, number, body):
        if isinstance(body, bytes):
            md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
            checks = {"content": body, "md5": md5, "isAttachCrc64": True}
        else:
            checks = {"content": Reader(body)}
        return accepted(self.obs.uploadPart(self.bucket, key, number, upload, **checks)).etag

    def list_parts(self, key, upload):
        result = accepted(self.obs.listParts(self.bucket, key, upload))
        return [(part.partNumber, part.size, part.etag) for part in result.parts]

    def list_uploads(self, prefix):
        asked = obs.ListMultipartUploadsRequest(prefix=prefix)
        return [(each.key, each.uploadId) for each in accepted(self.obs.listMultipartUploads(self.bucket, asked)).upload]

    def complete(self, key, upload, parts):
        manifest = obs.CompleteMultipartUploadRequest([obs.CompletePart(*part) for part in parts])
        accepted(self.obs.completeMultipartUpload(self.bucket, key, upload, manifest))

    def abort(self, key, upload):
        accepted(self.obs.abortMultipartUpload(self.bucket, key, upload))

    def read(self, key):
        return accepted(self.obs.getObject(self.bucket, key, loadStreamInMemory=True)).buffer

    def upload_file(self, key, path, scratch):
        checkpoint = str(Path(scratch, "checkpoint"))
        accepted(self.obs.uploadFile(
            self.bucket, key, path, partSize=1 << 20, taskNum=4, enableCheckpoint=True, checkpointFile=checkpoint,
            checkSum=True, isAttachCrc64=True,
        ))

    def part_url(self, key, upload, number):
        query = {"partNumber": str(number), "uploadId": upload}
        return self.obs.createSignedUrl("PUT", self.bucket, key, expires=60, queryParams=query).signedUrl

    def refusal(self, error):
        return error.args if isinstance(error, Refused) else None


flows.run("obs", "esdk-obs-python", {
    "AWS V2 by address": lambda fake, keys: Client(fake, keys, server=fake.endpoint),
    "OBS by proxy": lambda fake, keys: Client(
        fake, keys, server=f"http://{fake.service_host}",
        use_http_conns=True, proxy_host=fake.host, proxy_port=fake.port,
    ),
    "AWS V4 by address": lambda fake, keys: Client(
        fake, keys, server=fake.endpoint, signature="v4", region=fake.region
    ),
})
