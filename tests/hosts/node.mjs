// The player of the npm package in Node; see README.md.
//
//     node tests/hosts/node.mjs
//
// `cargo xtask js` builds what it plays.

import { createInterface } from 'node:readline';

// By its public entries, as `import 'backstop'` in Node finds it.
import * as backstop from '../../host/js/dist/node.js';

import { player } from './player.mjs';

const answer = player(backstop);
for await (const line of createInterface({ input: process.stdin })) {
  const answered = await answer(line);
  if (!process.stdout.write(`${answered}\n`)) {
    await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}
