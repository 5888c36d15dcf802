package engine

import (
	"errors"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

func TestParseFault(t *testing.T) {
	for id, want := range map[string]string{
		"link.node.node-2": "node/node-2", "cut.node.node-1": "node/node-1", "stop.node.node-1": "node/node-1", "link.client": "client",
		"link.pod.default.web-0.x": "pod/default/web-0.x", "dns": "service/kube-system/kube-dns",
	} {
		if f, err := parseFault(id); err != nil || f.Target != want || f.ID != id {
			t.Errorf("%s: %+v %v", id, f, err)
		}
	}
	for _, id := range []string{"", "link", "link.pod.web", "cut.pod.default.web", "cut.node.", "dns.x", "link.underlay"} {
		if f, err := parseFault(id); !errors.Is(err, model.ErrNotFound) {
			t.Errorf("%s: %+v %v", id, f, err)
		}
	}
}

func TestCheckFault(t *testing.T) {
	for _, c := range []struct {
		kind  string
		set   model.FaultSettings
		field string // empty: it can be
		text  string
	}{
		{"link", model.FaultSettings{Loss: 30, DelayMS: 100}, "", "30% loss, 100 ms"},
		{"link", model.FaultSettings{DelayMS: 200, JitterMS: 20, RateKbit: 1500, Direction: "in"}, "", "200 ms ± 20 ms, 1.5 Mbit/s, in"},
		{"link", model.FaultSettings{RateKbit: 64}, "", "64 kbit/s"},
		{"dns", model.FaultSettings{DelayMS: 2000}, "", "2000 ms"},
		{"cut", model.FaultSettings{}, "", "cut off"},
		{"stop", model.FaultSettings{}, "", "stopped"},
		{"link", model.FaultSettings{}, "loss", ""},
		{"link", model.FaultSettings{Loss: 101}, "loss", ""},
		{"link", model.FaultSettings{Loss: -1}, "loss", ""},
		{"link", model.FaultSettings{DelayMS: maxDelay + 1}, "delayMs", ""},
		{"link", model.FaultSettings{DelayMS: 1, JitterMS: 2}, "jitterMs", ""},
		{"link", model.FaultSettings{RateKbit: 1}, "rateKbit", ""},
		{"link", model.FaultSettings{Loss: 1, Direction: "up"}, "direction", ""},
		{"dns", model.FaultSettings{Loss: 1, Direction: "in"}, "direction", ""},
		{"dns", model.FaultSettings{DelayMS: 1, RateKbit: 100}, "id", ""},
		{"cut", model.FaultSettings{Loss: 1}, "id", ""},
	} {
		f := model.Fault{Kind: c.kind, Settings: c.set}
		err := checkFault(f)
		var field *model.FieldError
		if c.field != "" != errors.As(err, &field) || field != nil && field.Field != c.field {
			t.Errorf("%s %+v: %v", c.kind, c.set, err)
		}
		if got := faultText(f); c.text != "" && got != c.text {
			t.Errorf("%+v: %q", c.set, got)
		}
	}
}
