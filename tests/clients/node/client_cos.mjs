// cos-nodejs-sdk-v5, Tencent's Node.js SDK for COS, with Content-MD5 on every part.

import { sdk } from './fake.mjs';
import { run } from './flows.mjs';

const COS = sdk('cos-nodejs-sdk-v5');

class Client {
  constructor(fake, keys, scratch, options) {
    this.cos = new COS({
      SecretId: keys.id,
      SecretKey: keys.secret,
      Protocol: 'http:',
      UploadCheckContentMd5: true,
      // Where it remembers the uploads it may resume.
      ConfCwd: scratch,
      ...options,
    });
    this.place = { Bucket: fake.bucket, Region: fake.region };
  }

  async initiate(key) {
    return (await this.cos.multipartInit({ ...this.place, Key: key })).UploadId;
  }

  async uploadPart(key, upload, number, body) {
    const part = { UploadId: upload, PartNumber: number, Body: body, ContentLength: body.length };
    return (await this.cos.multipartUpload({ ...this.place, Key: key, ...part })).ETag;
  }

  async listParts(key, upload) {
    const { Part } = await this.cos.multipartListPart({ ...this.place, Key: key, UploadId: upload });
    return Part.map(part => [Number(part.PartNumber), Number(part.Size), part.ETag]);
  }

  async listUploads(prefix) {
    const { Upload } = await this.cos.multipartList({ ...this.place, Prefix: prefix });
    return Upload.map(each => [each.Key, each.UploadId]);
  }

  complete(key, upload, parts) {
    const Parts = parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
    return this.cos.multipartComplete({ ...this.place, Key: key, UploadId: upload, Parts });
  }

  abort(key, upload) {
    return this.cos.multipartAbort({ ...this.place, Key: key, UploadId: upload });
  }

  async read(key) {
    return (await this.cos.getObject({ ...this.place, Key: key })).Body;
  }

  async uploadFile(key, path) {
    await this.cos.sliceUploadFile({ ...this.place, Key: key, FilePath: path, ChunkSize: 1 << 20, AsyncLimit: 4 });
  }

  partUrl(key, upload, number) {
    return new Promise((resolve, reject) => {
      const Query = { partNumber: String(number), uploadId: upload };
      this.cos.getObjectUrl({ ...this.place, Key: key, Method: 'PUT', Query, Expires: 60 }, (error, data) => {
        if (error) reject(error);
        else resolve(data.Url);
      });
    });
  }

  refusal(error) {
    return error.statusCode ? [error.statusCode, error.code] : null;
  }
}

await run('cos', 'cos-nodejs-sdk-v5', {
  'by address': (fake, keys, scratch) => new Client(fake, keys, scratch, { Ip: fake.address }),
  'by proxy': (fake, keys, scratch) => new Client(fake, keys, scratch, { Proxy: fake.endpoint }),
});
