package capacity

import "testing"

func TestMake(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	plenty := Measured{Sessions: 10, Most: 300, MemoryTotal: 64 * gib, MemoryAvailable: 60 * gib, MemoryUsed: gib,
		Processes: 200, ProcessesNow: 400, ProcessesMost: 4 << 20, DiskTotal: 200 * gib, DiskFree: 100 * gib}
	for _, tt := range []struct {
		name  string
		with  func(*Measured)
		room  int
		binds string
	}{
		{"as many as it is told", func(m *Measured) {}, 290, Places},
		{"no place", func(m *Measured) { m.Sessions = 300 }, 0, Places},
		{"more than there may be, which were kept", func(m *Measured) { m.Sessions = 310 }, 0, Places},
		{"nothing known but the places", func(m *Measured) { *m = Measured{Most: 5} }, 5, Places},
		{"large sessions", func(m *Measured) { m.MemoryUsed = 10 * 6 * gib }, 9, Memory}, // (60 - 3.2) / 6
		{"small ones are not believed", func(m *Measured) {
			m.MemoryUsed, m.MemoryTotal, m.MemoryAvailable = 10*mib, 2*gib, 256*mib+3*leastMemory
		}, 3, Memory},
		{"less memory than is kept free", func(m *Measured) { m.MemoryAvailable = gib }, 0, Memory},
		{"few processes left", func(m *Measured) { m.ProcessesMost = 1000 }, 5, Processes}, // (1000 - 400 - 256) / 64
		{"sessions of many processes", func(m *Measured) { m.Processes, m.ProcessesMost = 10*400, 5000 }, 10, Processes},
		{"a full disk", func(m *Measured) { m.DiskFree = 100 * mib }, 0, Disk},
		{"a disk for one more", func(m *Measured) { m.DiskFree = 130 * mib }, 1, Disk},
		{"busy, which is nobody's limit", func(m *Measured) { m.Pressure = 99 }, 290, Places},
		{"too busy", func(m *Measured) { m.Pressure, m.PressureMost = 91, 90 }, 0, CPU},
		{"busy, but not too busy", func(m *Measured) { m.Pressure, m.PressureMost = 89, 90 }, 290, Places},
	} {
		m := plenty
		tt.with(&m)
		if got := Make(m); got.Room != tt.room || got.Binds != tt.binds {
			t.Errorf("%s: room for %d, bound by %s; want %d, %s", tt.name, got.Room, got.Binds, tt.room, tt.binds)
		}
	}
}
