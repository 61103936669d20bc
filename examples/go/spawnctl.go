// SPDX-License-Identifier: GPL-2.0

// Package spawnctl is os/exec by libspawnctl: a Cmd with a context, and an error that names the
// failed step. cgo, with the flags of pkg-config; demo/ uses it:
//
//	$ go build -o demo/demo ./demo
//
//	os/exec, syscall                libspawnctl
//	Path, Args, Env, LookPath()     spawnctl_spawnp_result()
//	Stdin, Stdout, Stderr           spawnctl_file_actions_adddup2()
//	Dir                             spawnctl_file_actions_addchdir()
//	(none: all are close-on-exec)   spawnctl_file_actions_addclosefrom(3), the last action
//	(none)                          Backend: spawnctl_attr_setbackend()
//
// docs/runtimes.md has all members of os.ProcAttr and syscall.SysProcAttr.
//
// Threads. The runtime preempts a goroutine by SIGURG to its thread, and the handler is Go code that
// needs the thread's own state. A child that shares the memory must not run it, so syscall.forkExec
// blocks every signal around clone(2). Here no handler of the caller can run in the child, and the
// signals of the calling thread are deferred until exec: nothing is to be blocked. A call of C keeps
// its thread until it returns, so one spawn needs no runtime.LockOSThread(). A caller needs it if the
// child is to have what belongs to a thread (namespaces, capabilities), and it must keep the thread
// for as long as the child lives if it asks for a parent death signal (spawnctl_attr_setpdeathsig()),
// which the kernel sends when the thread ends. Other goroutines run while this one waits for exec.
package spawnctl

/*
#cgo pkg-config: spawnctl
#include <spawnctl/spawn.h>
#include <stdlib.h>

extern char **environ;
*/
import "C"

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
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

	ctx          context.Context
	done         chan struct{}
	theirs, ours []*os.File
}

// CommandContext returns a Cmd whose child is killed when ctx is done.
func CommandContext(ctx context.Context, args ...string) *Cmd {
	return &Cmd{Args: args, ctx: ctx}
}

func (c *Cmd) pipe(end **os.File, input bool) (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	own := read
	*end = write
	if input {
		own, *end = write, read
	}
	c.theirs, c.ours = append(c.theirs, *end), append(c.ours, own)
	return own, nil
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

// list makes an array for C, which free() frees. C would end a string at a null byte.
func list(texts []string) (**C.char, func(), error) {
	size := C.size_t(len(texts)+1) * C.size_t(unsafe.Sizeof(uintptr(0)))
	array := (**C.char)(C.calloc(1, size))
	slots := unsafe.Slice(array, len(texts)+1)
	free := func() {
		for _, text := range slots {
			C.free(unsafe.Pointer(text))
		}
		C.free(unsafe.Pointer(array))
	}
	for i, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			free()
			return nil, nil, &Error{"arguments", text, syscall.EINVAL}
		}
		slots[i] = C.CString(text)
	}
	return array, free, nil
}

// Start returns when the program is executed.
func (c *Cmd) Start() (err error) {
	// The child's ends are closed in any case, the caller's if there is no child
	defer func() {
		closeAll(c.theirs)
		if err != nil {
			closeAll(c.ours)
		}
	}()
	if err := c.ctx.Err(); err != nil {
		return err
	}
	argv, freeArgv, err := list(c.Args)
	if err != nil {
		return err
	}
	defer freeArgv()
	envp := C.environ
	if c.Env != nil {
		own, freeEnv, err := list(c.Env)
		if err != nil {
			return err
		}
		defer freeEnv()
		envp = own
	}

	var names []string
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
		// From 3 on: an adddup2() onto 0 to 2 could replace what a later one needs. Fd() also makes
		// the file blocking, as programs expect.
		fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_DUPFD_CLOEXEC, 3)
		runtime.KeepAlive(file)
		if errno != 0 {
			return &Error{"dup", file.Name(), errno}
		}
		defer syscall.Close(int(fd))
		if failed("dup2", C.spawnctl_file_actions_adddup2(actions, C.int(fd), C.int(target))) {
			return err
		}
		names = append(names, "dup2")
	}
	if c.Dir != "" {
		dir, free, err := list([]string{c.Dir})
		if err != nil {
			return err
		}
		defer free()
		if failed("chdir", C.spawnctl_file_actions_addchdir(actions, *dir)) {
			return err
		}
		names = append(names, "chdir")
	}
	var chosen C.enum_spawnctl_backend
	if failed("closefrom", C.spawnctl_file_actions_addclosefrom(actions, 3)) ||
		failed("backend", C.spawnctl_attr_setbackend(attr, C.enum_spawnctl_backend(c.Demand))) ||
		failed("backend", C.spawnctl_get_backend(attr, &chosen)) {
		return err
	}
	names = append(names, "closefrom")

	result := C.struct_spawnctl_result{size: C.sizeof_struct_spawnctl_result}
	number := C.spawnctl_spawnp_result(&result, *argv, actions, attr, argv, envp)
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
	if c.Process, err = os.FindProcess(int(result.pid)); err != nil {
		return err
	}
	c.done = make(chan struct{})
	go func() {
		select {
		case <-c.ctx.Done():
			c.Process.Kill()
		case <-c.done:
		}
	}()
	return nil
}

// Wait returns nil for status 0, the context's error if that has ended the program, or an
// *exec.ExitError. Read the pipes before: it closes them.
func (c *Cmd) Wait() error {
	state, err := c.Process.Wait()
	close(c.done)
	closeAll(c.ours)
	if err == nil && !state.Success() {
		if err = c.ctx.Err(); err == nil {
			err = &exec.ExitError{ProcessState: state}
		}
	}
	return err
}
