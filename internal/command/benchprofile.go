package command

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
)

// profiled has the runtime write what it sees of this process until stop is called into the
// folder of --profile, if there is one, for go tool pprof: NAME.cpu, .mutex and .block.
func (b *bencher) profiled(name string) (stop func() error, err error) {
	if b.profiles == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(b.profiles, strings.ReplaceAll(name, " ", "-"))
	f, err := os.Create(path + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	runtime.SetMutexProfileFraction(20)
	runtime.SetBlockProfileRate(100_000)
	return func() error {
		pprof.StopCPUProfile()
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
		return errors.Join(f.Close(), writeProfile("mutex", path), writeProfile("block", path), writeProfile("allocs", path))
	}, nil
}

func writeProfile(kind, path string) error {
	f, err := os.Create(path + "." + kind)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(kind).WriteTo(f, 0), f.Close())
}
