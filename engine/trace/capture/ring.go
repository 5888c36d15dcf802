package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/podhop/podhop/engine/trace/record"
	"golang.org/x/sys/unix"
)

const (
	blockSize = 64 << 10 // of a namespace's ring
	// snapLength is how much of a packet is kept: headers, one encapsulation, and
	// an HTTP request's or DNS question's first line.
	snapLength = 256
	retire     = 8 // of that ring
)

// Offsets in a tpacket_block_desc and in a tpacket3_hdr (linux/if_packet.h),
// which a sockaddr_ll follows.
const (
	blockStatus, blockPackets, blockFirst = 8, 12, 16

	frameNext, frameSec, frameNsec, frameSnap, frameLen, frameMAC, frameNet = 0, 4, 8, 12, 16, 24, 26

	frameAddress   = 48
	addressIndex   = 4
	addressPkttype = 10
)

// ring is a TPACKET_V3 ring on all devices of a namespace, or on one.
type ring struct {
	cfg     *Config
	devices *devices
	// mark adds what the namespace's other rings have to do with a frame, and reports
	// whether it is to be taken. It is set before the ring is bound.
	mark   func(*record.Frame) bool
	size   int // of a block
	file   *os.File
	conn   syscall.RawConn
	memory []byte
	blocks int

	read atomic.Uint64 // packets that were emitted

	mu       sync.Mutex
	received uint64 // packets that the kernel put into the ring
	lost     uint64 // packets that it had no room for, and nobody was told yet
	waiters  []waiter
	closed   bool
}

type waiter struct {
	until uint64
	done  chan struct{}
}

// A shape is how large a ring is, 16 blocks if it does not say, after how many milliseconds
// the kernel hands over a block that is not full, and what the ring takes.
type shape struct {
	blocks, size, retire int
	filter               []unix.SockFilter
}

// openRing makes a ring. It takes nothing until it is bound, and is read by run.
func openRing(cfg *Config, devices *devices, s shape) (*ring, error) {
	r := &ring{cfg: cfg, devices: devices, blocks: s.blocks, size: s.size}
	if r.blocks == 0 {
		r.blocks = 16
	}
	var fd int
	err := cfg.Net.Do(func() (err error) {
		// Protocol 0: nothing is captured until the ring is bound.
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return nil, err
	}
	if r.memory, err = mapRing(fd, r.blocks, s); err != nil {
		unix.Close(fd)
		return nil, err
	}
	r.file = os.NewFile(uintptr(fd), "ring of "+cfg.Name)
	if r.conn, err = r.file.SyscallConn(); err != nil {
		unix.Munmap(r.memory)
		r.file.Close()
		return nil, err
	}
	return r, nil
}

func mapRing(fd, blocks int, s shape) ([]byte, error) {
	if err := attach(fd, s.filter); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("TPACKET_V3: %w", err)
	}
	req := unix.TpacketReq3{Block_size: uint32(s.size), Block_nr: uint32(blocks), Frame_size: 2048, Frame_nr: uint32(blocks * s.size / 2048), Retire_blk_tov: uint32(s.retire)}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("PACKET_RX_RING: %w", err)
	}
	memory, err := unix.Mmap(fd, 0, s.size*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return memory, nil
}

// bind begins to capture at a device, or at all if it is 0.
func (r *ring) bind(device int) error {
	all := bits.ReverseBytes16(unix.ETH_P_ALL) // outgoing packets, too
	return r.control(func(fd int) error {
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: device}))
	})
}

// control does something with the ring's socket.
func (r *ring) control(f func(fd int) error) (err error) {
	if cerr := r.conn.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// run reads blocks until the file is closed.
func (r *ring) run() {
	defer r.end()
	for i := 0; ; i = (i + 1) % r.blocks {
		block := r.memory[i*r.size : (i+1)*r.size]
		status := (*uint32)(unsafe.Pointer(&block[blockStatus]))
		ready := func(uintptr) bool { return atomic.LoadUint32(status)&unix.TP_STATUS_USER != 0 }
		if !ready(0) && r.conn.Read(ready) != nil {
			return
		}
		n := uint64(binary.NativeEndian.Uint32(block[blockPackets:]))
		batch := r.block(block)
		atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
		batch.Lost = r.takeLost()
		r.cfg.Emit(batch)
		r.read.Add(n)
		r.wake()
	}
}

// block copies a block's packets out of the ring.
func (r *ring) block(b []byte) record.Batch {
	n, at := binary.NativeEndian.Uint32(b[blockPackets:]), b[binary.NativeEndian.Uint32(b[blockFirst:]):]
	batch := record.Batch{Frames: make([]record.Frame, 0, n)}
	size := 0
	for p, i := at, uint32(0); i < n; i++ {
		size += int(binary.NativeEndian.Uint32(p[frameSnap:]))
		p = p[binary.NativeEndian.Uint32(p[frameNext:]):]
	}
	data := make([]byte, 0, size)
	for i := uint32(0); i < n; i++ {
		snap, mac, net := binary.NativeEndian.Uint32(at[frameSnap:]), binary.NativeEndian.Uint16(at[frameMAC:]), binary.NativeEndian.Uint16(at[frameNet:])
		start := len(data)
		data = append(data, at[mac:uint32(mac)+snap]...)
		address := at[frameAddress:]
		frame := record.Frame{
			Time:      int64(binary.NativeEndian.Uint32(at[frameSec:]))*1e9 + int64(binary.NativeEndian.Uint32(at[frameNsec:])),
			Namespace: r.cfg.Name,
			Device:    r.devices.get(int(binary.NativeEndian.Uint32(address[addressIndex:]))),
			Direction: direction(address[addressPkttype]),
			Length:    int(binary.NativeEndian.Uint32(at[frameLen:])),
			Data:      data[start:len(data):len(data)],
			Bare:      mac == net,
		}
		if r.mark(&frame) {
			batch.Frames = append(batch.Frames, frame)
		}
		at = at[binary.NativeEndian.Uint32(at[frameNext:]):]
	}
	return batch
}

func direction(pkttype byte) string {
	switch pkttype {
	case unix.PACKET_OUTGOING:
		return record.Out
	case unix.PACKET_OTHERHOST:
		return record.Foreign
	}
	return record.In
}

// statistics adds up what the kernel counted since it was last asked. r.mu is held.
func (r *ring) statistics() {
	r.conn.Control(func(fd uintptr) {
		s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			r.received += uint64(s.Packets - s.Drops) // it counts drops as packets
			r.lost += uint64(s.Drops)
		}
	})
}

// takeLost is what found no room in the ring and was not told yet.
func (r *ring) takeLost() []record.Lost {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statistics()
	if r.lost == 0 {
		return nil
	}
	l := []record.Lost{{Count: r.lost, Reason: "the capture ring was full"}}
	r.lost = 0
	return l
}

// flush returns a channel that closes when all that is in the ring was emitted.
// It must not emit itself: who asks may be who takes.
func (r *ring) flush() <-chan struct{} {
	done := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statistics()
	if r.closed || r.read.Load() >= r.received {
		close(done)
		return done
	}
	r.waiters = append(r.waiters, waiter{r.received, done})
	return done
}

func (r *ring) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.waiters[:0]
	for _, w := range r.waiters {
		if r.closed || r.read.Load() >= w.until {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	r.waiters = kept
}

// ended reports whether nothing is read any more: the device went.
func (r *ring) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *ring) end() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wake()
	unix.Munmap(r.memory)
}
