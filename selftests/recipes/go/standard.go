// SPDX-License-Identifier: GPL-2.0

// standard: starts /bin/true by os/exec. With cgo, so that the program is not linked statically, in
// which case no preload library would be loaded.
//
//	$ go build -o standard standard.go
package main

import "C"

import (
	"log"
	"os/exec"
)

func main() {
	if err := exec.Command("/bin/true").Run(); err != nil {
		log.Fatal(err)
	}
}
