package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// EdgesOnly captures of TCP only what begins and ends connections, and traces rules of
// no more than that; or all again. Filtering costs next to nothing, however much is sent.
func (c *Capture) EdgesOnly(on bool) error {
	filter := everything()
	if on {
		filter = edges()
	}
	var err error
	if cerr := c.ring.conn.Control(func(fd uintptr) { err = attach(int(fd), filter) }); cerr != nil {
		return cerr
	}
	if c.taps != nil {
		err = errors.Join(err, c.taps.edgesOnly(on))
	}
	return err
}

// Passed is how many packets have passed the namespace's devices since they are there,
// whether captured or not: each device counts one once, as the ring does. It falls
// when a device goes.
func (c *Capture) Passed() (n uint64, err error) {
	err = c.cfg.Net.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		n = passed(bytes.NewReader(b))
		return err
	})
	return n, err
}

// passed adds up the packets of /proc/net/dev (net/core/net-procfs.c): a line a device,
// received bytes and packets first, sent ones from the ninth field on.
func passed(r io.Reader) (n uint64) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		_, counters, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(counters)
		if !ok || len(fields) < 10 {
			continue
		}
		for _, i := range []int{1, 9} {
			packets, _ := strconv.ParseUint(fields[i], 10, 64)
			n += packets
		}
	}
	return n
}
