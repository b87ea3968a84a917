"""alibabacloud-oss-v2, Alibaba's second Python SDK for OSS, with its CRC-64 checks."""

from datetime import timedelta

import alibabacloud_oss_v2 as oss

import flows


class Client:
    def __init__(self, fake, keys, signature, **options):
        config = oss.config.load_default()
        config.credentials_provider = oss.credentials.StaticCredentialsProvider(keys.id, keys.secret)
        config.region = fake.region
        config.signature_version = signature
        for name, value in options.items():
            setattr(config, name, value)
        self.client = oss.Client(config)
        self.bucket = fake.bucket

    def initiate(self, key):
        return self.client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(self.bucket, key)).upload_id

    def upload_part(self, key, upload, number, body):
        request = oss.UploadPartRequest(self.bucket, key, part_number=number, upload_id=upload, body=body)
        return self.client.upload_part(request).etag

    def list_parts(self, key, upload):
        result = self.client.list_parts(oss.ListPartsRequest(self.bucket, key, upload))
        return [(part.part_number, part.size, part.etag) for part in result.parts or []]

    def list_uploads(self, prefix):
        result = self.client.list_multipart_uploads(oss.ListMultipartUploadsRequest(self.bucket, prefix=prefix))
        return [(each.key, each.upload_id) for each in result.uploads or []]

    def complete(self, key, upload, parts):
        manifest = oss.CompleteMultipartUpload([oss.UploadPart(*part) for part in parts])
        self.client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(self.bucket, key, upload, complete_multipart_upload=manifest)
        )

    def abort(self, key, upload):
        self.client.abort_multipart_upload(oss.AbortMultipartUploadRequest(self.bucket, key, upload))

    def read(self, key):
        with self.client.get_object(oss.GetObjectRequest(self.bucket, key)).body as body:
            return body.read()

    def upload_file(self, key, path, scratch):
        uploader = self.client.uploader(
            part_size=1 << 20, parallel_num=4, enable_checkpoint=True, checkpoint_dir=scratch
        )
        uploader.upload_file(oss.PutObjectRequest(self.bucket, key), path)

    def part_url(self, key, upload, number):
        request = oss.UploadPartRequest(self.bucket, key, part_number=number, upload_id=upload)
        return self.client.presign(request, expires=timedelta(minutes=1)).url

    def refusal(self, error):
        while isinstance(error, oss.exceptions.OperationError):
            error = error.unwrap()
        return (error.status_code, error.code) if isinstance(error, oss.exceptions.ServiceError) else None


def by_address(signature):
    return lambda fake, keys: Client(fake, keys, signature, endpoint=fake.endpoint)


def by_proxy(signature):
    return lambda fake, keys: Client(
        fake, keys, signature, endpoint=f"http://{fake.service_host}", proxy_host={"http": fake.endpoint}
    )


flows.run("oss", "alibabacloud-oss-v2", {
    "V1 by address": by_address("v1"),
    "V1 by proxy": by_proxy("v1"),
    "V4 by address": by_address("v4"),
    "V4 by proxy": by_proxy("v4"),
})
