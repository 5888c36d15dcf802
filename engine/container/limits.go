package container

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// write is one value for one file.
type write struct {
	controller, file, value string
	// optional: kernels without accounting of swap, and older ones, have no such file.
	optional bool
}

// unified are the files of version 2 that Resources.Unified may name.
var unified = []string{"memory.high", "memory.low", "memory.min", "memory.oom.group"}

// limits are the writes that put r into effect.
func limits(r Resources, v2 bool) (out []write) {
	add := func(controller, file, value string) {
		out = append(out, write{controller: controller, file: file, value: value})
	}
	memory := strconv.FormatInt(r.Memory, 10)
	if v2 {
		if r.Pids > 0 {
			add("pids", "pids.max", strconv.FormatInt(r.Pids, 10))
		}
		switch {
		case r.Memory < 0:
			add("memory", "memory.max", "max")
		case r.Memory > 0:
			add("memory", "memory.max", memory)
			out = append(out, write{"memory", "memory.swap.max", "0", true})
		}
		for _, file := range slices.Sorted(maps.Keys(r.Unified)) {
			if slices.Contains(unified, file) {
				out = append(out, write{"memory", file, r.Unified[file], true})
			}
		}
		if r.CPUShares > 0 { // the conversion of the runtime specification's authors (crun, runc)
			add("cpu", "cpu.weight", strconv.FormatInt(1+(max(r.CPUShares, 2)-2)*9999/262142, 10))
		}
		switch {
		case r.CPUQuota < 0:
			add("cpu", "cpu.max", fmt.Sprintf("max %d", r.period()))
		case r.CPUQuota > 0:
			add("cpu", "cpu.max", fmt.Sprintf("%d %d", r.CPUQuota, r.period()))
		}
		return out
	}
	if r.Pids > 0 {
		add("pids", "pids.max", strconv.FormatInt(r.Pids, 10))
	}
	if r.Memory != 0 {
		add("memory", "memory.limit_in_bytes", memory)
		out = append(out, write{"memory", "memory.memsw.limit_in_bytes", memory, true})
	}
	if r.CPUShares > 0 {
		add("cpu", "cpu.shares", strconv.FormatInt(r.CPUShares, 10))
	}
	if r.CPUQuota > 0 {
		add("cpu", "cpu.cfs_period_us", strconv.FormatInt(r.period(), 10))
	}
	if r.CPUQuota != 0 {
		add("cpu", "cpu.cfs_quota_us", strconv.FormatInt(r.CPUQuota, 10))
	}
	return out
}

// cores are what a limit of CPU time comes to; 0 is no limit.
func (r Resources) cores() float64 {
	if r.CPUQuota <= 0 {
		return 0
	}
	return float64(r.CPUQuota) / float64(r.period())
}

// within is r with no more cores than those, unless they are 0. Version 1 refuses a group more
// than those above it have (EINVAL); in version 2 the least of them holds anyway.
func (r Resources) within(cores float64) Resources {
	if cores > 0 && r.cores() > cores {
		r.CPUQuota = int64(cores * float64(r.period()))
	}
	return r
}

// period is the kernel's default, where none is named.
func (r Resources) period() int64 {
	if r.CPUPeriod == 0 {
		return 100_000
	}
	return r.CPUPeriod
}

// with is r, changed by what is not zero in change.
func (r Resources) with(change Resources) Resources {
	set := func(to *int64, value int64) {
		if value != 0 {
			*to = value
		}
	}
	set(&r.CPUShares, change.CPUShares)
	set(&r.CPUQuota, change.CPUQuota)
	set(&r.CPUPeriod, change.CPUPeriod)
	set(&r.Memory, change.Memory)
	set(&r.Pids, change.Pids)
	if change.OOMScoreAdj != 0 {
		r.OOMScoreAdj = change.OOMScoreAdj
	}
	if len(change.Unified) > 0 {
		r.Unified = maps.Clone(r.Unified)
		if r.Unified == nil {
			r.Unified = map[string]string{}
		}
		maps.Copy(r.Unified, change.Unified)
	}
	return r
}
