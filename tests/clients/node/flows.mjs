// The flows every client goes through, and how a script runs them.
//
// A script makes a client of its SDK, with these methods, and hands `run` the ways to connect one:
//
//   initiate(key) -> upload id                     listParts(key, upload) -> [[number, size, etag]]
//   uploadPart(key, upload, number, body) -> etag  listUploads(prefix) -> [[key, upload id]]
//   complete(key, upload, [[number, etag]])        abort(key, upload)
//   read(key) -> buffer                            uploadFile(key, path, scratch): the SDK's resumable upload
//   partUrl(key, upload, number) -> signed URL     refusal(error) -> [status, code], null if it is something else
//
// All but `refusal` may be asynchronous. `body` is a Buffer, or a Readable with its `length`. `filePart` is the bytes of the
// parts that `uploadFile` sends, where it is not 1 MiB.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';

import { Fake, LIMIT } from './fake.mjs';

// Every provider's smallest part, and a last part that is smaller.
const PART = bytes(1 << 20, 1);
const TAIL = Buffer.from('and the rest');

// Bytes of a part that is in flight.
const HEAD = 1 << 16;

// Each is a flow of a fake begun anew, a client of the owner, and a function that connects others. They run in this order.
const FLOWS = {
  async initiate({ fake, owner }) {
    const upload = await owner.initiate('movie.mp4');
    const record = await fake.upload(upload);
    equal([record.key, record.initiator, record.state.status], ['movie.mp4', 'owner', 'open']);
  },

  async 'upload parts'({ fake, owner }) {
    const upload = await owner.initiate('movie.mp4');
    const etags = [];
    for (const [number, body] of [[1, PART], [2, TAIL]]) {
      etags.push(await owner.uploadPart('movie.mp4', upload, number, body));
    }
    equal(etags.map(bare), [md5(PART), md5(TAIL)]);
    const { parts } = (await fake.upload(upload)).state;
    equal(parts.map(part => [part.number, part.size, part.md5]),
      [[1, PART.length, md5(PART)], [2, TAIL.length, md5(TAIL)]]);
  },

  async 'list parts'({ owner }) {
    const upload = await owner.initiate('movie.mp4');
    equal(await owner.listParts('movie.mp4', upload), []);
    await owner.uploadPart('movie.mp4', upload, 1, PART);
    equal(await parts(owner, 'movie.mp4', upload), [[1, PART.length, md5(PART)]]);
    await owner.uploadPart('movie.mp4', upload, 7, TAIL);
    equal(await parts(owner, 'movie.mp4', upload), [[1, PART.length, md5(PART)], [7, TAIL.length, md5(TAIL)]]);
  },

  async 'list uploads'({ owner }) {
    equal(await owner.listUploads(''), []);
    const uploads = [];
    for (const key of ['a/movie.mp4', 'b/1.mp4', 'b/2.mp4']) uploads.push([key, await owner.initiate(key)]);
    equal(await owner.listUploads(''), uploads);
    equal(await owner.listUploads('b/'), uploads.slice(1));
  },

  async abort({ fake, owner }) {
    const upload = await withAPart(owner, 'movie.mp4');
    await owner.abort('movie.mp4', upload);
    equal((await fake.last('Abort')).end.status, 204);
    equal((await fake.upload(upload)).state.freed, [1]);
    equal(await fake.leaks(), []);
  },

  async 'second abort'({ fake, owner }) {
    const upload = await withAPart(owner, 'movie.mp4');
    await owner.abort('movie.mp4', upload);
    await refused(owner, 404, 'NoSuchUpload', () => owner.abort('movie.mp4', upload));
    await refused(owner, 404, 'NoSuchUpload', () => owner.uploadPart('movie.mp4', upload, 2, TAIL));
    await refused(owner, 404, 'NoSuchUpload', () => owner.listParts('movie.mp4', upload));
    equal(await fake.leaks(), []);
  },

  async 'upload, complete, read back'({ fake, owner }) {
    await completed(owner, 'movie.mp4');
    same(await owner.read('movie.mp4'), Buffer.concat([PART, TAIL]));
    equal(await fake.leaks(), []);
  },

  async 'abort after complete'({ owner }) {
    const upload = await completed(owner, 'movie.mp4');
    await refused(owner, 404, 'NoSuchUpload', () => owner.abort('movie.mp4', upload));
    same(await owner.read('movie.mp4'), Buffer.concat([PART, TAIL]));
  },

  async 'wrong secret'({ fake, owner, connect }) {
    const { id, secret } = fake.principals.owner;
    const impostor = await connect({ id, secret: [...secret].reverse().join('') });
    const upload = await withAPart(owner, 'movie.mp4');
    const code = 'SignatureDoesNotMatch';
    await refused(owner, 403, code, () => impostor.uploadPart('movie.mp4', upload, 2, TAIL));
    await refused(owner, 403, code, () => impostor.abort('movie.mp4', upload));
    await untouched(fake, owner, upload);
  },

  async stranger({ fake, owner, connect }) {
    const stranger = await connect(fake.principals.stranger);
    const upload = await withAPart(owner, 'movie.mp4');
    await refused(owner, 403, 'AccessDenied', () => stranger.uploadPart('movie.mp4', upload, 2, TAIL));
    await refused(owner, 403, 'AccessDenied', () => stranger.listParts('movie.mp4', upload));
    await refused(owner, 403, 'AccessDenied', () => stranger.abort('movie.mp4', upload));
    await untouched(fake, owner, upload);
  },

  async writer({ fake, owner, connect }) {
    const writer = await connect(fake.principals.writer);
    const upload = await withAPart(owner, 'movie.mp4');
    const own = await withAPart(writer, 'movie.mp4');
    if (fake.provider === 'obs') {
      // Uploads are their initiator's, to add to and to abort; the latter the bucket owner may as well.
      await refused(owner, 403, 'AccessDenied', () => writer.uploadPart('movie.mp4', upload, 1, TAIL));
      await writer.abort('movie.mp4', own);
    } else {
      await writer.uploadPart('movie.mp4', upload, 1, PART);
      await refused(owner, 403, 'AccessDenied', () => writer.abort('movie.mp4', own));
      await owner.abort('movie.mp4', own);
    }
    equal((await fake.last('Abort')).end.status, 204);
    await refused(owner, 403, 'AccessDenied', () => writer.abort('movie.mp4', upload));
    await untouched(fake, owner, upload);
  },

  async 'resumable upload of a file'({ fake, owner, scratch }) {
    const content = bytes(5 * (owner.filePart ?? PART.length) + 321, 2);
    const file = path.join(scratch, 'movie.mp4');
    await writeFile(file, content);
    await owner.uploadFile('movie.mp4', file, scratch);
    same(await owner.read('movie.mp4'), content);
    const { uploads } = await fake.state();
    equal(uploads.map(upload => [upload.state.status, upload.state.used?.length]), [['completed', 6]]);
    equal(await fake.leaks(), []);
  },

  async 'abort with a part in flight'({ fake, owner, connect }) {
    const upload = await owner.initiate('movie.mp4');
    const gate = await fake.hold({ operation: 'UploadPart', key: 'movie.mp4', at: { byte: HEAD } });
    let aborted;
    const isAborted = new Promise(resolve => { aborted = resolve; });
    const slow = Object.assign(Readable.from(async function* () {
      yield PART.subarray(0, HEAD);
      await isAborted;
      yield PART.subarray(HEAD);
    }(), { objectMode: false }), { length: PART.length });
    const part = owner.uploadPart('movie.mp4', upload, 1, slow);
    const reached = gate.reached();
    for (const either of [part, reached]) either.catch(() => {});
    try {
      // A part that is over says why it was not in flight.
      await Promise.race([reached, part]);
      await (await connect(fake.principals.owner)).abort('movie.mp4', upload);
      equal((await fake.last('Abort')).end.status, 204);
    } finally {
      await gate.release();
      aborted();
    }
    if (fake.provider === 'oss') {
      equal(bare(await part), md5(PART));
      const leaks = await fake.leaks();
      assert.match(leaks.join('\n'), /LINGERING: 1/);
      await refused(owner, 404, 'NoSuchUpload', () => owner.listParts('movie.mp4', upload));
      await owner.abort('movie.mp4', upload);
      equal((await fake.last('Abort')).end.status, 204);
    } else {
      await refused(owner, 404, 'NoSuchUpload', () => part);
    }
    await refused(owner, 404, 'NoSuchUpload', () => owner.abort('movie.mp4', upload));
    equal((await fake.upload(upload)).state.lingering, []);
    equal(await fake.leaks(), []);
  },

  async 'odd key'({ fake, owner }) {
    const key = 'odd a+b&c=d%20e~ü中';
    const upload = await withAPart(owner, key);
    equal((await fake.upload(upload)).key, key);
    equal(await owner.listUploads('odd a+b&c=d%20e~ü'), [[key, upload]]);
    equal(await parts(owner, key, upload), [[1, PART.length, md5(PART)]]);
    await owner.abort(key, upload);
    await completed(owner, key);
    same(await owner.read(key), Buffer.concat([PART, TAIL]));
  },

  async 'part by signed URL'({ fake, owner }) {
    const upload = await owner.initiate('a/movie.mp4');
    const url = await owner.partUrl('a/movie.mp4', upload, 1);
    equal(await fake.put(url, TAIL), [200, '']);
    equal(await parts(owner, 'a/movie.mp4', upload), [[1, TAIL.length, md5(TAIL)]]);
    const [status, body] = await fake.put(url.replace('partNumber=1', 'partNumber=2'), TAIL);
    equal(status, 403);
    assert.match(body, /<Code>SignatureDoesNotMatch<\/Code>/);
    await owner.complete('a/movie.mp4', upload, [[1, md5(TAIL)]]);
    same(await owner.read('a/movie.mp4'), TAIL);
  },
};

// Runs the flows with each of the `ways` to connect a client: functions of a fake and keys, by name. Prints one line for
// each.
export async function run(provider, client, ways) {
  const fake = new Fake(provider);
  for (const [way, connectTo] of Object.entries(ways)) {
    for (const [name, flow] of Object.entries(FLOWS)) {
      const label = `${client}, ${way}: ${name}`;
      const scratch = await mkdtemp(path.join(os.tmpdir(), 'fake-bucket-'));
      await fake.reset();
      try {
        const connect = keys => connectTo(fake, keys, scratch);
        const owner = await connect(fake.principals.owner);
        await within(flow({ fake, owner, connect, scratch }));
        console.log(`ok      ${label}`);
      } catch (error) {
        const account = error instanceof Error ? error.stack : JSON.stringify(error);
        console.log(`FAILED  ${label}\n${indented(`${account}\n${await fake.timeline()}`)}`);
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    }
  }
}

async function within(flow) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${2 * LIMIT} ms`)), 2 * LIMIT);
  });
  try {
    await Promise.race([flow, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function withAPart(client, key) {
  const upload = await client.initiate(key);
  await client.uploadPart(key, upload, 1, PART);
  return upload;
}

async function completed(owner, key) {
  const upload = await withAPart(owner, key);
  const tail = await owner.uploadPart(key, upload, 2, TAIL);
  const [[, , first]] = await owner.listParts(key, upload);
  await owner.complete(key, upload, [[1, first], [2, tail]]);
  return upload;
}

async function parts(owner, key, upload) {
  return (await owner.listParts(key, upload)).map(([number, size, etag]) => [number, size, bare(etag)]);
}

async function untouched(fake, owner, upload) {
  const { state } = await fake.upload(upload);
  equal([state.status, state.parts.map(part => part.number)], ['open', [1]]);
  equal(await parts(owner, 'movie.mp4', upload), [[1, PART.length, md5(PART)]]);
}

async function refused(client, status, code, call) {
  let result;
  try {
    result = await call();
  } catch (error) {
    const refusal = client.refusal(error);
    if (!refusal) throw error;
    equal(refusal, [status, code]);
    return;
  }
  assert.fail(`not refused with ${status} ${code}, but ${JSON.stringify(result)}`);
}

function equal(found, wanted) {
  assert.deepEqual(found, wanted);
}

function same(found, wanted) {
  assert(Buffer.compare(found, wanted) === 0, `the object read back differs: ${found.length} bytes of ${wanted.length}`);
}

function indented(text) {
  return text.split('\n').map(line => `        ${line}`).join('\n').trimEnd();
}

// An entity tag without quotes, in lower case: OSS writes upper case, and SDKs differ in stripping the quotes.
function bare(etag) {
  return etag.replaceAll('"', '').toLowerCase();
}

function md5(body) {
  return createHash('md5').update(body).digest('hex');
}

// Bytes that repeat from run to run, but not within.
function bytes(length, seed) {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, at) => createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}
