package container

import (
	"fmt"
	"strconv"
)

// write is one value for one file.
type write struct {
	controller, file, value string
	// optional: kernels without accounting of swap have no such file.
	optional bool
}

func limits(r Resources, v2 bool) (out []write) {
	set := func(value int64, v1, v2Name, controller string) {
		if value > 0 {
			name := v1
			if v2 {
				name = v2Name
			}
			out = append(out, write{controller: controller, file: name, value: strconv.FormatInt(value, 10)})
		}
	}
	set(r.Pids, "pids.max", "pids.max", "pids")
	set(r.Memory, "memory.limit_in_bytes", "memory.max", "memory")
	if r.Memory > 0 {
		if v2 {
			out = append(out, write{"memory", "memory.swap.max", "0", true})
		} else {
			out = append(out, write{"memory", "memory.memsw.limit_in_bytes", strconv.FormatInt(r.Memory, 10), true})
		}
	}
	period := r.CPUPeriod
	if period == 0 {
		period = 100_000
	}
	if v2 {
		if r.CPUShares > 0 { // the conversion of the runtime specification's authors (crun, runc)
			out = append(out, write{controller: "cpu", file: "cpu.weight", value: strconv.FormatInt(1+(max(r.CPUShares, 2)-2)*9999/262142, 10)})
		}
		if r.CPUQuota > 0 {
			out = append(out, write{controller: "cpu", file: "cpu.max", value: fmt.Sprintf("%d %d", r.CPUQuota, period)})
		}
		return out
	}
	set(r.CPUShares, "cpu.shares", "", "cpu")
	if r.CPUQuota > 0 {
		set(period, "cpu.cfs_period_us", "", "cpu")
		set(r.CPUQuota, "cpu.cfs_quota_us", "", "cpu")
	}
	return out
}
