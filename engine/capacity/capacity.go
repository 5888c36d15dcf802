// Package capacity says how many more sessions a machine can take, and what it is that binds:
// of measurements, by a pure planner. It must not know what sessions are.
package capacity

import (
	"math"
	"slices"
)

// Measured is what a machine has and uses now. What is 0 of Total or Most is not known, and
// binds nothing.
type Measured struct {
	// Sessions there are, of Most that there may be.
	Sessions, Most int
	// Memory is in bytes: Available to whoever wants it, of Total; the server and all sessions
	// use Used of it together.
	MemoryTotal, MemoryAvailable, MemoryUsed uint64
	// Processes of all sessions, of those that the machine may have, and has.
	Processes, ProcessesNow, ProcessesMost uint64
	// Disk is where sessions are kept, in bytes.
	DiskTotal, DiskFree uint64
	// Pressure is the percentage of the last minute in which something waited for a core
	// (/proc/pressure/cpu, some avg60); from PressureMost on the machine takes nobody more.
	Pressure, PressureMost float64
}

// What can bind.
const (
	Places    = "places"
	Memory    = "memory"
	Processes = "processes"
	Disk      = "disk"
	CPU       = "cpu"
)

const (
	// A session needs at least so much, whatever those use that are there: one that has just been
	// opened uses next to nothing yet.
	leastMemory    = 96 << 20
	leastProcesses = 64
	// serverMemory is what the server has without a session, images that it has unpacked apart.
	serverMemory = 300 << 20
	// leastDisk is a journal, of the size that it may have.
	leastDisk = 64 << 20
	// Kept for the server and the machine itself.
	memoryReserve, memoryReserveShare = 256 << 20, 0.05
	diskReserve                       = 64 << 20
	processesReserve                  = 256
)

// A Plan is how many more there may be.
type Plan struct {
	Room  int
	Binds string // the part that has least room
	Parts []Part // in the order of the constants
}

// A Part is one thing that sessions need.
type Part struct {
	Name     string
	Used, Of float64 // bytes, or how many, or percent
	Each     float64 // what a session more is taken to need
	Room     int
}

// Unbounded reports whether the part bounds nothing.
func (p Part) Unbounded() bool { return p.Room >= unbounded }

// unbounded is the room of what is not known.
const unbounded = math.MaxInt32

// Make plans.
func Make(m Measured) Plan {
	sessions := float64(max(m.Sessions, 1))
	parts := []Part{{Name: Places, Used: float64(m.Sessions), Of: float64(m.Most), Each: 1, Room: max(m.Most-m.Sessions, 0)}}
	if m.MemoryTotal > 0 {
		each := max(leastMemory, (float64(m.MemoryUsed)-serverMemory)/sessions)
		reserve := max(memoryReserve, memoryReserveShare*float64(m.MemoryTotal))
		parts = append(parts, Part{Memory, float64(m.MemoryTotal) - float64(m.MemoryAvailable), float64(m.MemoryTotal), each, room(float64(m.MemoryAvailable)-reserve, each)})
	}
	if m.ProcessesMost > 0 {
		each := max(leastProcesses, float64(m.Processes)/sessions)
		parts = append(parts, Part{Processes, float64(m.ProcessesNow), float64(m.ProcessesMost), each, room(float64(m.ProcessesMost)-float64(m.ProcessesNow)-processesReserve, each)})
	}
	if m.DiskTotal > 0 {
		parts = append(parts, Part{Disk, float64(m.DiskTotal) - float64(m.DiskFree), float64(m.DiskTotal), leastDisk, room(float64(m.DiskFree)-diskReserve, leastDisk)})
	}
	cpu := Part{CPU, m.Pressure, 100, 0, unbounded}
	if m.PressureMost > 0 && m.Pressure >= m.PressureMost {
		cpu.Room = 0
	}
	parts = append(parts, cpu)
	least := slices.MinFunc(parts, func(a, b Part) int { return a.Room - b.Room })
	return Plan{Room: least.Room, Binds: least.Name, Parts: parts}
}

func room(left, each float64) int {
	return int(min(max(left/each, 0), unbounded))
}
