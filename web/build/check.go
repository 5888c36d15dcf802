package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/podhop/podhop/web/internal/npm"
)

// checkTypes runs the TypeScript compiler, which is a native program and needs no Node, over web/app.
func checkTypes(ctx context.Context, root string) error {
	if _, err := installPage(ctx, root); err != nil {
		return err
	}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	suffix := "-" + runtime.GOOS + "-" + arch
	tools, err := npm.Install(ctx, filepath.Join(root, "web/build/tools.lock"), filepath.Join(root, ".build/tools"),
		func(p npm.Package) bool { return strings.HasSuffix(p.Name, suffix) })
	if err != nil {
		return err
	}
	if len(tools) == 0 {
		return fmt.Errorf("tools.lock has no TypeScript compiler for %s", suffix[1:])
	}
	cmd := exec.CommandContext(ctx, filepath.Join(tools[0].Dir, "lib", "tsc"), "-p", filepath.Join(root, "web/app"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
