// The player of the npm package in a real browser; see README.md.
//
//     node tests/hosts/browser.mjs
//
// `npm ci` in host/browser installs what drives the browser, and `cargo xtask setup` the browser.
// The package is served from a loopback port to a page that imports its browser entry as a plain
// module, which is what a page without a bundler does.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const CHROMIUM = "/usr/bin/chromium";

/** How many lines go to the page at once: each way there costs more than an answer does. */
const BATCH = 256;

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../host/js/", import.meta.url));
const DRIVER = new URL("../../host/browser/package.json", import.meta.url);

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>player</title>
<script type="module">
  import * as backstop from "/package/ENTRY";
  import { player } from "/hosts/player.mjs";
  const answer = player(backstop);
  window.play = (lines) => Promise.all(lines.map(answer));
  window.ready = true;
</script>
`;

/** Returns the file of the package that a browser is given for its name. */
function entry() {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  let found = exports["."];
  while (typeof found !== "string") {
    found = found.browser ?? found.import ?? found.default;
    if (found === undefined) throw new Error("the package has no entry for browsers");
  }
  return normalize(found);
}

/** Serves the page, the package and the player on a free port of this machine. */
async function serve() {
  const page = PAGE.replace("ENTRY", entry());
  const folders = { package: PACKAGE, hosts: HERE };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const [, folder, ...rest] = path.split("/");
    const file = folders[folder] && join(folders[folder], ...rest);
    const found = path === "/" || (file?.startsWith(folders[folder]) && existsSync(file));
    response.writeHead(found ? 200 : 404, { "content-type": path === "/" ? TYPES[".html"] : (TYPES[extname(path)] ?? "text/plain") });
    response.end(path === "/" ? page : found ? readFileSync(file) : "");
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return server;
}

async function start(profile) {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`no browser at \`${CHROMIUM}\`: \`cargo xtask setup\` installs Debian's Chromium`);
  }
  let driver;
  try {
    const module = createRequire(DRIVER).resolve("playwright-core");
    driver = (await import(pathToFileURL(module).href)).default;
  } catch {
    throw new Error("`playwright-core` is not installed: run `npm ci` in host/browser");
  }
  return driver.chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** Returns what answers lines in the page. */
async function open(browser, server) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("response", (response) => {
    if (!response.ok()) problems.push(`${response.status()} for \`${new URL(response.url()).pathname}\``);
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  try {
    await page.waitForFunction(() => window.ready === true, null, { timeout: 30_000 });
  } catch {
    throw new Error(`the page with the package did not start: ${problems.join("; ") || "no reason is known"}`);
  }
  return (lines) => page.evaluate((all) => window.play(all), lines);
}

/** Answers what comes in, in batches of what is there, and in order. */
async function run(answer) {
  let waiting = [];
  let last = Promise.resolve();
  let queued = false;
  const flush = async () => {
    queued = false;
    while (waiting.length > 0) {
      const lines = waiting.splice(0, BATCH);
      const answers = await answer(lines);
      if (!process.stdout.write(`${answers.join("\n")}\n`)) {
        await new Promise((resolve) => process.stdout.once("drain", resolve));
      }
    }
  };
  const input = createInterface({ input: process.stdin, crlfDelay: Infinity });
  let fail;
  const failed = new Promise((_, reject) => { fail = reject; });
  // Whoever reads the answers has gone away.
  process.stdout.once("error", fail);
  input.on("line", (line) => {
    if (line === "") return;
    waiting.push(line);
    if (queued) return;
    // Whoever writes a line and waits for its answer gets it at once; of many lines, as many go
    // together as came together.
    queued = true;
    last = last.then(flush);
    last.catch(fail);
  });
  await Promise.race([new Promise((resolve) => input.once("close", resolve)), failed]);
  await last;
}

const profile = mkdtempSync(join(tmpdir(), "backstop-player-"));
let server;
let browser;
try {
  server = await serve();
  browser = await start(profile);
  await run(await open(browser, server));
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  process.stdin.destroy();
  await browser?.close();
  server?.close();
  server?.closeAllConnections();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
