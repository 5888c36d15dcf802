// Package note holds the names by which a trace tells that a packet was lost or held on
// purpose: those of the devices that it was sent to instead. Who makes faults and who
// explains packets both use it, so that neither must know the other.
package note

import (
	"fmt"
	"strings"
)

// Pods is where the indexes of devices begin that lead to pods.
const Pods = 100

// A Lost is what the name of a device says to which packets are sent that are lost: of
// which device, by its index, whether they came by it or were to leave by it, and how many
// of a thousand.
type Lost struct {
	Index int
	In    bool
	Share int
}

// Device is its name: within the kernel's 15 bytes while indexes have five digits.
func (l Lost) Device() string {
	way := 'o'
	if l.In {
		way = 'i'
	}
	return fmt.Sprintf("lost-%d%c%d", l.Index, way, l.Share)
}

// ParseLost is its reverse; false if the device is another.
func ParseLost(device string) (l Lost, ok bool) {
	var way rune
	if !strings.HasPrefix(device, "lost-") {
		return l, false
	}
	n, err := fmt.Sscanf(device, "lost-%d%c%d", &l.Index, &way, &l.Share)
	l.In = way == 'i'
	return l, err == nil && n == 3 && (way == 'i' || way == 'o')
}

// Percent is the share in words.
func (l Lost) Percent() string { return fmt.Sprintf("%g%%", float64(l.Share)/10) }

// Held is the name of the device to which packets are sent that are to be held, before
// they leave by that of an index.
func Held(index int) string { return fmt.Sprintf("held-%d", index) }

// ParseHeld is its reverse; false if the device is another.
func ParseHeld(device string) (index int, ok bool) {
	if !strings.HasPrefix(device, "held-") {
		return 0, false
	}
	n, err := fmt.Sscanf(device, "held-%d", &index)
	return index, err == nil && n == 1
}

// IsDetour reports whether a device is one of either kind.
func IsDetour(device string) bool {
	_, lost := ParseLost(device)
	_, held := ParseHeld(device)
	return lost || held
}
