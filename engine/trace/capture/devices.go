package capture

import (
	"os"
	"strconv"
	"sync"

	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

// devices names a namespace's devices by index. Indexes are never used twice in
// a namespace, so that what is known stays true.
type devices struct {
	mu     sync.Mutex
	lookup func(int) (record.Device, bool)
	socket *os.File // any socket of the namespace, to ask the kernel by
	known  map[int]record.Device
	asked  map[int]string // names that the kernel gave
}

func (d *devices) open(lookup func(int) (record.Device, bool), socket *os.File) {
	d.lookup, d.socket = lookup, socket
	d.known, d.asked = map[int]record.Device{}, map[int]string{}
}

func (d *devices) get(index int) record.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dev, ok := d.known[index]; ok {
		return dev
	}
	if d.lookup != nil {
		if dev, ok := d.lookup(index); ok {
			d.known[index] = dev
			return dev
		}
	}
	// The lookup may learn of the device later, and of its peer.
	name, ok := d.asked[index]
	if !ok {
		name = d.ask(index)
		d.asked[index] = name
	}
	return record.Device{Name: name}
}

func (d *devices) ask(index int) string {
	name := "if" + strconv.Itoa(index)
	rc, err := d.socket.SyscallConn()
	if err != nil {
		return name
	}
	rc.Control(func(fd uintptr) {
		ifr, err := unix.NewIfreq("lo")
		if err != nil {
			return
		}
		ifr.SetUint32(uint32(index))
		if unix.IoctlIfreq(int(fd), unix.SIOCGIFNAME, ifr) == nil {
			name = ifr.Name()
		}
	})
	return name
}
