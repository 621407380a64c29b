// A storage over PostgreSQL: compare-and-swap on the revision, in one transaction with the change and
// its events. `schema.sql` is what it works on.

import { defaultPolicy } from 'backstop';

/** The whole roster in one statement, so that all of it is as of one revision. */
const LOAD = `
  select json_build_object(
    'revision', revision,
    'default', default_backend,
    'fallbacks', (
      select coalesce(json_agg(backend order by place), '[]')
      from fallback where organization = organization.id
    ),
    'policy', policy,
    'route', route,
    'backends', (
      select coalesce(json_agg(json_build_object(
        'id', backend.id, 'name', name, 'kind', kind, 'provider', provider, 'location', location,
        'description', description, 'maxBlobBytes', max_blob_bytes, 'mode', mode,
        'generation', generation, 'health', health
      ) order by backend.id), '[]')
      from backend where organization = organization.id and live
    )
  ) as roster
  from organization where id = $1`;

/** Keeps rosters in PostgreSQL. */
export class PostgresStorage {
  #pool;

  /** @param pool a `Pool` of the package `pg`, or what has the same methods. */
  constructor(pool) {
    this.#pool = pool;
  }

  async load(organization) {
    const { rows } = await this.#pool.query(LOAD, [organization]);
    return rows.length === 0 ? null : rows[0].roster;
  }

  async commit(organization, expectedRevision, changeSet) {
    const client = await this.#pool.connect();
    let failure;
    try {
      await client.query('begin');
      const answer = await write(client, organization, expectedRevision, changeSet);
      await client.query(answer === 'committed' ? 'commit' : 'rollback');
      return answer;
    } catch (error) {
      failure = error;
      await client.query('rollback').catch(() => undefined);
      // The id was used before, perhaps by a backend that is deleted.
      if (error.code === UNIQUE_VIOLATION && error.constraint === 'backend_id_taken') return 'id-taken';
      throw error;
    } finally {
      // A connection that failed in an unknown way is not used again.
      client.release(failure !== undefined && failure.code === undefined);
    }
  }
}

const UNIQUE_VIOLATION = '23505';

async function write(client, organization, expectedRevision, { revision, changes, events }) {
  // Writers of one organization queue up at its row. Whoever comes second finds another revision.
  const isNew = expectedRevision === 0;
  const { rowCount } = isNew
    ? await client.query(
        `insert into organization (id, revision, policy)
         values ($1, $2, $3) on conflict do nothing`,
        [organization, revision, defaultPolicy()],
      )
    : await client.query('update organization set revision = $2 where id = $1 and revision = $3', [
        organization,
        revision,
        expectedRevision,
      ]);
  if (rowCount === 0) return 'conflict';
  for (const change of changes) await apply(client, organization, change);
  for (const [ordinal, { at, actor, kind }] of events.entries()) {
    await client.query(
      'insert into event (organization, revision, ordinal, at, actor, kind) values ($1, $2, $3, $4, $5, $6)',
      [organization, revision, ordinal, at, actor, kind],
    );
  }
  return 'committed';
}

/** Each change names its target and carries its whole new value, so that writing needs no rule. */
async function apply(client, organization, change) {
  switch (change.type) {
    case 'create-organization':
      return;
    case 'create-backend': {
      const { id, name, kind, provider, location } = change.backend;
      const { description, maxBlobBytes, mode, generation, health } = change.backend;
      await client.query(
        `insert into backend (organization, id, name, kind, provider, location, description,
           max_blob_bytes, mode, generation, health)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
        [organization, id, name, kind, provider, location, description, maxBlobBytes, mode, generation, health],
      );
      return;
    }
    case 'update-backend': {
      const { id, description, maxBlobBytes, mode, generation, health } = change.backend;
      await client.query(
        `update backend set description = $3, max_blob_bytes = $4, mode = $5, generation = $6, health = $7
         where organization = $1 and id = $2`,
        [organization, id, description, maxBlobBytes, mode, generation, health],
      );
      return;
    }
    case 'set-roles':
      await client.query('update organization set default_backend = $2 where id = $1', [
        organization,
        change.default,
      ]);
      await client.query('delete from fallback where organization = $1', [organization]);
      await client.query(
        `insert into fallback (organization, place, backend)
         select $1, place, backend from unnest($2::text[]) with ordinality as chain (backend, place)`,
        [organization, change.fallbacks],
      );
      return;
    case 'delete-backend':
      await client.query('update backend set live = false where organization = $1 and id = $2', [
        organization,
        change.backend,
      ]);
      return;
    case 'set-policy':
      await client.query('update organization set policy = $2 where id = $1', [organization, change.policy]);
      return;
    case 'set-route':
      await client.query('update organization set route = $2 where id = $1', [organization, change.route]);
      return;
    default:
      throw new Error(`no such change: \`${change.type}\``);
  }
}
