package trace_test

import (
	"testing"
)

func TestClusterIP(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	body, local, remote, err := l.get("pod/default/shop", "10.96.41.9:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(body)
	t.Log("\n" + w.text(w.conversation("tcp", local, remote)))
	t.Log(w.lost)
}
