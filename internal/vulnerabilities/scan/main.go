// Command scan asks the newest database of vulnerabilities about a program:
//
//	go run ./internal/vulnerabilities/scan bin/podhop
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/podhop/podhop/internal/vulnerabilities"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: scan PROGRAM")
	}
	found, err := vulnerabilities.Scan(context.Background(), ".", args[0], "latest")
	if err != nil {
		return err
	}
	toolchain, err := vulnerabilities.Toolchain(".")
	if err != nil {
		return err
	}
	return vulnerabilities.Judge(found, toolchain, vulnerabilities.Accepted)
}
