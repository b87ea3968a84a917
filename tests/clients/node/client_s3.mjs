// @aws-sdk/client-s3, AWS's SDK for Node.js, on each provider's S3-compatible face, with CRC-32 on every part.

import { createReadStream } from 'node:fs';

import { sdk } from './fake.mjs';
import { run } from './flows.mjs';

const S3 = sdk('@aws-sdk/client-s3');
const { Upload } = sdk('@aws-sdk/lib-storage');
const { getSignedUrl } = sdk('@aws-sdk/s3-request-presigner');

class Client {
  // Its smallest.
  filePart = 5 << 20;

  constructor(fake, keys, options) {
    const common = {
      region: fake.region,
      credentials: { accessKeyId: keys.id, secretAccessKey: keys.secret },
      ...options,
    };
    this.s3 = new S3.S3Client(common);
    // A stream's checksum would go at its end, in aws-chunked framing, which the providers refuse; and a signed URL would
    // have that of an empty body.
    this.unchecked = new S3.S3Client({ ...common, requestChecksumCalculation: 'WHEN_REQUIRED' });
    this.bucket = fake.bucket;
  }

  #ask(command, key, rest, client = this.s3) {
    return client.send(new S3[`${command}Command`]({ Bucket: this.bucket, Key: key, ...rest }));
  }

  async initiate(key) {
    return (await this.#ask('CreateMultipartUpload', key)).UploadId;
  }

  async uploadPart(key, upload, number, body) {
    const part = { UploadId: upload, PartNumber: number, Body: body, ContentLength: body.length };
    return (await this.#ask('UploadPart', key, part, Buffer.isBuffer(body) ? this.s3 : this.unchecked)).ETag;
  }

  async listParts(key, upload) {
    const { Parts = [] } = await this.#ask('ListParts', key, { UploadId: upload });
    return Parts.map(part => [part.PartNumber, part.Size, part.ETag]);
  }

  async listUploads(prefix) {
    const { Uploads = [] } = await this.#ask('ListMultipartUploads', undefined, { Prefix: prefix });
    return Uploads.map(each => [each.Key, each.UploadId]);
  }

  complete(key, upload, parts) {
    const Parts = parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
    return this.#ask('CompleteMultipartUpload', key, { UploadId: upload, MultipartUpload: { Parts } });
  }

  abort(key, upload) {
    return this.#ask('AbortMultipartUpload', key, { UploadId: upload });
  }

  async read(key) {
    return Buffer.from(await (await this.#ask('GetObject', key)).Body.transformToByteArray());
  }

  async uploadFile(key, path) {
    const params = { Bucket: this.bucket, Key: key, Body: createReadStream(path) };
    await new Upload({ client: this.s3, params, partSize: this.filePart, queueSize: 4 }).done();
  }

  partUrl(key, upload, number) {
    const part = new S3.UploadPartCommand({ Bucket: this.bucket, Key: key, UploadId: upload, PartNumber: number });
    return getSignedUrl(this.unchecked, part, { expiresIn: 60 });
  }

  refusal(error) {
    const status = error.$metadata?.httpStatusCode;
    return status ? [status, error.name] : null;
  }
}

const byAddress = (fake, keys) => new Client(fake, keys, { endpoint: fake.endpoint, forcePathStyle: true });

const byHostName = (fake, keys) => new Client(fake, keys, {
  endpoint: `http://${fake.serviceHost}:${fake.port}`,
  requestHandler: { httpAgent: fake.agent() },
});

for (const provider of ['cos', 'oss', 'obs']) {
  await run(provider, '@aws-sdk/client-s3', {
    [`${provider.toUpperCase()} by address`]: byAddress,
    [`${provider.toUpperCase()} by host name`]: byHostName,
  });
}
