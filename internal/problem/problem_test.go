package problem

import (
	"net/http/httptest"
	"testing"
)

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		problem Problem
		want    string
	}{
		{Problem{Status: 404}, `{"type":"about:blank","title":"Not Found","status":404}`},
		{Problem{Type: "urn:x", Title: "T", Status: 422, Detail: "d", Errors: []FieldError{{"f", "e"}}},
			`{"type":"urn:x","title":"T","status":422,"detail":"d","errors":[{"field":"f","detail":"e"}]}`},
	} {
		w := httptest.NewRecorder()
		Write(w, test.problem)
		if got := w.Body.String(); got != test.want+"\n" || w.Code != test.problem.Status || w.Header().Get("Content-Type") != ContentType {
			t.Errorf("got %d %s, want %s", w.Code, got, test.want)
		}
	}
	p := Problem{Title: "T", Detail: "d"}
	if p.Error() != "T: d" {
		t.Errorf("got %s", p.Error())
	}
}
