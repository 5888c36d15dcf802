package killercoda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/podhop/podhop/lessons/markdown"
)

// A value is one of JSON, and the line where it begins. Authors write what they like
// beside what is asked for, so nothing is decoded into types; the zero value is what is not there.
type value struct {
	line   int
	text   string // of strings and numbers
	fields map[string]*value
	items  []*value
}

// get is a field, or if there is none a value without anything, at the line of v.
func (v *value) get(name string) *value {
	if f := v.fields[name]; f != nil {
		return f
	}
	return &value{line: v.line}
}

// first is the first of some fields that there is: names changed over time.
func (v *value) first(names ...string) *value {
	for _, name := range names {
		if f := v.fields[name]; f != nil {
			return f
		}
	}
	return &value{line: v.line}
}

// json reads a file, or says what is wrong with it.
func (r *reader) json(file string) (*value, bool) {
	if linked(r.fsys, file) {
		r.fail(file, 0, "it is a symbolic link, or in one")
		return nil, false
	}
	if info, err := fs.Stat(r.fsys, file); err == nil && info.Size() > largest {
		r.fail(file, 0, "it is larger than 1 MiB")
		return nil, false
	}
	data, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		r.fail(file, 0, err.Error())
		return nil, false
	}
	data = markdown.Clean(data)
	line := func(offset int64) int { return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n")) }
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		at := int64(len(data))
		if e := new(json.SyntaxError); errors.As(err, &e) {
			at = e.Offset
		}
		r.fail(file, line(at), err.Error())
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := read(d, line)
	if err == nil && v.fields == nil {
		err = errors.New("must be an object")
	}
	if err != nil {
		r.fail(file, line(d.InputOffset()), err.Error())
		return nil, false
	}
	return v, true
}

// read reads one value.
func read(d *json.Decoder, line func(int64) int) (*value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	v := &value{line: line(d.InputOffset())}
	switch t := t.(type) {
	case string:
		v.text = t
	case json.Number:
		v.text = t.String()
	case json.Delim:
		if t == '{' {
			v.fields = map[string]*value{}
		}
		for d.More() {
			name := ""
			if t == '{' {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				name = fmt.Sprint(key)
			}
			each, err := read(d, line)
			if err != nil {
				return nil, err
			}
			if t == '{' {
				v.fields[name] = each
			} else {
				v.items = append(v.items, each)
			}
		}
		_, err = d.Token() // the end
	}
	return v, err
}

// sorted are items by their order, and those that have none by their place, behind.
func sorted(items []*value) []*value {
	items = slices.Clone(items)
	order := func(v *value) float64 {
		if n, err := strconv.ParseFloat(v.get("order").text, 64); err == nil {
			return n
		}
		return 1e9
	}
	slices.SortStableFunc(items, func(a, b *value) int {
		switch x, y := order(a), order(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return items
}
