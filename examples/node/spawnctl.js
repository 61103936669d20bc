// SPDX-License-Identifier: GPL-2.0
// child_process.spawn() by libspawnctl, as a promise: spawn() is fulfilled when the program is
// executed, and rejected with a SpawnError that names the failed step, or with a TypeError if an
// argument is not valid. addon.c is its native half.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const util = require('node:util');
const addon = require('./addon.node');

const BACKENDS = ['any', 'device', 'clone3', 'clone'];
// The first of two names for a number, as in Node.js: SIGABRT, not SIGIOT
const names = (numbers) => new Map(Object.entries(numbers).reverse().map(([name, n]) => [n, name]));
const SIGNALS = names(os.constants.signals);
// getSystemErrorName() alone has no name for some: EDQUOT, ENOEXEC
const ERRORS = names(os.constants.errno);

/** As the errors of node:fs: errno, code, path; and step, "backend" or "prepare" before a child. */
class SpawnError extends Error {
  constructor(errno, step, path) {
    const code = ERRORS.get(errno) ?? util.getSystemErrorName(-errno);
    super(`${code}: ${step} '${path}'`);
    Object.assign(this, { name: 'SpawnError', errno: -errno, code, step, path });
  }
}

class Child {
  #running = true;

  constructor(native, streams) {
    this.pid = native.pid;
    this.backend = native.backend;
    [this.stdin, this.stdout, this.stderr] = streams;
    /** Fulfilled with { code } or { signal }; code -1: other code has reaped the child */
    this.exited = native.exited.then(({ code, signal }) => {
      this.#running = false;
      return signal ? { signal: SIGNALS.get(signal) ?? signal } : { code };
    });
  }

  /** The pid is the child's until it has been waited for, which this thread does. */
  kill(signal = 'SIGTERM') {
    if (this.#running) process.kill(this.pid, signal);
  }
}

function streamsOf(stdio) {
  const list = typeof stdio === 'string' ? Array(3).fill(stdio) : stdio ?? [];
  const streams = [0, 1, 2].map((n) => list[n] ?? 'pipe');
  const valid = (what) => ['pipe', 'inherit', 'ignore'].includes(what) || what === (what | 0);
  if (Array.isArray(list) && list.length <= 3 && streams.every(valid)) return streams;
  throw new TypeError('stdio: not valid');
}

/** As in child_process, what env inherits is passed, and what is undefined is not. */
function variablesOf(env) {
  const list = [];
  for (const name in env) {
    if (env[name] === undefined) continue;
    // The name "A=B" would set A
    if (!name || name.includes('=')) throw new TypeError(`env: the name '${name}'`);
    list.push(`${name}=${env[name]}`);
  }
  return list;
}

/**
 * stdio: 'pipe', 'inherit' or 'ignore', or an array with one of these or a descriptor for each of
 * 0 to 2; env: an object, in whose PATH the file is searched, or the caller's; signal: an
 * AbortSignal, which kills the program; backend: demands one.
 */
async function spawn(file, args = [], options = {}) {
  const { env, cwd, stdio, signal, backend = 'any' } = options;
  signal?.throwIfAborted();
  if (!Array.isArray(args)) throw new TypeError('args: no array');
  const streams = streamsOf(stdio);
  const variables = env ? variablesOf(env) : null;
  // The default is that of execvp(3), which child_process calls
  const isPath = (text) => text.startsWith('PATH=');
  const path = variables && (variables.find(isPath)?.slice(5) ?? '/bin:/usr/bin');
  const theirs = [];
  let ours = [null, null, null];
  let native;
  try {
    const fds = streams.map((what, n) => {
      // Node.js makes even 0 to 2 close-on-exec, so they are redirected onto themselves
      if (what === 'inherit') return n;
      if (typeof what === 'number') return what;
      if (what === 'ignore') return theirs[theirs.push(fs.openSync('/dev/null', 'r+')) - 1];
      const [read, write] = addon.pipe();
      ours[n] = n === 0 ? write : read;
      return theirs[theirs.push(n === 0 ? read : write) - 1];
    });
    native = addon.start([file, ...args], variables, path, cwd ?? null, fds,
                         BACKENDS.indexOf(backend));
    const { error, text: step } = await native.started;
    if (error) throw new SpawnError(error, step, step === 'chdir' ? cwd : file);
    ours = ours.map((fd, n) => fd && new net.Socket({ fd, readable: n > 0, writable: n === 0 }));
    const child = new Child(native, ours);
    const abort = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', abort);
    child.exited.then(() => signal?.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
    return child;
  } catch (error) {
    for (const fd of ours) if (typeof fd === 'number') fs.closeSync(fd);
    if (native || !error.errno) throw error;
    const { step = 'prepare' } = error;
    throw new SpawnError(-error.errno, step, step === 'backend' ? backend : file);
  } finally {
    // The child has a copy of the descriptor table
    theirs.forEach((fd) => fs.closeSync(fd));
  }
}

module.exports = { spawn, SpawnError };
