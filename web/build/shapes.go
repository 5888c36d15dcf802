package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// Shapes writes what a recording's file is made of as a table, by which the page checks
// a file before it shows it: the compiler's types say nothing of what is read.
func Shapes() []byte {
	var b bytes.Buffer
	b.WriteString("// Generated from engine/model by web/build. Do not edit.\n")
	b.WriteString("// Each field's type; a list ends in [], a map in {}, and what may be missing in a question mark.\n")
	b.WriteString("export const shapes: Record<string, Record<string, string>> = {\n")
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		var fields []string
		var next []reflect.Type
		for i := range t.NumField() {
			f := t.Field(i)
			name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			kind, ref := shape(f.Type)
			if strings.Contains(opts, "omitempty") {
				kind += "?"
			}
			fields = append(fields, fmt.Sprintf("%s: %q", name, kind))
			if ref != nil {
				next = append(next, ref)
			}
		}
		fmt.Fprintf(&b, "  %s: { %s },\n", t.Name(), strings.Join(fields, ", "))
		for _, t := range next {
			add(t)
		}
	}
	add(reflect.TypeOf(model.Recording{}))
	b.WriteString("};\n")
	return b.Bytes()
}

func shape(t reflect.Type) (string, reflect.Type) {
	switch t.Kind() {
	case reflect.Slice:
		text, ref := shape(t.Elem())
		return text + "[]", ref
	case reflect.Map:
		text, ref := shape(t.Elem())
		return text + "{}", ref
	case reflect.Pointer:
		return shape(t.Elem())
	}
	return tsType(t)
}
