package capture

import (
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace/record"
)

// A device that is known is asked for again some time later, and not waited for.
func TestDeviceChanges(t *testing.T) {
	answers := make(chan record.Device, 1)
	var d devices
	d.open(func(int) (record.Device, bool) { return <-answers, true }, nil)
	answers <- record.Device{Name: "veth1"}
	if got := d.get(7); got != (record.Device{Name: "veth1"}) {
		t.Fatal(got)
	}
	d.known[7] = known{d.known[7].Device, time.Now()}
	for range 3 { // nobody answers yet
		if got := d.get(7); got != (record.Device{Name: "veth1"}) {
			t.Fatal(got)
		}
	}
	answers <- record.Device{Name: "veth1", Bridge: "cni0"}
	d.refreshing.Wait()
	if got := d.get(7); got.Bridge != "cni0" {
		t.Fatal(got)
	}
}
