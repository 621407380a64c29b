// A control plane over HTTP: it keeps which storage backends an organization has, and tells each run
// where to write. The handler is one function of a request and a response, so it can be given to
// `node:http`, to Express (`app.use('/cas', handler)`) and to everything that speaks the same.
//
//     node examples/control-plane/server.mjs      and then
//     curl -X POST localhost:8080/organizations/acme -H 'content-type: application/json' -d '{"id": "id-1"}'
//     curl -X POST localhost:8080/organizations/acme/resolve -d '{"size": 1024}'

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

import { BackstopError, Control, MemoryStorage } from 'backstop';

/** The largest body of a request, in bytes. */
const LARGEST = 65_536;

/**
 * Returns the handler.
 *
 * `storage` and `validator` are as the package wants them; `clock` returns milliseconds since the
 * epoch; `log` is told what went wrong inside, which a client is not.
 */
export function controlPlane({ storage, validator, clock = Date.now, log = console.error }) {
  const control = new Control({ storage, validator, onValidatorError: log });

  const routes = [
    ['POST', '/organizations/:organization', 201, ({ body, context, options }) =>
      control.createOrganization(body.id, context, options)],
    ['POST', '/organizations/:organization/backends', 201, ({ body, context, options }) =>
      control.create(body, context, options)],
    ['PATCH', '/organizations/:organization/backends/:backend', 200, ({ params, body, context, options }) =>
      control.update({ ...body, backend: params.backend }, context, options)],
    ['DELETE', '/organizations/:organization/backends/:backend', 200, ({ params, context, options }) =>
      control.delete(params.backend, context, options)],
    ['POST', '/organizations/:organization/backends/:backend/validate', 200, ({ params, context, options }) =>
      control.validate(params.backend, context, options)],
    ['PUT', '/organizations/:organization/policy', 200, ({ body, context, options }) =>
      control.setPolicy(body, context, options)],
    ['POST', '/organizations/:organization/resolve', 200, ({ body, context, options }) =>
      control.resolve(body, context, options)],
  ];

  return async (request, response) => {
    const answer = (status, value, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(`${JSON.stringify(value)}\n`);
    };
    // A client that has gone waits for nothing any more.
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const { pathname } = new URL(request.url, 'http://localhost');
      const [found] = routes.flatMap(([method, pattern, status, run]) => {
        const params = method === request.method ? matched(pattern, pathname) : null;
        return params === null ? [] : [{ status, run, params }];
      });
      if (found === undefined) return answer(404, { error: 'no such route' });

      const seen = request.headers['if-match'];
      const context = {
        organization: found.params.organization,
        actor: request.headers['x-actor'] ?? 'anonymous',
        now: clock(),
        // The revision that the client saw: somebody else's change in between is a conflict (USE-2).
        seen: seen === undefined ? null : Number(seen),
      };
      const body = await bodyOf(request);
      const options = { signal: gone.signal };
      const result = await found.run({ params: found.params, body, context, options });
      if (!result.ok) return answer(statusOf(result.error.codes), { error: result.error });
      const { value } = result;
      if ('answer' in value) return resolved(value, clock(), answer);
      const { roster } = value.plan ?? value;
      return answer(found.status, value, { etag: String(roster.revision) });
    } catch (error) {
      if (error instanceof Malformed) return answer(error.status, { error: error.message });
      // The message is for people, the code for programs; a cause may name hosts and is logged only.
      if (error instanceof BackstopError) {
        if (error.code !== 'invalid-input') log(error);
        return answer(ERRORS[error.code], { error: error.message, code: error.code });
      }
      log(error);
      return answer(500, { error: 'internal error' });
    }
  };
}

/** The status of each error of the package. */
const ERRORS = {
  aborted: 499,
  'foreign-module': 500,
  'invalid-input': 400,
  'policy-trap': 500,
  'storage-failed': 503,
  'storage-shape': 500,
  'storage-timeout': 504,
};

/** Returns the status of a refusal: the first of these that names one of the codes. */
function statusOf(codes) {
  const statuses = [
    [404, ['organization-not-found', 'backend-not-found']],
    [403, ['managed-immutable', 'managed-reserved', 'managed-undeletable']],
    [409, ['conflict', 'id-taken', 'name-taken', 'organization-taken']],
  ];
  const found = statuses.find(([, some]) => codes.some((code) => some.includes(code)));
  return found?.[0] ?? 422;
}

/** Tells a run where to write, with what the record of the write keeps (HOST-6), or why nowhere. */
function resolved({ answer: selection, due }, now, answer) {
  if (selection.ok) {
    const { backend, position, generation, degraded, revision } = selection.value;
    const casBackend = {
      casBackendID: backend.id,
      casBackendName: backend.name,
      fallback: position.type !== 'default',
    };
    return answer(200, { casBackend, generation, degraded, revision, due });
  }
  const refusal = selection.error;
  const { reason } = refusal;
  switch (reason.type) {
    case 'required':
      return answer(409, { error: refusal });
    case 'too-large':
      return answer(413, { error: refusal });
    default: {
      const wait = reason.retryAt === null ? null : Math.ceil((reason.retryAt - now) / 1_000);
      const headers = wait === null ? {} : { 'retry-after': String(Math.max(wait, 0)) };
      return answer(503, { error: refusal }, headers);
    }
  }
}

/** What a request gets that is no JSON, or too much of it. */
class Malformed extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function bodyOf(request) {
  // Express's own parser may have been here before.
  if (request.body !== undefined) return request.body;
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST) throw new Malformed(413, `a body is at most ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  if (length === 0) return {};
  let body;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Malformed(400, 'the body is no JSON');
  }
  if (typeof body !== 'object' || body === null) throw new Malformed(400, 'the body is no object');
  return body;
}

/** Returns what a path has for the `:names` of a pattern, or null if it does not match. */
function matched(pattern, path) {
  const names = pattern.split('/');
  const parts = path.split('/');
  if (names.length !== parts.length) return null;
  const params = {};
  for (const [i, name] of names.entries()) {
    if (!name.startsWith(':')) {
      if (name !== parts[i]) return null;
      continue;
    }
    try {
      params[name.slice(1)] = decodeURIComponent(parts[i]);
    } catch {
      throw new Malformed(400, `\`${parts[i]}\` is no part of an address`);
    }
  }
  return params;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // A validator that finds every backend well. A real one writes, reads back and deletes (HOST-3).
  const validator = {
    validate: () => ({ outcome: { type: 'ok' }, finishedAt: Date.now() }),
  };
  const handler = controlPlane({ storage: new MemoryStorage(), validator });
  const server = createServer(handler);
  server.listen(8080, '127.0.0.1', () => console.log('listening on http://127.0.0.1:8080'));
}
