"""boto3, the AWS SDK for Python, on each provider's S3-compatible face, with CRC-32 and SHA-256 on every part."""

import io

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

import flows


class Slow(io.BytesIO):
    """A body that keeps its end back, once it is being sent: its digests go ahead in the headers."""

    def __init__(self, go_on):
        super().__init__(flows.PART)
        self.go_on = go_on
        self.is_sent = False

    def read(self, size=-1):
        if self.is_sent and self.tell() >= flows.HEAD:
            assert self.go_on.wait(flows.LIMIT), "the upload was not aborted in time"
        return super().read(size)


class Boto3Flows(flows.Flows):
    # Its smallest.
    _file_part = 5 << 20

    def _slow(self, go_on):
        return Slow(go_on)


class Client:
    def __init__(self, fake, keys, endpoint, **options):
        self.s3 = boto3.client(
            "s3", aws_access_key_id=keys.id, aws_secret_access_key=keys.secret, region_name=fake.region,
            endpoint_url=endpoint, config=Config(**options),
        )
        self.s3.meta.events.register("before-send.s3.UploadPart", self._sending)
        self.bucket = fake.bucket

    def _sending(self, request, **_):
        if isinstance(request.body, Slow):
            request.body.is_sent = True

    def initiate(self, key):
        return self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]

    def upload_part(self, key, upload, number, body):
        part = {"PartNumber": number, "UploadId": upload, "Body": body}
        return self.s3.upload_part(Bucket=self.bucket, Key=key, **part)["ETag"]

    def list_parts(self, key, upload):
        result = self.s3.list_parts(Bucket=self.bucket, Key=key, UploadId=upload)
        return [(part["PartNumber"], part["Size"], part["ETag"]) for part in result.get("Parts", [])]

    def list_uploads(self, prefix):
        result = self.s3.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
        return [(each["Key"], each["UploadId"]) for each in result.get("Uploads", [])]

    def complete(self, key, upload, parts):
        manifest = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload=manifest)

    def abort(self, key, upload):
        self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)

    def read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def upload_file(self, key, path, scratch):
        part = Boto3Flows._file_part
        transfer = TransferConfig(multipart_threshold=part, multipart_chunksize=part, max_concurrency=4)
        self.s3.upload_file(path, self.bucket, key, Config=transfer)

    def part_url(self, key, upload, number):
        part = {"Bucket": self.bucket, "Key": key, "PartNumber": number, "UploadId": upload}
        return self.s3.generate_presigned_url("upload_part", part, ExpiresIn=60)

    def refusal(self, error):
        if not isinstance(error, ClientError):
            return None
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def by_address(fake, keys):
    return Client(fake, keys, fake.endpoint, s3={"addressing_style": "path"})


def by_proxy(fake, keys):
    return Client(
        fake, keys, f"http://{fake.service_host}", s3={"addressing_style": "virtual"}, proxies={"http": fake.endpoint}
    )


for provider in ("cos", "oss", "obs"):
    ways = {f"{provider.upper()} by address": by_address, f"{provider.upper()} by proxy": by_proxy}
    flows.run(provider, "boto3", ways, Boto3Flows)
