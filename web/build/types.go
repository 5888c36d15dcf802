package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// roots are the types that cross the wire; what they refer to follows.
var roots = []any{
	model.Message{}, model.ApplyResult{}, model.Request{}, model.RequestResult{}, model.CheckRequest{}, model.CheckResult{}, model.StepRequest{}, model.StepBegun{},
	model.WhatIfRequest{}, model.WhatIf{}, model.Queued{}, model.Operator{}, model.Recording{}, model.KeptRecording{}, model.Kill{},
	model.NewView{}, model.View{}, model.Viewers{},
	model.Access{}, model.Terminal{}, model.NewTerminal{}, model.TerminalSay{},
	model.NewClass{}, model.ClassChange{}, model.ClassMessage{}, model.Push{}, model.PushResult{}, model.ClassView{}, model.JoinInfo{}, model.NewMember{},
	model.Joined{}, model.MemberMessage{}, model.MemberSession{}, model.HelpRequest{}, model.Consent{}, model.Progress{}, model.ClassResults{},
}

// Types writes engine/model as TypeScript, so that neither side can drift.
func Types() []byte {
	w := typeWriter{seen: map[reflect.Type]bool{}}
	w.b.WriteString("// Generated from engine/model by web/build. Do not edit.\n")
	for _, root := range roots {
		w.add(reflect.TypeOf(root))
	}
	return w.b.Bytes()
}

type typeWriter struct {
	b    bytes.Buffer
	seen map[reflect.Type]bool
}

func (w *typeWriter) add(t reflect.Type) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	fmt.Fprintf(&w.b, "\nexport interface %s {\n", t.Name())
	var next []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		optional := ""
		if strings.Contains(opts, "omitempty") {
			optional = "?"
		}
		text, ref := tsType(f.Type)
		// A nil slice is null in JSON.
		if f.Type.Kind() == reflect.Slice && optional == "" {
			text += " | null"
		}
		fmt.Fprintf(&w.b, "  %s%s: %s;\n", name, optional, text)
		if ref != nil {
			next = append(next, ref)
		}
	}
	w.b.WriteString("}\n")
	for _, t := range next {
		w.add(t)
	}
}

// tsType names t in TypeScript, and the struct that it refers to, if any.
func tsType(t reflect.Type) (string, reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		return tsType(t.Elem())
	case reflect.Slice:
		text, ref := tsType(t.Elem())
		return text + "[]", ref
	case reflect.Map:
		text, ref := tsType(t.Elem())
		return "Record<string, " + text + ">", ref
	case reflect.Struct:
		return t.Name(), t
	case reflect.String:
		return "string", nil
	case reflect.Bool:
		return "boolean", nil
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return "number", nil
	default:
		panic("web/build: no TypeScript for " + t.String())
	}
}
