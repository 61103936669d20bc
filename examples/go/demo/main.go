// SPDX-License-Identifier: GPL-2.0

// demo [device]: what a program does with the package in the directory above, whose comment has the
// command that compiles both.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	"example.org/spawnctl"
)

func command(args ...string) *spawnctl.Cmd {
	return spawnctl.CommandContext(context.Background(), args...)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func failure(c *spawnctl.Cmd) string {
	must(c.StdinPipe())
	must(c.StdoutPipe())
	var failed *spawnctl.Error
	if errors.As(c.Start(), &failed) {
		return fmt.Sprintf("%s, %d", failed.Step, failed.Errno)
	}
	return "none"
}

func descriptors() int {
	return len(must(os.ReadDir("/proc/self/fd")))
}

func main() {
	filter := command("tr", "a-z", "A-Z")
	if len(os.Args) > 1 && os.Args[1] == "device" {
		filter.Demand = spawnctl.Device
	}
	in, out := must(filter.StdinPipe()), must(filter.StdoutPipe())
	must(0, filter.Start())
	must(io.WriteString(in, "hello"))
	in.Close()
	fmt.Printf("backend: %v\noutput: %s\n", filter.Backend, must(io.ReadAll(out)))
	must(0, filter.Wait())

	shell := command("sh", "-c", "pwd; echo $A; ls /proc/self/fd | wc -l; exit 3")
	shell.Env, shell.Dir = []string{"A=b", "PATH=/usr/bin"}, "/usr"
	out = must(shell.StdoutPipe())
	must(0, shell.Start())
	text := string(must(io.ReadAll(out)))
	fmt.Println("directory, environment, descriptors:", strings.Join(strings.Fields(text), " "))
	var exit *exec.ExitError
	if errors.As(shell.Wait(), &exit) {
		fmt.Println("status:", exit.ExitCode())
	}

	before := descriptors()
	fmt.Println("no program:", failure(command("/none")))
	nowhere := command("true")
	nowhere.Dir = "/none"
	fmt.Println("no directory:", failure(nowhere))
	fmt.Println("null byte:", command("true", "a\x00b").Start())

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	sleeper := spawnctl.CommandContext(ctx, "sleep", "100")
	must(0, sleeper.Start())
	fmt.Println("after a time-out:", sleeper.Wait())

	for range 30 {
		c := command("true")
		c.Stderr = os.Stderr
		must(c.StdoutPipe())
		must(0, c.Start())
		must(0, c.Wait())
		failure(command("/none"))
	}
	fmt.Println("descriptors left open:", descriptors()-before)
}
