"""oss2, Alibaba's first Python SDK for OSS, with version 1 and version 4 signatures and its CRC-64 checks."""

import oss2

import flows


class Client:
    def __init__(self, auth, endpoint, fake, proxies=None):
        self.bucket = oss2.Bucket(auth, endpoint, fake.bucket, region=fake.region, proxies=proxies, enable_crc=True)

    def initiate(self, key):
        return self.bucket.init_multipart_upload(key).upload_id

    def upload_part(self, key, upload, number, body):
        return self.bucket.upload_part(key, upload, number, body).etag

    def list_parts(self, key, upload):
        return [(part.part_number, part.size, part.etag) for part in self.bucket.list_parts(key, upload).parts]

    def list_uploads(self, prefix):
        return [(each.key, each.upload_id) for each in self.bucket.list_multipart_uploads(prefix=prefix).upload_list]

    def complete(self, key, upload, parts):
        self.bucket.complete_multipart_upload(key, upload, [oss2.models.PartInfo(*part) for part in parts])

    def abort(self, key, upload):
        self.bucket.abort_multipart_upload(key, upload)

    def read(self, key):
        return self.bucket.get_object(key).read()

    def upload_file(self, key, path, scratch):
        store = oss2.ResumableStore(root=scratch)
        oss2.resumable_upload(
            self.bucket, key, path, store=store, multipart_threshold=1 << 20, part_size=1 << 20, num_threads=4
        )

    def part_url(self, key, upload, number):
        return self.bucket.sign_url("PUT", key, 60, params={"partNumber": str(number), "uploadId": upload})

    def refusal(self, error):
        return (error.status, error.code) if isinstance(error, oss2.exceptions.ServerError) else None


def by_address(auth):
    return lambda fake, keys: Client(auth(keys.id, keys.secret), fake.endpoint, fake)


def by_proxy(auth):
    return lambda fake, keys: Client(
        auth(keys.id, keys.secret), f"http://{fake.service_host}", fake, proxies={"http": fake.endpoint}
    )


flows.run("oss", "oss2", {
    "V1 by address": by_address(oss2.Auth),
    "V1 by proxy": by_proxy(oss2.Auth),
    "V4 by address": by_address(oss2.AuthV4),
    "V4 by proxy": by_proxy(oss2.AuthV4),
})
