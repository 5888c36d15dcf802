package network

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// FaultTable begins the name of the tables that lose packets; the index of the device
// follows. Their rules' comments say whose fault it is.
const FaultTable = "podhop-fault-"

// HeldDevice begins the name of the device to which packets are sent that are to be held;
// the index of the one that they then leave by follows.
const HeldDevice = "held-"

// ErrUnsupported says that the kernel cannot lose or hold packets.
var ErrUnsupported = errors.New("this kernel has no nftables hook for what leaves a device (CONFIG_NETFILTER_EGRESS), or nothing to draw lots with (CONFIG_NFT_NUMGEN)")

// heldMark is on what has been held, so that it is not again.
const heldMark = 0xfa017

func (f flaw) table() string { return FaultTable + strconv.Itoa(f.index) }
func (f flaw) held() string  { return HeldDevice + strconv.Itoa(f.index) }

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

// ruleset is the flaw's table. The rule that loses has the packet traced: it is seen by
// whoever watches, and by nobody else.
func (f flaw) ruleset() string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table netdev %[1]s\ndelete table netdev %[1]s\ntable netdev %[1]s {\n\tchain %[2]s { }\n", f.table(), f.label())
	if f.lossIn+f.lossOut > 0 {
		fmt.Fprintf(&b, "\tchain lost {\n\t\tmeta nftrace set 1\n\t\tcounter drop comment \"%s\"\n\t}\n", f.comment())
	}
	if f.lossIn > 0 {
		fmt.Fprintf(&b, "\tchain in {\n\t\ttype filter hook ingress device \"%s\" priority 0\n\t\t%s\n\t}\n", f.device, draw(f.lossIn, "goto lost"))
	}
	if f.lossOut > 0 || f.holds() {
		fmt.Fprintf(&b, "\tchain out {\n\t\ttype filter hook egress device \"%s\" priority 0\n", f.device)
		if f.holds() {
			fmt.Fprintf(&b, "\t\tmeta mark %d accept\n", heldMark)
		}
		fmt.Fprintf(&b, "\t\t%s\n", draw(f.lossOut, "goto lost"))
		if f.holds() {
			fmt.Fprintf(&b, "\t\tfwd to \"%s\"\n", f.held())
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// comment says how much is lost, for who reads the rule.
func (f flaw) comment() string {
	loss := max(f.lossIn, f.lossOut)
	return fmt.Sprintf("loses %g%%", float64(loss)/10)
}

// add makes the flaw be there, whatever was; it must run in the device's namespace.
func (f flaw) add() error {
	if err := f.holdDevice(); err != nil {
		return err
	}
	return nft(f.ruleset())
}

// holdDevice makes the device that packets are held at: a bridge without ports. It has
// what is too large for one packet cut up before it comes there.
func (f flaw) holdDevice() error {
	if !f.holds() {
		return f.deleteHoldDevice()
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	if _, err := h.LinkByName(f.held()); err == nil {
		return nil
	}
	br := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	br.Name, br.GSOMaxSegs = f.held(), 1
	if err := h.LinkAdd(br); err != nil {
		return fmt.Errorf("%s: %w", f.held(), err)
	}
	return h.LinkSetUp(br)
}

func (f flaw) deleteHoldDevice() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	l, err := h.LinkByName(f.held())
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err != nil {
		return err
	}
	return h.LinkDel(l)
}

// remove makes the flaw not be there.
func (f flaw) remove() error {
	return errors.Join(nft(fmt.Sprintf("add table netdev %[1]s\ndelete table netdev %[1]s\n", f.table())), f.deleteHoldDevice())
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
		number, ours := strings.CutPrefix(ch.Table.Name, FaultTable)
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
