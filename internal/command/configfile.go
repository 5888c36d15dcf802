package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds a file of configuration, in bytes.
const maxConfig = 1 << 20

// readConfig reads a file whose keys are the names of flags. All that is wrong with it is
// told at once, each with its line and key.
func readConfig(fs *flag.FlagSet, name string) (settings, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("--config: %s is larger than %d bytes", name, maxConfig)
	}
	return configOf(fs, name, string(text))
}

func configOf(fs *flag.FlagSet, file, text string) (settings, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil // nothing but comments
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: must be one YAML document", file)
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: must be keys and values, as nodes: 3", file, top.Line)
	}
	found := settings{}
	var wrong []error
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		values, err := valuesOf(fs, key.Value, value)
		if _, twice := found[key.Value]; twice && err == nil {
			err = errors.New("is there twice")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %s: %w", file, key.Line, key.Value, err))
			continue
		}
		found[key.Value] = setting{values, fmt.Sprintf("%s:%d", file, key.Line)}
	}
	return found, errors.Join(wrong...)
}

// valuesOf is what a flag is to be set to by a value of the file.
func valuesOf(fs *flag.FlagSet, name string, value *yaml.Node) ([]string, error) {
	f := fs.Lookup(name)
	if f == nil || name == "config" {
		return nil, errors.New("is no flag of podhop serve")
	}
	if value.Kind != yaml.SequenceNode {
		text, err := scalarOf(f, value)
		return []string{text}, err
	}
	separator := separatorOf(f)
	if separator == "" {
		return nil, errors.New("must be one value, not a list")
	}
	var all []string
	for _, item := range value.Content {
		text, err := scalarOf(f, item)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return []string{strings.Join(all, separator)}, nil
}

// separatorOf is what is between the values of a flag that takes many; "" if it takes one.
func separatorOf(f *flag.Flag) string {
	if many, ok := f.Value.(interface{ Separator() string }); ok {
		return many.Separator()
	}
	if strings.Contains(f.Usage, "comma-separated") {
		return ","
	}
	return ""
}

// scalarOf is a value's text, if it is of the flag's type.
func scalarOf(f *flag.Flag, value *yaml.Node) (string, error) {
	if value.Kind != yaml.ScalarNode {
		return "", errors.New("must be one value, not " + map[yaml.Kind]string{yaml.MappingNode: "keys and values", yaml.SequenceNode: "a list", yaml.AliasNode: "an alias"}[value.Kind])
	}
	want, tags := typeOf(f)
	for _, tag := range tags {
		if value.Tag != tag {
			continue
		}
		if _, ok := get(f).(time.Duration); ok {
			if _, err := time.ParseDuration(value.Value); err != nil {
				break
			}
		}
		return value.Value, nil
	}
	if value.Tag == "!!null" {
		return "", fmt.Errorf("must be %s, not nothing", want)
	}
	return "", fmt.Errorf("must be %s, not %s", want, shown(f.Name, value.Value))
}

// typeOf says in words what a flag takes, and by YAML's tags.
func typeOf(f *flag.Flag) (words string, tags []string) {
	switch v := get(f).(type) {
	case bool:
		return "true or false", []string{"!!bool"}
	case int, int64, uint, uint64:
		return "a whole number", []string{"!!int"}
	case float64:
		return "a number", []string{"!!int", "!!float"}
	case time.Duration:
		return "a duration such as 1h30m", []string{"!!str"}
	case string:
		return "text (in quotes, if it looks like something else)", []string{"!!str"}
	default:
		_ = v // one of our own, which looks at the text itself
		if isBool(f) {
			return "true or false", []string{"!!bool"}
		}
		return "text or a number", []string{"!!str", "!!int", "!!float"}
	}
}

func get(f *flag.Flag) any {
	if g, ok := f.Value.(flag.Getter); ok {
		return g.Get()
	}
	return nil
}
