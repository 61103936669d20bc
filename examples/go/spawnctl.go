// SPDX-License-Identifier: GPL-2.0

// Package spawnctl is os/exec by libspawnctl: a Cmd with a context, and an error that names the
// failed step. cgo, with the flags of pkg-config; demo/ uses it:
//
//	$ go build -o demo/demo ./demo
//
//	os/exec, syscall                libspawnctl
//	Args, LookPath(), Environ()     spawnctl_spawn_result(), after the same functions of os/exec
//	Stdin, Stdout, Stderr           spawnctl_file_actions_adddup2()
//	Dir                             spawnctl_file_actions_addchdir()
//	(none: all are close-on-exec)   spawnctl_file_actions_addclosefrom(3), the last action
//	RLIMIT_NOFILE is set back       spawnctl_attr_setrlimit()
//	(none)                          Backend: spawnctl_attr_setbackend()
//
// docs/runtimes.md has all members of os.ProcAttr and syscall.SysProcAttr.
//
// Threads. The runtime preempts a goroutine by SIGURG to its thread, and the handler is Go code
// that needs the thread's own state. A child that shares the memory must not run it, so
// syscall.forkExec blocks every signal around clone(2). Here no handler of the caller can run in
// the child, and the signals of the calling thread are deferred until exec: nothing is to be
// blocked. A call of C keeps its thread until it returns, so one spawn needs no
// runtime.LockOSThread(). A caller needs it if the child is to have what belongs to a thread
// (namespaces, capabilities), and it must keep the thread for as long as the child lives if it asks
// for a parent death signal (spawnctl_attr_setpdeathsig()), which the kernel sends when the thread
// ends. Other goroutines run while this one waits for exec.
package spawnctl

/*
#cgo pkg-config: spawnctl
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <sys/resource.h>

// Go raises the soft limit at its start, to the hard one less 1. A child that uses select(2) could
// then get descriptors from 1024 on, which crash it. A constructor runs before Go starts, so it
// sees the original limit. One that was changed later stays, as in syscall.forkExec.
static struct rlimit given;
static void __attribute__((constructor)) get_limit(void) { getrlimit(RLIMIT_NOFILE, &given); }

static int set_limit(spawnctl_attr_t *attr)
{
	struct rlimit now;

	getrlimit(RLIMIT_NOFILE, &now);
	if (now.rlim_max != given.rlim_max || now.rlim_cur != now.rlim_max - 1)
		return 0;
	return spawnctl_attr_setrlimit(attr, RLIMIT_NOFILE, given.rlim_cur, given.rlim_max);
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"
)

// Backend is an enum spawnctl_backend.
type Backend int

const (
	Any Backend = iota
	Device
	Clone3
	Clone
)

func (b Backend) String() string { return [...]string{"any", "device", "clone3", "clone"}[b] }

// Error tells why there is no child. Step is the name of an action, or of an enum spawnctl_step.
// For a name that is not found in PATH, Start returns the error of exec.LookPath() instead.
type Error struct {
	Step, Path string
	Errno      syscall.Errno
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %q: %v", e.Step, e.Path, e.Errno) }

// Unwrap serves errors.Is(err, fs.ErrNotExist).
func (e *Error) Unwrap() error { return e.Errno }

// Cmd is like exec.Cmd. A nil Stdin, Stdout or Stderr is /dev/null; a nil Env is the caller's.
type Cmd struct {
	Args                  []string
	Env                   []string
	Dir                   string
	Stdin, Stdout, Stderr *os.File
	Demand                Backend // fail if it is not available
	Backend               Backend // what made the child
	Process               *os.Process
	ProcessState          *os.ProcessState // after Wait

	ctx          context.Context
	killed       func() bool // ends the watch of ctx; nil: Wait was called
	theirs, ours []*os.File
}

// CommandContext returns a Cmd whose child is killed when ctx is done.
func CommandContext(ctx context.Context, args ...string) *Cmd {
	return &Cmd{Args: args, ctx: ctx}
}

func (c *Cmd) pipe(end **os.File, input bool) (*os.File, error) {
	if *end != nil || c.Process != nil {
		return nil, errors.New("spawnctl: already set or started")
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if input {
		ours, theirs = theirs, ours
	}
	*end, c.theirs, c.ours = theirs, append(c.theirs, theirs), append(c.ours, ours)
	return ours, nil
}

// StdinPipe returns the other end, which Wait closes; the program reads until it is closed.
func (c *Cmd) StdinPipe() (*os.File, error)  { return c.pipe(&c.Stdin, true) }
func (c *Cmd) StdoutPipe() (*os.File, error) { return c.pipe(&c.Stdout, false) }
func (c *Cmd) StderrPipe() (*os.File, error) { return c.pipe(&c.Stderr, false) }

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// list makes an array for C, which ends with nil, and a function that frees it.
func list(texts ...string) ([]*C.char, func()) {
	size := C.size_t(len(texts)+1) * C.size_t(unsafe.Sizeof(uintptr(0)))
	array := C.calloc(1, size)
	slots := unsafe.Slice((**C.char)(array), len(texts)+1)
	for i, text := range texts {
		slots[i] = C.CString(text)
	}
	return slots, func() {
		for _, text := range slots {
			C.free(unsafe.Pointer(text))
		}
		C.free(array)
	}
}

// Start returns when the program is executed.
func (c *Cmd) Start() (err error) {
	if c.Process != nil {
		return errors.New("spawnctl: already started")
	}
	// The child's ends are closed in any case, the caller's if there is no child
	defer func() {
		closeAll(c.theirs)
		if c.Process == nil {
			closeAll(c.ours)
		}
	}()
	if c.ctx == nil {
		c.ctx = context.Background()
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if len(c.Args) == 0 {
		return &Error{"arguments", "", syscall.EINVAL}
	}
	for _, text := range slices.Concat(c.Args, c.Env, []string{c.Dir}) {
		if strings.IndexByte(text, 0) >= 0 { // C would end the string there
			return &Error{"arguments", text, syscall.EINVAL}
		}
	}
	// LookPath searches before the change of directory. After it, the search would find a program
	// in Dir if PATH has "." or an empty element. A path with a slash is relative to Dir.
	found := exec.Command(c.Args[0])
	if found.Err != nil {
		return found.Err
	}
	found.Env, found.Dir = c.Env, c.Dir
	paths, freePaths := list(found.Path, c.Dir)
	defer freePaths()
	argv, freeArgv := list(c.Args...)
	defer freeArgv()
	// Environ keeps the last value of a name, as append(os.Environ(), "A=new") needs: getenv(3)
	// would return the first. If Env is nil, it sets PWD to Dir.
	envp, freeEnv := list(found.Environ()...)
	defer freeEnv()

	names := []string{"dup2", "dup2", "dup2"}
	var actions *C.spawnctl_file_actions_t
	var attr *C.spawnctl_attr_t
	failed := func(step string, number C.int) bool {
		if number != 0 {
			err = &Error{step, c.Args[0], syscall.Errno(number)}
		}
		return number != 0
	}
	if failed("memory", C.spawnctl_file_actions_init(&actions)) {
		return err
	}
	defer C.spawnctl_file_actions_destroy(actions)
	if failed("memory", C.spawnctl_attr_init(&attr)) {
		return err
	}
	defer C.spawnctl_attr_destroy(attr)

	for target, file := range []*os.File{c.Stdin, c.Stdout, c.Stderr} {
		if file == nil {
			if file, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
				return err
			}
			defer file.Close()
		}
		// From 3 on: an adddup2() onto 0 to 2 could replace what a later one needs. Fd()
		// also makes the file blocking, as programs expect.
		fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_DUPFD_CLOEXEC, 3)
		runtime.KeepAlive(file)
		if errno != 0 {
			return &Error{"dup", file.Name(), errno}
		}
		defer syscall.Close(int(fd))
		if failed("dup2", C.spawnctl_file_actions_adddup2(actions, C.int(fd), C.int(target))) {
			return err
		}
	}
	if c.Dir != "" {
		if failed("chdir", C.spawnctl_file_actions_addchdir(actions, paths[1])) {
			return err
		}
		names = append(names, "chdir")
	}
	var chosen C.enum_spawnctl_backend
	if failed("closefrom", C.spawnctl_file_actions_addclosefrom(actions, 3)) ||
		failed("rlimit", C.set_limit(attr)) ||
		failed("backend", C.spawnctl_attr_setbackend(attr, C.enum_spawnctl_backend(c.Demand))) ||
		failed("backend", C.spawnctl_get_backend(attr, &chosen)) {
		return err
	}
	names = append(names, "closefrom")

	result := C.struct_spawnctl_result{size: C.sizeof_struct_spawnctl_result}
	number := C.spawnctl_spawn_result(&result, paths[0], actions, attr, &argv[0], &envp[0])
	if number != 0 {
		step, path := C.GoString(C.spawnctl_step_name(result.step)), c.Args[0]
		if result.action >= 0 {
			step = names[result.action] // an action is known by its index only
		}
		if step == "chdir" {
			path = c.Dir
		}
		return &Error{step, path, syscall.Errno(number)}
	}
	c.Backend = Backend(chosen)
	// By a pidfd, since Go 1.23. The pid is the child's until it has been waited for.
	c.Process, _ = os.FindProcess(int(result.pid))
	killed := make(chan bool, 1)
	stop := context.AfterFunc(c.ctx, func() { killed <- c.Process.Kill() == nil })
	c.killed = func() bool { return !stop() && <-killed }
	return nil
}

// Wait returns nil for status 0, the context's error if that has ended the program, or an
// *exec.ExitError. Read the pipes before: it closes them.
func (c *Cmd) Wait() (err error) {
	if c.Process == nil {
		return errors.New("spawnctl: not started")
	}
	if c.killed == nil {
		return errors.New("spawnctl: Wait was already called")
	}
	c.ProcessState, err = c.Process.Wait()
	killed := c.killed()
	c.killed = nil
	closeAll(c.ours)
	if err != nil || c.ProcessState.Success() {
		return err
	}
	// Kill() also succeeds if the program has just ended by itself, with a status that matters
	if killed && c.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return c.ctx.Err()
	}
	return &exec.ExitError{ProcessState: c.ProcessState}
}
