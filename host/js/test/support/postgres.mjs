// A PostgreSQL server of its own for a test: on a socket in a temporary directory, and gone afterwards.

import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

/** Where Debian keeps the programs of the server, by version. */
const DEBIAN = '/usr/lib/postgresql';

/** Starts a server; returns what `pg` needs to connect, and how to stop it. */
export async function startPostgres() {
  const programs = programDirectory();
  const directory = mkdtempSync(join(tmpdir(), 'backstop-pg-'));
  const user = userOf(directory);
  const data = join(directory, 'data');
  execFileSync(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'test', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync', '--locale', 'C'],
    { ...user, stdio: ['ignore', 'ignore', 'pipe'], cwd: directory },
  );
  // No network at all: a socket in the directory is enough. Nothing has to outlive the test.
  const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'fsync=off'];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...user, stdio: ['ignore', 'ignore', 'pipe'], cwd: directory },
  );
  let log = '';
  server.stderr.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const stop = async () => {
    // Clients that have said goodbye are waited for, those that were left behind are not for long.
    server.kill('SIGTERM');
    const impatience = setTimeout(() => server.kill('SIGINT'), 5_000);
    await ended;
    clearTimeout(impatience);
    rmSync(directory, { recursive: true, force: true });
  };
  for (let tries = 0; !log.includes('ready to accept connections'); tries++) {
    if (server.exitCode !== null || tries > 600) {
      await stop();
      throw new Error(`PostgreSQL does not start: ${log}`);
    }
    await after(50);
  }
  return { connection: { host: directory, user: 'test', database: 'postgres' }, stop };
}

function programDirectory() {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => b - a) : [];
  const found = versions.map((version) => join(DEBIAN, version, 'bin')).find((path) => existsSync(join(path, 'postgres')));
  if (found === undefined) {
    throw new Error(`no PostgreSQL server in \`${DEBIAN}\`: \`cargo xtask setup\` installs Debian's \`postgresql\``);
  }
  return found;
}

/** The server refuses to run as root, so it is then run as the user that Debian made for it. */
function userOf(directory) {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  const user = { uid: id('-u'), gid: id('-g') };
  chownSync(directory, user.uid, user.gid);
  return user;
}
