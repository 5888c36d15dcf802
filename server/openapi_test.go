package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

type document struct {
	Paths      map[string]map[string]yaml.Node
	Components struct {
		Schemas   map[string]schema
		Examples  map[string]struct{ Value any }
		Responses map[string]any
	}
}

type schema struct {
	Ref        string `yaml:"$ref"`
	Type       string
	Required   []string
	Properties map[string]schema
	Items      *schema
	Additional any `yaml:"additionalProperties"`
}

func readDocument(t *testing.T) (document, map[string]any) {
	t.Helper()
	var d document
	var raw map[string]any
	if err := yaml.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(openAPI, &raw); err != nil {
		t.Fatal(err)
	}
	return d, raw
}

func TestEveryRouteIsDocumented(t *testing.T) {
	d, _ := readDocument(t)
	var routes, documented []string
	err := chi.Walk(newServer(t, newEngine(), nil).router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+strings.Replace(route, "/*", "/{file}", 1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range d.Paths {
		for method := range item {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(routes)
	slices.Sort(documented)
	if !slices.Equal(routes, documented) {
		t.Errorf("served     %q\ndocumented %q", routes, documented)
	}
}

// Each reference leads somewhere.
func TestReferences(t *testing.T) {
	_, raw := readDocument(t)
	seen := 0
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if ref, ok := node["$ref"].(string); ok {
				seen++
				var at any = raw
				for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[part]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range node {
				walk(child)
			}
		case []any:
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(raw)
	if seen < 20 {
		t.Errorf("saw %d references only", seen)
	}
}

// The schemas say what the types say: each JSON field, and its kind.
func TestSchemasAreTheTypes(t *testing.T) {
	d, _ := readDocument(t)
	for name, value := range map[string]any{
		"Problem": problem.Problem{}, "Session": model.Session{}, "NewView": model.NewView{}, "View": model.View{}, "Viewers": model.Viewers{}, "Presenting": model.Presenting{}, "PresentedFile": model.PresentedFile{}, "PresentedEdit": model.PresentedEdit{}, "Watching": model.Watching{}, "ViewersBy": model.ViewersBy{}, "SessionOptions": model.SessionOptions{}, "SessionChange": model.SessionChange{}, "NewNode": model.NewNode{}, "KeptRecording": model.KeptRecording{}, "ApplyResult": model.ApplyResult{}, "Request": model.Request{},
		"RequestResult": model.RequestResult{}, "CheckRequest": model.CheckRequest{}, "StepRequest": model.StepRequest{}, "StepBegun": model.StepBegun{}, "CheckResult": model.CheckResult{}, "Access": model.Access{}, "Object": model.Object{}, "Graph": model.Graph{}, "Vertex": model.Vertex{},
		"Visitor": model.Visitor{}, "Terminal": model.Terminal{}, "NewTerminal": model.NewTerminal{},
		"Fault": model.Fault{}, "FaultSettings": model.FaultSettings{}, "Kill": model.Kill{},
		"Edge": model.Edge{}, "Diff": model.Diff{}, "Journey": model.Journey{}, "Hop": model.Hop{}, "Header": model.Header{},
		"Event": model.Event{}, "Message": model.Message{}, "Capture": model.Capture{}, "Why": model.Why{},
		"Queued": model.Queued{}, "Operator": model.Operator{}, "OperatorCapacity": model.OperatorCapacity{}, "OperatorPart": model.OperatorPart{},
		"OperatorSession": model.OperatorSession{}, "OperatorQueued": model.OperatorQueued{}, "Breach": model.Breach{},
		"WhatIfRequest": model.WhatIfRequest{}, "WhatIf": model.WhatIf{}, "ChangedConversation": model.ChangedConversation{}, "Reachability": model.Reachability{},
		"NewClass": model.NewClass{}, "Class": model.Class{}, "ClassChange": model.ClassChange{}, "Member": model.Member{}, "FailingCheck": model.FailingCheck{}, "Help": model.Help{}, "ClassEvent": model.ClassEvent{}, "ClassMessage": model.ClassMessage{}, "Push": model.Push{},
		"PushResult": model.PushResult{}, "ClassView": model.ClassView{}, "JoinInfo": model.JoinInfo{}, "NewMember": model.NewMember{}, "Joined": model.Joined{}, "Membership": model.Membership{}, "MemberMessage": model.MemberMessage{}, "Notice": model.Notice{}, "MemberSession": model.MemberSession{},
		"HelpRequest": model.HelpRequest{}, "Consent": model.Consent{}, "Progress": model.Progress{}, "ClassResults": model.ClassResults{}, "LessonResult": model.LessonResult{},
		"ReachGroup": model.ReachGroup{}, "ReachTarget": model.ReachTarget{}, "PolicyVerdict": model.PolicyVerdict{},
	} {
		s, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		d.compare(t, name, s, reflect.TypeOf(value))
		delete(d.Components.Schemas, name)
	}
	for name := range d.Components.Schemas {
		t.Errorf("%s is described, but compared with no type", name)
	}
}

func (d document) compare(t *testing.T, at string, s schema, kind reflect.Type) {
	t.Helper()
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if s.Ref != "" {
		if want := s.Ref[strings.LastIndex(s.Ref, "/")+1:]; kind.Name() != want {
			t.Errorf("%s is a %s, described as %s", at, kind.Name(), want)
		}
		return
	}
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Slice: "array", reflect.Struct: "object", reflect.Map: "object",
		reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer", reflect.Float64: "number",
	}[kind.Kind()]
	if s.Type != want {
		t.Errorf("%s is %s, described as %q", at, want, s.Type)
		return
	}
	switch kind.Kind() {
	case reflect.Slice:
		d.compare(t, at+"[]", *s.Items, kind.Elem())
	case reflect.Struct:
		fields := map[string]bool{}
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if name == "-" {
				continue
			}
			fields[name] = true
			if property, ok := s.Properties[name]; ok {
				d.compare(t, at+"."+name, property, kind.Field(i).Type)
			} else {
				t.Errorf("%s.%s is not described", at, name)
			}
		}
		for name := range s.Properties {
			if !fields[name] {
				t.Errorf("%s.%s is described, but there is none", at, name)
			}
		}
		for _, name := range s.Required {
			if !fields[name] {
				t.Errorf("%s.%s is required, but there is none", at, name)
			}
		}
	}
}

func TestExamplesAreOfTheTypes(t *testing.T) {
	d, _ := readDocument(t)
	for name, into := range map[string]any{
		"Session": &model.Session{}, "ApplyResults": &[]model.ApplyResult{}, "RequestResult": &model.RequestResult{},
		"Graph": &model.Graph{}, "Journey": &model.Journey{}, "Message": &model.Message{}, "WhatIf": &model.WhatIf{},
	} {
		text, err := json.Marshal(d.Components.Examples[name].Value)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil || string(text) == "null" {
			t.Errorf("%s: %v in %s", name, err, text)
		}
		delete(d.Components.Examples, name)
	}
	for name := range d.Components.Examples {
		t.Errorf("the example %s is of no type", name)
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	response := ask(newServer(t, newEngine(), nil).Handler(), "GET /api/openapi.yaml", "")
	if got := textOf(response); response.StatusCode != 200 || !strings.HasPrefix(got, "openapi: 3.1.0") || response.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("got %d %.40s", response.StatusCode, got)
	}
}
