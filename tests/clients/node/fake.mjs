// The fake under test, as `fake-bucket serve` announced it, and its admin address.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

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

  // An agent for SDKs that know no proxy: to it, every host is here.
  agent() {
    return new http.Agent({
      lookup: (_host, options, found) =>
        options.all ? found(null, [{ address: this.host, family: 4 }]) : found(null, this.host, 4),
    });
  }

  async reset() {
    await this.#post('/reset', {});
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

  // Puts up a gate for `operation`, `key`, `part_number` or `principal`, `at` a point on an exchange's way. It has to be
  // released, whatever comes.
  async hold(exchange) {
    const { gate } = await this.#post('/gates', exchange);
    return {
      // Resolves once it holds an exchange.
      reached: () => this.#post(`/gates/${gate}/wait`, { limit_seconds: LIMIT / 1000 }),
      release: () => this.#post(`/gates/${gate}/release`, {}),
    };
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

  #post(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    return this.#ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async #ask(path, init) {
    const response = await fetch(this.#admin + path, { ...init, signal: AbortSignal.timeout(2 * LIMIT) });
    const answer = await response.json();
    assert(response.ok, `${path}: ${response.status} ${answer.error}`);
    return answer;
  }
}
