package engine

import (
	"cmp"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/node"
)

// cpuPeriod is how often CPU time is dealt out, in microseconds: the kernel's default.
const cpuPeriod = 100_000

// share is what all containers of a session may use together. Beside it, sessions share CPU
// time by equal weights, which is what the kernel gives groups. There is no limit of block
// devices: containers write to their session's tmpfs, and nowhere else.
func (c Config) share() container.Resources { return shareOf(c, node.Host()) }

func shareOf(c Config, host node.Machine) (r container.Resources) {
	r.Memory = cmp.Or(c.SessionMemory, max(int64(host.Memory/2), int64(cmp.Or(c.NodeMemory, nodeMemory))))
	if r.Memory < 0 || r.Memory >= int64(host.Memory) {
		r.Memory = 0 // what there is, is the limit
	}
	if cores := cmp.Or(c.SessionCPU, max(float64(host.Cores)/2, 1)); cores > 0 && cores < float64(host.Cores) {
		r.CPUPeriod, r.CPUQuota = cpuPeriod, int64(cores*cpuPeriod)
	}
	return r
}
