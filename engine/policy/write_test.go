package policy

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Writers of many nodes write at once: what numbers their sets have is of each alone, and not of
// the process, whose counter the library has no lock for.
func TestSetsAreNumberedByTheirWriter(t *testing.T) {
	for range 2 {
		var got []uint32
		c, err := nftables.New(nftables.WithTestDial(func(all []netlink.Message) ([]netlink.Message, error) {
			for _, m := range all {
				if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSET {
					continue
				}
				d, err := netlink.NewAttributeDecoder(m.Data[4:])
				if err != nil {
					return nil, err
				}
				d.ByteOrder = binary.BigEndian
				for d.Next() {
					if d.Type() == unix.NFTA_SET_ID {
						got = append(got, d.Uint32())
					}
				}
			}
			return all, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		w := writer{c: c, name: "table"}
		w.set(Set{Name: "a"})
		w.set(Set{Name: "b", Six: true})
		w.flush()
		if !slices.Equal(got, []uint32{1, 2}) {
			t.Errorf("the sets' IDs are %v: %v", got, w.err)
		}
	}
}
