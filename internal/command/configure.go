package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// A setting is what a flag was set to and by what: the command line, the environment or the
// file. Those that nobody set have their default.
type setting struct {
	values []string
	from   string
}

const commandLine = "the command line"

// settings are by the name of the flag.
type settings map[string]setting

// variable is the environment variable that stands for a flag.
func variable(flag string) string {
	return "PODHOP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// parse reads arguments, then the environment for flags that they do not set, then for
// those that are left the file that the flag config names, if there is such a flag. No
// argument may be left over.
func (env *environment) parse(fs *flag.FlagSet, args []string) error {
	_, err := env.configure(fs, args)
	return err
}

// configure is parse that tells what it found.
func (env *environment) configure(fs *flag.FlagSet, args []string) (settings, error) {
	found := settings{}
	for name, values := range given(fs, args) {
		found[name] = setting{values, commandLine}
	}
	fs.VisitAll(func(f *flag.Flag) {
		if v, ok := os.LookupEnv(variable(f.Name)); ok && found[f.Name].from == "" {
			found[f.Name] = setting{[]string{v}, variable(f.Name)}
		}
	})
	if file := found["config"]; fs.Lookup("config") != nil && file.from != "" && file.values[0] != "" {
		lines, err := readConfig(fs, file.values[len(file.values)-1])
		if err != nil {
			return nil, err
		}
		for name, s := range lines {
			if found[name].from == "" {
				found[name] = s
			}
		}
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(found)) {
		s := found[name]
		if s.from == commandLine {
			continue // set below, where what is wrong is told with the usage
		}
		for _, v := range s.values {
			if err := fs.Set(name, v); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: --%s %q: %w", s.from, name, shown(name, v), err))
			}
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage // the flag set has said why
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(env.stderr, "%s: unexpected argument %q\n", fs.Name(), fs.Arg(0))
		return nil, errUsage
	}
	return found, nil
}

// given is what arguments set. What is wrong with them is for whoever sets the flags to say.
func given(fs *flag.FlagSet, args []string) map[string][]string {
	all := map[string][]string{}
	shadow := flag.NewFlagSet(fs.Name(), flag.ContinueOnError)
	shadow.SetOutput(io.Discard)
	shadow.Usage = func() {}
	fs.VisitAll(func(f *flag.Flag) {
		shadow.Var(noted{func(v string) { all[f.Name] = append(all[f.Name], v) }, isBool(f)}, f.Name, "")
	})
	_ = shadow.Parse(args)
	return all
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// noted is a flag.Value that takes anything.
type noted struct {
	note func(string)
	bool bool
}

func (noted) String() string       { return "" }
func (n noted) IsBoolFlag() bool   { return n.bool }
func (n noted) Set(v string) error { n.note(v); return nil }
