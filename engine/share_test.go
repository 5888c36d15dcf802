package engine

import (
	"testing"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/node"
)

func TestShareOfASession(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name   string
		cfg    Config
		cores  int
		memory uint64
		want   container.Resources
	}{
		{"a small machine", Config{}, 2, 24 * gib, container.Resources{Memory: 12 * gib, CPUPeriod: 100_000, CPUQuota: 100_000}},
		{"a large one", Config{}, 64, 256 * gib, container.Resources{Memory: 128 * gib, CPUPeriod: 100_000, CPUQuota: 3_200_000}},
		{"of one core, which is all a session's", Config{}, 1, 2 * gib, container.Resources{}},
		{"a node may have more than half", Config{NodeMemory: 3 * gib}, 2, 4 * gib, container.Resources{Memory: 3 * gib, CPUPeriod: 100_000, CPUQuota: 100_000}},
		{"as it is told", Config{SessionMemory: gib, SessionCPU: 0.5}, 4, 8 * gib, container.Resources{Memory: gib, CPUPeriod: 100_000, CPUQuota: 50_000}},
		{"no limit", Config{SessionMemory: -1, SessionCPU: -1}, 4, 8 * gib, container.Resources{}},
	} {
		got := shareOf(tt.cfg, node.Machine{Cores: tt.cores, Memory: tt.memory})
		if got.Memory != tt.want.Memory || got.CPUPeriod != tt.want.CPUPeriod || got.CPUQuota != tt.want.CPUQuota {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
