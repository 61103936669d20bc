// SPDX-License-Identifier: GPL-2.0
// child_process.spawn() by libspawnctl, as a promise: spawn() is fulfilled when the program is
// executed, and rejected with a SpawnError that names the failed step. addon.c is its native half.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const util = require('node:util');
const addon = require('./addon.node');

const BACKENDS = ['any', 'device', 'clone3', 'clone'];
const SIGNALS = new Map(Object.entries(os.constants.signals).map(([name, n]) => [n, name]));

/** As the errors of node:fs: errno, code, path; and step. */
class SpawnError extends Error {
  constructor(errno, step, path) {
    const code = util.getSystemErrorName(-errno);
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
    /** Fulfilled with { code } or { signal } */
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

/**
 * stdio: 'pipe', 'inherit', 'ignore', or a descriptor, for each of 0 to 2; env: an object, or the
 * caller's; signal: an AbortSignal, which kills the program; backend: demands one.
 */
async function spawn(file, args = [], options = {}) {
  const { env, cwd, stdio = ['pipe', 'pipe', 'pipe'], signal, backend = 'any' } = options;
  signal?.throwIfAborted();
  const theirs = [];
  let ours = [null, null, null];
  let native;
  try {
    const fds = [0, 1, 2].map((n) => {
      const what = stdio[n] ?? 'inherit';
      // Node.js makes even 0 to 2 close-on-exec, so they are redirected onto themselves
      if (what === 'inherit') return n;
      if (typeof what === 'number') return what;
      if (what === 'ignore') return theirs[theirs.push(fs.openSync('/dev/null', 'r+')) - 1];
      const [read, write] = addon.pipe();
      ours[n] = n === 0 ? write : read;
      return theirs[theirs.push(n === 0 ? read : write) - 1];
    });
    const environment = env ? Object.entries(env).map(([name, value]) => `${name}=${value}`) : null;
    native = addon.start([file, ...args], environment, env?.PATH ?? null, cwd ?? null, fds,
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
    throw error;
  } finally {
    // The child has a copy of the descriptor table
    theirs.forEach((fd) => fs.closeSync(fd));
  }
}

module.exports = { spawn, SpawnError };
