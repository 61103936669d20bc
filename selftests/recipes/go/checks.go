// SPDX-License-Identifier: GPL-2.0

// checks DIRECTORY: what the recipe does as os/exec does, one line each. The caller has set A to
// "old" and the soft RLIMIT_NOFILE to 777. DIRECTORY has a program "true" that prints "planted".
//
//	$ go build -o checks checks.go
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.org/spawnctl"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// check prints what a function returns, also if that is a panic
func check(name string, result func() any) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Printf("%s: panic: %v\n", name, cause)
		}
	}()
	fmt.Printf("%s: %v\n", name, result())
}

func command(args ...string) *spawnctl.Cmd {
	return spawnctl.CommandContext(context.Background(), args...)
}

func output(c *spawnctl.Cmd) any {
	out := must(c.StdoutPipe())
	if err := c.Start(); err != nil {
		return err
	}
	text := must(io.ReadAll(out))
	must(0, c.Wait())
	return strings.TrimSpace(string(text))
}

// expired runs a script whose context expires when the script has ended, but before Wait
func expired(script string) any {
	ctx, cancel := context.WithCancel(context.Background())
	c := spawnctl.CommandContext(ctx, "sh", "-c", script)
	must(0, c.Start())
	const pid = 1 // P_PID
	syscall.Syscall6(syscall.SYS_WAITID, pid, uintptr(c.Process.Pid), 0,
		syscall.WEXITED|syscall.WNOWAIT, 0, 0)
	cancel()
	time.Sleep(100 * time.Millisecond) // for the kill, which succeeds
	return c.Wait()
}

func descriptors() int {
	return len(must(os.ReadDir("/proc/self/fd")))
}

func main() {
	check("limit", func() any { return output(command("sh", "-c", "ulimit -Sn")) })
	check("hard limit", func() any {
		var limit syscall.Rlimit
		must(0, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
		return output(command("sh", "-c", "ulimit -Hn")) == fmt.Sprint(limit.Max)
	})
	check("limit of the program's own", func() any {
		var limit syscall.Rlimit
		must(0, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
		limit.Cur = 555
		must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
		return output(command("sh", "-c", "ulimit -Sn"))
	})

	check("environment", func() any {
		c := command("printenv", "A")
		c.Env = append(os.Environ(), "A=new")
		return output(c)
	})
	check("environment, null byte", func() any {
		c := command("printenv", "A")
		c.Env = []string{"A=b\x00c"}
		return c.Start()
	})
	check("PWD", func() any {
		c := command("printenv", "PWD")
		c.Dir = "/usr"
		return output(c)
	})

	check("status before the time-out", func() any { return expired("exit 3") })
	check("success before the time-out", func() any { return expired("exit 0") })
	check("signal before the time-out", func() any { return expired("kill -TERM $$") })
	check("state after a time-out", func() any {
		ctx, cancel := context.WithCancel(context.Background())
		c := spawnctl.CommandContext(ctx, "sleep", "100")
		must(0, c.Start())
		cancel()
		return fmt.Sprint(c.Wait(), ", ", c.ProcessState)
	})

	check("killed by another", func() any {
		c := command("sh", "-c", "kill -KILL $$")
		must(0, c.Start())
		return c.Wait()
	})

	before := descriptors()
	check("no arguments", func() any {
		c := command()
		must(c.StdoutPipe())
		return c.Start()
	})
	check("Wait before Start", func() any { return command("true").Wait() })
	check("Wait after a failed Start", func() any {
		c := command("/none")
		c.Start()
		return c.Wait()
	})
	check("second Wait", func() any {
		c := command("true")
		must(0, c.Start())
		must(0, c.Wait())
		return c.Wait()
	})
	check("Wait after Process.Wait", func() any {
		c := command("true")
		must(0, c.Start())
		must(c.Process.Wait())
		return c.Wait()
	})
	check("no context", func() any {
		c := &spawnctl.Cmd{Args: []string{"echo", "hello"}}
		return output(c)
	})
	check("second Start", func() any {
		c := command("cat")
		in, out := must(c.StdinPipe()), must(c.StdoutPipe())
		must(0, c.Start())
		err := c.Start()
		must(io.WriteString(in, "hello"))
		in.Close()
		text := string(must(io.ReadAll(out)))
		must(0, c.Wait())
		return fmt.Sprint(text, ", ", err)
	})
	check("second pipe", func() any {
		c := command("true")
		must(c.StdoutPipe())
		_, err := c.StdoutPipe()
		must(0, c.Start())
		must(0, c.Wait())
		return err
	})
	fmt.Println("left open:", descriptors()-before)

	directory := os.Args[1]
	in := func(name string) any {
		c := command(name)
		c.Dir = directory
		return output(c)
	}
	must(0, os.Setenv("PATH", ":.:"+os.Getenv("PATH")))
	check("a name, in DIRECTORY too", func() any { return in("true") })
	check("a path, in DIRECTORY", func() any { return in("./true") })
	check("a name, nowhere", func() any {
		return errors.Is(command("none").Start(), exec.ErrNotFound)
	})
	must(0, os.Chdir(directory))
	check("a name, in the caller's directory", func() any { return in("true") })
}
