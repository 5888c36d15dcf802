package command

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/podhop/podhop/engine/container/image"
)

func images(ctx context.Context, env *environment, args []string) error {
	run := map[string]func(context.Context, *environment, string) error{"build": buildImages, "list": listImages}
	if len(args) == 0 || run[args[0]] == nil {
		fmt.Fprintln(env.stderr, "usage: podhop images build|list [--data DIR] [--images DIR]")
		if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
			return flag.ErrHelp
		}
		return errUsage
	}
	fs := env.flags("images " + args[0])
	data := fs.String("data", "data", "`folder` of the server")
	dir := fs.String("images", "", "`folder` of the catalogue (default DATA/images)")
	if err := env.parse(fs, args[1:]); err != nil {
		return err
	}
	if *dir == "" {
		*dir = filepath.Join(*data, "images")
	}
	abs, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	return run[args[0]](ctx, env, abs)
}

// buildImages brings the catalogue up to date. What could not be built on this
// machine is said, and is no failure unless nothing is there.
func buildImages(ctx context.Context, env *environment, dir string) error {
	last := ""
	result, err := image.Build(ctx, image.BuildConfig{Dir: dir, Progress: func(step string, done, total int) {
		if step != last {
			last = step
			fmt.Fprintf(env.stdout, "images: %s\n", step)
		}
	}})
	if err != nil {
		return err
	}
	for name, why := range result.Skipped {
		fmt.Fprintf(env.stderr, "images: without %s: %v\n", name, why)
	}
	fmt.Fprintf(env.stdout, "images: %d built, %d up to date in %s\n", len(result.Built), len(result.UpToDate), dir)
	return nil
}

func listImages(_ context.Context, env *environment, dir string) error {
	store, err := image.Open(dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tVERSION\tSIZE\tANSWERS FOR")
	for _, l := range store.List() {
		fmt.Fprintf(w, "%s\t%s\t%.1f MB\t%s\n", l.Name, l.Version, float64(l.Image.Size)/1e6, strings.Join(l.Repositories, ", "))
	}
	return w.Flush()
}
