// Command podhop serves an interactive Kubernetes networking playground.
package main

import (
	"context"
	"os"

	"github.com/podhop/podhop/internal/command"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(command.Main(context.Background(), version, os.Args[1:]))
}
