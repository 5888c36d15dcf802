// Package command is podhop's command line: its sub-commands, their flags, and
// what each puts together. It must not know how anything works, only whom to call.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// A subcommand is one word after podhop. run gets the arguments that follow it.
type subcommand struct {
	name, args, summary string
	run                 func(ctx context.Context, env *environment, args []string) error
}

// environment is what a sub-command may touch of the outside.
type environment struct {
	version        string
	stdout, stderr io.Writer
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", "[flags]", "serve the playground", serve},
		{"config", "[flags of serve]", "print what serve would be told, and by what", config},
		{"health", "[flags of serve]", "ask a server on this machine whether it is ready, and why not", health},
		{"admin", "sessions|top|queue|events|park|end [flags]", "look after a server that runs", admin},
		{"images", "build|list [flags]", "build or list the catalogue of container images", images},
		{"trace", "--session URL|ID [flags]", "print the journeys of a session's packets, or a recording's, hop by hop", trace},
		{"lessons", "test|new [flags]", "test lessons, those in a folder of one's own too, or begin one", lessonsCommand},
		{"bench", "sessions|apply|pods|trace [flags]", "measure this machine, side by side with bare metal", bench},
		{"version", "", "print the version", version},
	}
}

// errUsage is returned by a sub-command that was called wrongly and has said so.
var errUsage = errors.New("usage")

// Main runs podhop with the arguments after its name, and returns the exit code:
// 0, 1 for a failure, 2 for a wrong call.
func Main(ctx context.Context, release string, args []string) int {
	env := &environment{version: release, stdout: os.Stdout, stderr: os.Stderr}
	_ = os.Setenv("PATH", withSystem(os.Getenv("PATH")))
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(env.stdout)
		return map[bool]int{true: 2, false: 0}[len(args) == 0]
	}
	for _, c := range subcommands() {
		if c.name != args[0] {
			continue
		}
		switch err := c.run(ctx, env, args[1:]); {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		default:
			fmt.Fprintf(env.stderr, "podhop %s: %v\n", c.name, err)
			return 1
		}
	}
	fmt.Fprintf(env.stderr, "podhop: unknown command %q\n\n", args[0])
	usage(env.stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Podhop: an interactive Kubernetes networking playground.")
	fmt.Fprintln(w)
	for _, c := range subcommands() {
		fmt.Fprintf(w, "  podhop %-40s %s\n", c.name+" "+c.args, c.summary)
	}
	fmt.Fprintln(w, "\nEach flag is also an environment variable: --oci-runtime is PODHOP_OCI_RUNTIME.")
}

// flags makes a flag set whose flags take their defaults from the environment.
func (env *environment) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("podhop "+name, flag.ContinueOnError)
	fs.SetOutput(env.stderr)
	return fs
}

func version(_ context.Context, env *environment, args []string) error {
	if err := env.parse(env.flags("version"), args); err != nil {
		return err
	}
	fmt.Fprintln(env.stdout, "podhop", env.version, "with Kubernetes", kubernetesVersion())
	return nil
}
