// SPDX-License-Identifier: GPL-2.0
// faults.js: what the recipe does with errors and with unusual options, a line for each. It uses up
// the descriptors, so it needs a low limit of them.
'use strict';

const fs = require('node:fs');
const { text } = require('node:stream/consumers');
const { spawn, SpawnError } = require('../spawnctl.js');

/** What is wrong, or how the program ends, or what it prints and which streams are pipes */
async function outcome(...args) {
  try {
    const child = await spawn(...args);
    const pipes = [child.stdin, child.stdout, child.stderr].map((stream) => (stream ? 'pipe' : '-'));
    child.stdin?.end();
    child.stderr?.destroy();
    const output = child.stdout ? (await text(child.stdout)).trim() : '';
    const { signal } = await child.exited;
    child.stdin?.destroy();
    return signal ?? (output || pipes.join(' '));
  } catch (error) {
    if (!(error instanceof SpawnError)) return error.name;
    return `${error.step}, ${error.code}, ${error.errno}, ${error.path}`;
  }
}

async function show(what, ...args) {
  console.log(`${what}: ${await outcome(...args)}`);
}

async function main() {
  const shell = (what, script, options) => show(what, '/bin/sh', ['-c', script], options);
  const { PATH } = process.env;
  const directory = fs.mkdtempSync('/tmp/spawnctl-node-');
  const program = `${directory}/spawnctl-echo`;

  await show('child', 'echo', ['made']);
  await show('bad descriptor', 'true', [], { stdio: ['pipe', -1, 'pipe'] });
  await show('unknown backend', 'true', [], { backend: 'none' });
  fs.writeFileSync(program, 'text', { mode: 0o755 });
  await show('no format', program);
  fs.unlinkSync(program);
  await shell('two names of a signal', 'kill -IO $$');

  await shell('undefined', 'echo ${A-unset}', { env: { A: undefined, PATH } });
  await shell('inherited', 'echo ${A-unset}', { env: Object.create({ A: 'b' }) });
  await shell('name with =', 'echo $A', { env: { 'A=b': 'c' } });
  await shell('empty name', 'exit', { env: { '': 'c' } });

  for (const stdio of ['pipe', 'ignore', 'inherit', 'none', null, [], [null, 'ignore'], ['none'], [{}], 1, {},
                       Array(4).fill('pipe')])
    await shell(`stdio ${JSON.stringify(stdio).replaceAll('"', '')}`, 'exit', { stdio });
  await show('args of one string', 'echo', 'abc');

  // Only the caller's PATH has this program
  fs.symlinkSync('/bin/echo', program);
  process.env.PATH = directory;
  await show("caller's PATH", 'spawnctl-echo', ['found']);
  await show('env without PATH', 'spawnctl-echo', ['found'], { env: {} });
  await show('env without PATH, /bin', 'echo', ['found'], { env: {} });
  await show('env with PATH', 'spawnctl-echo', ['found'], { env: { PATH: directory } });
  await show('env with another PATH', 'spawnctl-echo', ['found'], { env: { PATH } });
  process.env.PATH = PATH;
  fs.rmSync(directory, { recursive: true });

  const used = [];
  try {
    for (;;) used.push(fs.openSync('/dev/null'));
  } catch {
    await show('no descriptor for a pipe', 'true');
    await show('no descriptor for /dev/null', 'true', [], { stdio: Array(3).fill('ignore') });
    await show('no descriptor for a copy', 'true', [], { stdio: Array(3).fill('inherit') });
  }
  used.forEach((fd) => fs.closeSync(fd));
}

main();
