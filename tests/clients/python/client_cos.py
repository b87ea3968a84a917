"""cos-python-sdk-v5, Tencent's Python SDK for COS, with Content-MD5 on every part."""

import logging

from qcloud_cos import CosConfig, CosS3Client, CosServiceError

import flows

# The SDK logs every refusal as an error.
logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)


class Client:
    def __init__(self, fake, keys, **options):
        common = {"Region": fake.region, "SecretId": keys.id, "SecretKey": keys.secret, "Scheme": "http"}
        self.client = CosS3Client(CosConfig(**common, **options))
        # With IP= the host name that is signed is not in the URL.
        self.signer = CosS3Client(CosConfig(**common))
        self.bucket = fake.bucket

    def initiate(self, key):
        return self.client.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]

    def upload_part(self, key, upload, number, body):
        # Its digest is taken beforehand, which a generator does not allow.
        known = isinstance(body, bytes)
        return self.client.upload_part(
            Bucket=self.bucket, Key=key, Body=body, PartNumber=number, UploadId=upload, EnableMD5=known
        )["ETag"]

    def list_parts(self, key, upload):
        result = self.client.list_parts(Bucket=self.bucket, Key=key, UploadId=upload)
        return [(int(part["PartNumber"]), int(part["Size"]), part["ETag"]) for part in result.get("Part", [])]

    def list_uploads(self, prefix):
        result = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
        return [(each["Key"], each["UploadId"]) for each in result.get("Upload", [])]

    def complete(self, key, upload, parts):
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Part": parts}
        )

    def abort(self, key, upload):
        self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)

    def read(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].get_raw_stream().read()

    def upload_file(self, key, path, scratch):
        self.client.upload_file(
            Bucket=self.bucket, Key=key, LocalFilePath=path, PartSize=1, MAXThread=4, EnableMD5=True
        )

    def part_url(self, key, upload, number):
        return self.signer.get_presigned_url(
            Bucket=self.bucket, Key=key, Method="PUT", Expired=60,
            Params={"partNumber": str(number), "uploadId": upload},
        )

    def refusal(self, error):
        return (error.get_status_code(), error.get_error_code()) if isinstance(error, CosServiceError) else None


flows.run("cos", "cos-python-sdk-v5", {
    "by address": lambda fake, keys: Client(fake, keys, IP=fake.host, Port=fake.port),
    "by proxy": lambda fake, keys: Client(fake, keys, Proxies={"http": fake.endpoint}),
})
