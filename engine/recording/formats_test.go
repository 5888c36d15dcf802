package recording

import (
	"fmt"
	"os"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

// What servers wrote whose version was another is read: testdata has a file of each.
func TestVersions(t *testing.T) {
	for v := 1; v <= model.RecordingVersion; v++ {
		f, err := os.Open(fmt.Sprintf("testdata/version-%d.podhop.gz", v))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := Read(f)
		if err != nil {
			t.Errorf("version %d: %v", v, err)
			continue
		}
		pods := 0
		for _, m := range r.Moments {
			if m.Message.Topology != nil {
				for _, p := range m.Message.Topology.Put {
					if p.Kind == "Pod" {
						pods++
					}
				}
			}
		}
		if pods == 0 || len(r.Moments) < 5 {
			t.Errorf("version %d: %d moments, with %d pods", v, len(r.Moments), pods)
		}
	}
}
