package why

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
)

// Who asks again and again is told the same, of its own packet, without another look.
func TestRecent(t *testing.T) {
	o := objects(t, world)
	looks := 0
	o.Listening = func(*v1.Pod, v1.Protocol) ([]netip.AddrPort, bool) { looks++; return nil, true }
	now := time.Unix(1000, 0)
	r := NewRecent(o, func() time.Time { return now })
	first := refused(true)
	want := r.Packet(&first)
	if want == nil || looks != 1 {
		t.Fatalf("%+v after %d looks", want, looks)
	}
	again := refused(true)
	again.ID = "j2"
	got := r.Packet(&again)
	if looks != 1 || got == want || got.Sentence != want.Sentence || !reflect.DeepEqual(got.Advice, want.Advice) {
		t.Errorf("%+v after %d looks", got, looks)
	}
	for i, f := range got.Seen {
		if f.Journey != "" && f.Journey != "j2" || want.Seen[i].Journey != "" && want.Seen[i].Journey != "j1" {
			t.Errorf("%+v, and before %+v", f, want.Seen[i])
		}
	}
	other := refused(false)
	other.Destination = "10.244.2.2:8081"
	if w := r.Packet(&other); looks != 2 || w.Trap != TrapPort {
		t.Errorf("another end: %+v after %d looks", w, looks)
	}
	now = now.Add(2 * fresh)
	if r.Packet(&again); looks != 3 {
		t.Errorf("%d looks, a while later", looks)
	}
	for i := range 3 * maxRecent {
		j := refused(true)
		j.Destination = netip.AddrPortFrom(netip.MustParseAddr("10.244.2.2"), uint16(i)).String()
		r.Packet(&j)
	}
	if len(r.known) > maxRecent {
		t.Errorf("%d are known", len(r.known))
	}
}
