// esdk-obs-nodejs, Huawei's Node.js SDK for OBS, with Content-MD5 on every part.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { sdk } from './fake.mjs';
import { run } from './flows.mjs';

const OBS = sdk('esdk-obs-nodejs');

// What the SDK reports as a result.
class Refused extends Error {
  constructor({ Status, Code }) {
    super(`${Status} ${Code}`);
    this.refusal = [Status, Code];
  }
}

async function accepted(asked) {
  const { CommonMsg, InterfaceResult } = await asked;
  if (CommonMsg.Status >= 300) throw new Refused(CommonMsg);
  return InterfaceResult;
}

class Client {
  static async connect(fake, keys, options) {
    const client = new Client();
    client.obs = new OBS({ access_key_id: keys.id, secret_access_key: keys.secret, ...options });
    client.bucket = fake.bucket;
    // It takes its settings in after its constructor has returned.
    await nextTurn();
    return client;
  }

  async initiate(key) {
    return (await accepted(this.obs.initiateMultipartUpload({ Bucket: this.bucket, Key: key }))).UploadId;
  }

  async uploadPart(key, upload, number, body) {
    // Buffers it would send as text.
    const content = Buffer.isBuffer(body)
      ? { Body: Readable.from([body]), ContentMD5: createHash('md5').update(body).digest('base64') }
      : { Body: body };
    const part = { PartNumber: number, UploadId: upload, PartSize: body.length, ...content };
    return (await accepted(this.obs.uploadPart({ Bucket: this.bucket, Key: key, ...part }))).ETag;
  }

  async listParts(key, upload) {
    const { Parts } = await accepted(this.obs.listParts({ Bucket: this.bucket, Key: key, UploadId: upload }));
    return Parts.map(part => [Number(part.PartNumber), Number(part.Size), part.ETag]);
  }

  async listUploads(prefix) {
    const { Uploads } = await accepted(this.obs.listMultipartUploads({ Bucket: this.bucket, Prefix: prefix }));
    return Uploads.map(each => [each.Key, each.UploadId]);
  }

  async complete(key, upload, parts) {
    const Parts = parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
    await accepted(this.obs.completeMultipartUpload({ Bucket: this.bucket, Key: key, UploadId: upload, Parts }));
  }

  async abort(key, upload) {
    await accepted(this.obs.abortMultipartUpload({ Bucket: this.bucket, Key: key, UploadId: upload }));
  }

  async read(key) {
    const stream = (await accepted(this.obs.getObject({ Bucket: this.bucket, Key: key, SaveAsStream: true }))).Content;
    return Buffer.concat(await stream.toArray());
  }

  async uploadFile(key, file, scratch) {
    await accepted(this.obs.uploadFile({
      Bucket: this.bucket,
      Key: key,
      UploadFile: file,
      PartSize: 1 << 20,
      TaskNum: 4,
      // Without EnableCheckSum: that waits for the digest of the file before its first request, and never gets it.
      EnableCheckpoint: true,
      CheckpointFile: path.join(scratch, 'checkpoint'),
    }));
  }

  partUrl(key, upload, number) {
    const QueryParams = { partNumber: String(number), uploadId: upload };
    return this.obs.createSignedUrlSync({ Method: 'PUT', Bucket: this.bucket, Key: key, Expires: 60, QueryParams }).SignedUrl;
  }

  refusal(error) {
    return error.refusal ?? null;
  }
}

await run('obs', 'esdk-obs-nodejs', {
  'AWS V2 by address': (fake, keys) => Client.connect(fake, keys, { server: fake.endpoint }),
  'OBS by host name': (fake, keys) => Client.connect(fake, keys, {
    server: `http://${fake.serviceHost}:${fake.port}`,
    http_agent: fake.agent(),
  }),
});
