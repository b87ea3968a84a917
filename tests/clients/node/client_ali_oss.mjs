// ali-oss, Alibaba's Node.js SDK for OSS, with version 1 and version 4 signatures.

import { sdk } from './fake.mjs';
import { run } from './flows.mjs';

const OSS = sdk('ali-oss');

class Client {
  constructor(fake, keys, options) {
    const common = {
      region: `oss-${fake.region}`,
      bucket: fake.bucket,
      accessKeyId: keys.id,
      accessKeySecret: keys.secret,
      authorizationV4: options.authorizationV4,
    };
    this.oss = new OSS({ ...common, ...options });
    // It signs no URLs where its endpoint is an address.
    this.signer = new OSS(common);
  }

  async initiate(key) {
    return (await this.oss.initMultipartUpload(key)).uploadId;
  }

  async uploadPart(key, upload, number, body) {
    return (await this.oss.uploadPart(key, upload, number, body, 0, body.length)).etag;
  }

  async listParts(key, upload) {
    // A list of one is handed out as that one.
    const parts = [(await this.oss.listParts(key, upload)).parts].flat();
    return parts.map(part => [Number(part.PartNumber), Number(part.Size), part.ETag]);
  }

  async listUploads(prefix) {
    // An empty prefix it would sign with version 4 as `prefix=`, where OSS has `prefix`.
    const { uploads } = await this.oss.listUploads({ ...(prefix && { prefix }), 'max-uploads': 1000 });
    return uploads.map(each => [each.name, each.uploadId]);
  }

  complete(key, upload, parts) {
    return this.oss.completeMultipartUpload(key, upload, parts.map(([number, etag]) => ({ number, etag })));
  }

  abort(key, upload) {
    return this.oss.abortMultipartUpload(key, upload);
  }

  async read(key) {
    return (await this.oss.get(key)).content;
  }

  async uploadFile(key, path) {
    await this.oss.multipartUpload(key, path, { partSize: 1 << 20, parallel: 4 });
  }

  partUrl(key, upload, number) {
    const subResource = { partNumber: String(number), uploadId: upload };
    return this.signer.options.authorizationV4
      ? this.signer.signatureUrlV4('PUT', 60, { queries: subResource }, key)
      : this.signer.asyncSignatureUrl(key, { method: 'PUT', expires: 60, subResource });
  }

  refusal(error) {
    return error.code && error.status > 0 ? [error.status, error.code] : null;
  }
}

const byAddress = authorizationV4 => (fake, keys) =>
  new Client(fake, keys, { endpoint: fake.endpoint, authorizationV4 });
const byProxy = authorizationV4 => (fake, keys) =>
  new Client(fake, keys, { enableProxy: true, proxy: fake.endpoint, authorizationV4 });

await run('oss', 'ali-oss', {
  'V1 by address': byAddress(false),
  'V1 by proxy': byProxy(false),
  'V4 by address': byAddress(true),
  'V4 by proxy': byProxy(true),
});
