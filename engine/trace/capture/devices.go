package capture

import (
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

// devices names a namespace's devices by index.
type devices struct {
	mu     sync.Mutex
	lookup func(int) (record.Device, bool)
	socket *os.File // any socket of the namespace, to ask the kernel by
	known  map[int]known
	asked  map[int]asked

	refreshing sync.WaitGroup
}

// known is what the lookup said, and when it is to be asked again.
type known struct {
	record.Device
	until time.Time
}

// asked is a name that the kernel gave, for as long as it need not be asked again.
type asked struct {
	name  string
	until time.Time
}

const (
	// patience is how long a device that the lookup does not know stays without a
	// peer: the lookup may learn of it later, but costs too much for every packet.
	patience = 200 * time.Millisecond
	// trust is how long one that it knows stays as it is. An index is never used twice
	// in a namespace, but a port may be taken off its bridge.
	trust = time.Second
)

func (d *devices) open(lookup func(int) (record.Device, bool), socket *os.File) {
	d.lookup, d.socket = lookup, socket
	d.known, d.asked = map[int]known{}, map[int]asked{}
}

func (d *devices) get(index int) record.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, a := time.Now(), d.asked[index]
	if k, ok := d.known[index]; ok {
		if !k.until.After(now) {
			k.until = now.Add(trust)
			d.known[index] = k
			d.refreshing.Go(func() { d.refresh(index) })
		}
		return k.Device
	}
	if a.until.After(now) {
		return record.Device{Name: a.name}
	}
	if d.lookup != nil {
		if dev, ok := d.lookup(index); ok {
			d.known[index] = known{dev, now.Add(trust)}
			return dev
		}
	}
	if a.name == "" {
		a.name = d.ask(index)
	}
	a.until = now.Add(patience)
	d.asked[index] = a
	return record.Device{Name: a.name}
}

// refresh asks the lookup again, while packets go on with what is known: it may have
// to wait for a change of the network.
func (d *devices) refresh(index int) {
	if dev, ok := d.lookup(index); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.known[index] = known{dev, time.Now().Add(trust)}
	}
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
