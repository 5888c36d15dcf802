package network

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/network/note"
)

// ErrUnsupported says that the kernel cannot lose or hold packets.
var ErrUnsupported = errors.New("this kernel has no nftables hook for what leaves a device (CONFIG_NETFILTER_EGRESS), no way to send it to another (CONFIG_NFT_FWD_NETDEV), or nothing to draw lots with (CONFIG_NFT_NUMGEN)")

const (
	// flawTable begins the name of the tables that lose and hold packets.
	flawTable = "podhop-fault-"
	// heldMark is on what has been held, so that it is not again.
	heldMark = 0xfa017
)

func (f flaw) table() string { return flawTable + strconv.Itoa(f.index) }

// detours are the devices that packets are sent to instead.
func (f flaw) detours() (names []string) {
	if f.lossIn > 0 {
		names = append(names, f.lost(true))
	}
	if f.lossOut > 0 {
		names = append(names, f.lost(false))
	}
	if f.holds() {
		names = append(names, note.Held(f.index))
	}
	return names
}

func (f flaw) lost(in bool) string {
	l := note.Lost{Index: f.index, In: in, Share: f.lossOut}
	if in {
		l.Share = f.lossIn
	}
	return l.Device()
}

// draw is a rule that takes so many of a thousand packets.
func draw(loss int, verdict string) string {
	switch loss {
	case 0:
		return ""
	case 1000:
		return verdict
	}
	return fmt.Sprintf("numgen random mod 1000 < %d %s", loss, verdict)
}

// ruleset is the flaw's table. What it loses is not dropped, but sent to a device that
// leads nowhere, where whoever watches sees it, whole: a rule's event would show the
// headers of a tunnel alone.
func (f flaw) ruleset() string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table netdev %[1]s\ndelete table netdev %[1]s\ntable netdev %[1]s {\n\tchain %[2]s { }\n", f.table(), f.label())
	if f.lossIn > 0 {
		fmt.Fprintf(&b, "\tchain in {\n\t\ttype filter hook ingress device \"%s\" priority 0\n\t\t%s\n\t}\n", f.device, draw(f.lossIn, forward(f.lost(true))))
	}
	if f.lossOut > 0 || f.holds() {
		fmt.Fprintf(&b, "\tchain out {\n\t\ttype filter hook egress device \"%s\" priority 0\n", f.device)
		if f.holds() {
			fmt.Fprintf(&b, "\t\tmeta mark %d accept\n", heldMark)
		}
		fmt.Fprintf(&b, "\t\t%s\n", draw(f.lossOut, forward(f.lost(false))))
		if f.holds() {
			fmt.Fprintf(&b, "\t\t%s\n", forward(note.Held(f.index)))
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func forward(device string) string { return fmt.Sprintf("counter fwd to %q", device) }

// add makes the flaw be there, whatever was; it must run in the device's namespace.
func (f flaw) add() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	for _, name := range f.detours() {
		if err := detour(h, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return errors.Join(nft(f.ruleset()), f.deleteDetours(h, f.detours()))
}

// remove makes the flaw not be there.
func (f flaw) remove() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	return errors.Join(nft(fmt.Sprintf("add table netdev %[1]s\ndelete table netdev %[1]s\n", f.table())), f.deleteDetours(h, nil))
}

// detour makes the device of a name be there: a bridge without ports, because every
// kernel that runs this has bridges. What is too large for one packet is cut up before it
// comes there.
func detour(h *netlink.Handle, name string) error {
	br := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	br.Name, br.GSOMaxSegs = name, 1
	if err := h.LinkAdd(br); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	l, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	return h.LinkSetUp(l)
}

// deleteDetours deletes the flaw's devices but for those that are to stay.
func (f flaw) deleteDetours(h *netlink.Handle, stay []string) error {
	links, err := h.LinkList()
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range links {
		name := l.Attrs().Name
		lost, isLost := note.ParseLost(name)
		index, isHeld := note.ParseHeld(name)
		if (isLost && lost.Index == f.index || isHeld && index == f.index) && !slices.Contains(stay, name) {
			errs = append(errs, h.LinkDel(l))
		}
	}
	return errors.Join(errs...)
}

func nft(script string) error {
	cmd := exec.Command("nft", "-f", "-")
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &out, &out
	err := cmd.Run()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(out.String())
	if strings.Contains(text, "Operation not supported") || strings.Contains(text, "Could not process rule: No such file or directory") {
		return fmt.Errorf("%w: %s", ErrUnsupported, text)
	}
	return fmt.Errorf("nft: %w: %s", err, text)
}

// observeFlaws reads the flaws of the calling thread's namespace by their labels.
func (f *furniture) observeFlaws() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return err
	}
	for _, ch := range chains {
		number, ours := strings.CutPrefix(ch.Table.Name, flawTable)
		index, err := strconv.Atoi(number)
		if w, ok := parseLabel(ch.Name); ours && ok && err == nil {
			w.index = index
			for _, l := range f.links {
				if l.index == index {
					w.device = l.name
				}
			}
			f.flaws = append(f.flaws, w)
		}
	}
	return nil
}
