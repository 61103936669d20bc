// SPDX-License-Identifier: GPL-2.0
// node demo.js [device]: what a program does with spawnctl.js
'use strict';

const fs = require('node:fs');
const { text } = require('node:stream/consumers');
const { spawn, SpawnError } = require('./spawnctl.js');

async function failure(...args) {
  try {
    await spawn(...args);
    return 'none';
  } catch (error) {
    return error instanceof SpawnError ? `${error.step}, ${error.code}, ${error.path}` : error.message;
  }
}

const descriptors = () => fs.readdirSync('/proc/self/fd').length;

async function main() {
  const filter = await spawn('tr', ['a-z', 'A-Z'], { backend: process.argv[2] ?? 'any' });
  filter.stdin.end('hello');
  console.log(`backend: ${filter.backend}\noutput: ${await text(filter.stdout)}`);
  await filter.exited;

  const shell = await spawn('sh', ['-c', 'pwd; echo $A; ls /proc/self/fd | wc -l; exit 3'],
                            { env: { A: 'b', PATH: '/usr/bin' }, cwd: '/usr', stdio: ['ignore', 'pipe', 'inherit'] });
  const output = await text(shell.stdout);
  console.log('directory, environment, descriptors:', output.split('\n').join(' '));
  console.log('status:', (await shell.exited).code);

  console.log('no program:', await failure('/none'));
  console.log('no directory:', await failure('true', [], { cwd: '/none' }));
  console.log('null:', await failure('true', ['a\0b']));

  const before = descriptors();
  let turns = 0;
  const sleeping = spawn('sleep', ['100'], { signal: AbortSignal.timeout(200), stdio: Array(3).fill('ignore') });
  setImmediate(() => turns++);
  const { signal } = await (await sleeping).exited;
  console.log(`after a time-out: ${signal}, and the loop has run: ${turns > 0}`);

  for (let i = 0; i < 30; i++) {
    const child = await spawn('true', [], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.destroy();
    child.stdout.resume();
    await child.exited;
    child.stdout.destroy();
    await failure('/none');
  }
  await new Promise(setImmediate);
  console.log('descriptors left open:', descriptors() - before);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
