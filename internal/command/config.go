package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:generate go test -run ^TestReference$ -update .

func registerConfig(fs *flag.FlagSet) {
	fs.String("config", "", "`file` of YAML whose keys are the names of these flags; flags and the environment come first")
}

// config prints what serve would be told, by the same flags, as a file of configuration.
func config(_ context.Context, env *environment, args []string) error {
	var cfg serveConfig
	fs := env.flags("config")
	cfg.register(fs)
	found, err := env.configure(fs, args)
	if err != nil {
		return err
	}
	printConfig(env.stdout, fs, found)
	return nil
}

func printConfig(w io.Writer, fs *flag.FlagSet, found settings) {
	fs.VisitAll(func(f *flag.Flag) {
		s, ok := found[f.Name]
		switch {
		case f.Name == "config" && ok:
			fmt.Fprintf(w, "# config: %s # %s\n", scalar(f, s.values[0]), s.from)
		case f.Name == "config":
		case !ok && f.DefValue == "":
			fmt.Fprintf(w, "# %s: # default\n", f.Name)
		case !ok:
			fmt.Fprintf(w, "%s: %s # default\n", f.Name, scalar(f, f.DefValue))
		default:
			value := strings.Join(s.values, separatorOf(f))
			if separatorOf(f) == "" {
				value = s.values[len(s.values)-1] // the last one wins
			}
			hidden := ""
			if shown(f.Name, value) != value {
				hidden = "# "
			}
			fmt.Fprintf(w, "%s%s: %s # %s\n", hidden, f.Name, scalar(f, shown(f.Name, value)), s.from)
		}
	})
}

// scalar is a value as YAML has it, of the flag's type.
func scalar(f *flag.Flag, value string) string {
	if _, tags := typeOf(f); tags[0] != "!!str" {
		return value
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%q", value)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// secret are the flags whose values nobody is shown.
var secret = regexp.MustCompile(`(^|-)(secret|token|password)$`)

// shown is a flag's value as it may be printed.
func shown(name, value string) string {
	if value == "" {
		return value
	}
	if secret.MatchString(name) {
		return "xxxxx"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil: // a password that is not escaped, most often
		return userinfo.ReplaceAllString(value, "://xxxxx@")
	case u.User != nil:
		return u.Redacted()
	}
	return value
}

// userinfo is who asks, and by which password, in what may be meant as a URL.
var userinfo = regexp.MustCompile(`://.*@`)

// reference is CONFIGURATION.md: all flags of serve, in their own words.
func reference() string {
	var cfg serveConfig
	fs := flag.NewFlagSet("podhop serve", flag.ContinueOnError)
	cfg.register(fs)
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Written by "go generate ./internal/command" from the flags' own texts. -->

What ` + "`podhop serve`" + ` is told, in the order in which one wins over the next: flags, the environment, a file. The file is YAML
whose keys are the flags' names; what is comma-separated may be a list there. A key that is no flag, or a value of another
type, is an error with its line. ` + "`podhop config`" + `, with the same flags, prints what is in force and where it comes from, as such a file.

| flag, and key of the file | environment | default | |
|---|---|---|---|
`)
	fs.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		name, value := "`--"+f.Name+"`", ""
		if kind != "" {
			name = "`--" + f.Name + " " + strings.ToUpper(kind) + "`"
		}
		if f.DefValue != "" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", name, variable(f.Name), value, strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}
