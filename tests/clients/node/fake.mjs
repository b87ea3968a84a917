// The fake under test, as `fake-bucket serve` announced it, and its admin address.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

// Milliseconds anything may take that a flow waits for.
export const LIMIT = 20_000;

// An SDK, from where `run` installed it.
export const sdk = createRequire(path.join(process.env.FAKE_BUCKET_CLIENTS, 'node', 'package.json'));

export class Fake {
  #admin;

  constructor(provider) {
    const line = JSON.parse(process.env[`FAKE_BUCKET_${provider.toUpperCase()}`]);
    this.provider = line.provider;
    this.endpoint = line.endpoint;
    this.address = new URL(line.endpoint).host;
    this.host = new URL(line.endpoint).hostname;
    this.port = Number(new URL(line.endpoint).port);
    this.region = line.region;
    this.bucket = line.bucket;
    this.serviceHost = line.service_host;
    this.principals = Object.fromEntries(
      line.principals.map(each => [each.name, { id: each.access_key_id, secret: each.secret_access_key }]),
    );
    this.#admin = line.admin;
  }

  async reset() {
    await this.#ask('/reset', { method: 'POST' });
  }

  state() {
    return this.#ask('/state');
  }

  async leaks() {
    return (await this.#ask('/leaks')).leaks;
  }

  async timeline() {
    return (await this.#ask('/timeline')).timeline;
  }

  // What the fake knows of an upload.
  async upload(id) {
    return (await this.state()).uploads.find(upload => upload.upload_id === id);
  }

  // The last exchange of an operation that is over.
  async last(operation) {
    return (await this.#ask('/journal')).findLast(each => each.operation === operation && each.end);
  }

  // Returns once `isSo(state)`. The fake runs in a process of its own and sends no event, hence the polling.
  async waitUntil(what, isSo) {
    const deadline = Date.now() + LIMIT;
    while (!isSo(await this.state())) {
      assert(Date.now() < deadline, `waited in vain for ${what}`);
      await pause(5);
    }
  }

  // What a client without any SDK does with a signed URL: the fake is its proxy, so any host name will do.
  put(url, body) {
    return new Promise((resolve, reject) => {
      const headers = { Host: new URL(url).host, 'Content-Length': body.length };
      const options = { host: this.host, port: this.port, method: 'PUT', path: url, headers, timeout: LIMIT };
      const request = http.request(options, async response => {
        response.setEncoding('utf8');
        let text = '';
        for await (const piece of response) text += piece;
        resolve([response.statusCode, text]);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async #ask(path, init) {
    const response = await fetch(this.#admin + path, { ...init, signal: AbortSignal.timeout(LIMIT) });
    assert(response.ok, `${path}: ${response.status}`);
    return response.json();
  }
}
