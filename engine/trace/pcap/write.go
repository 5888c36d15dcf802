package pcap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/record"
)

// ErrNothing says that no frame is kept of what was asked for.
var ErrNothing = fmt.Errorf("%w: no packets are kept of that: there are the latest, and only of while somebody watches or sends", model.ErrNotFound)

// maxComment bounds one comment; a block's options count their bytes in 16 bits.
const maxComment = 4096

// Write writes the frames that a filter lets through as pcapng
// (draft-ietf-opsawg-pcapng), in the order of their times. Nothing is written with
// ErrNothing.
func (s *Store) Write(w io.Writer, f model.PacketFilter) error {
	kept, _, _, _ := s.after(0)
	out := &writer{w: w, interfaces: map[interfaceID]int{}}
	if n, err := out.journeys(kept, f); err != nil {
		return err
	} else if n == 0 {
		return ErrNothing
	}
	return nil
}

// Follow writes as Write does and goes on with what is added, until ctx is done: its
// error is then ctx's. Each journey's frames are in the order of their times, journeys
// in the order that they are known whole. Frames that are forgotten before w has taken
// them are counted in the next one's comments.
func (s *Store) Follow(ctx context.Context, w io.Writer, f model.PacketFilter) error {
	out := &writer{w: w, interfaces: map[interfaceID]int{}}
	kept, at, _, wake := s.after(0)
	for {
		if _, err := out.journeys(kept, f); err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		var missed uint64
		kept, at, missed, wake = s.after(at)
		out.missed += missed
	}
}

// A commented frame is one and what its hops say.
type commented struct {
	frame    *record.Frame
	comments []string
}

// comment gives each frame the sentences of its device's hop and of the rules that
// the packet met from there to the next device, and leaves out those that a filter does
// not want; the first of the others has the journey's, too.
func comment(e *entry, f model.PacketFilter) []commented {
	all := make([]commented, len(e.frames))
	for i := range e.frames {
		all[i].frame = &e.frames[i]
	}
	at := 0
	for i := range e.journey.Hops {
		h := &e.journey.Hops[i]
		for n := at; h.Place.Device != "" && n < len(all); n++ {
			if is(all[n].frame, h) {
				at = n
				break
			}
		}
		if at < len(all) {
			all[at].comments = append(all[at].comments, sentence(h))
		}
	}
	all = slices.DeleteFunc(all, func(c commented) bool { return !wantedFrame(f, c.frame) })
	if len(all) > 0 {
		j := &e.journey
		head := fmt.Sprintf("%s of %s: %s, %s", j.ID, j.Conversation, j.Summary, j.Verdict)
		all[0].comments = slices.Insert(all[0].comments, 0, head)
		last := &all[len(all)-1]
		last.comments = append(last.comments, remarks(j)...)
	}
	return all
}

// is tells whether a hop is what was seen in a frame.
func is(f *record.Frame, h *model.Hop) bool {
	return wantedFrame(model.PacketFilter{Vertex: h.Place.Vertex, Device: h.Place.Device}, f)
}

func sentence(h *model.Hop) string {
	s := h.Sentence
	if d := h.Decision; d != nil && d.Rule != "" {
		s += "\n" + strings.TrimSpace(strings.Join([]string{d.Table, d.Chain, d.Rule}, " "))
	}
	return short(s)
}

// remarks are what there is to say of a whole journey: where it went wrong, why, and
// what would help.
func remarks(j *model.Journey) (all []string) {
	add := func(what, text string) {
		if text != "" {
			all = append(all, short(what+text))
		}
	}
	add("Defect: ", j.Defect)
	advice := j.Advice
	if j.Why != nil {
		add("Why: ", j.Why.Sentence)
		advice = slices.Concat(advice, j.Why.Advice)
	}
	for _, a := range advice {
		add("What would help: ", strings.TrimSpace(a.Sentence+"\n"+a.Command))
	}
	return all
}

func short(s string) string {
	if len(s) > maxComment {
		s = strings.ToValidUTF8(s[:maxComment], "") + "..."
	}
	return s
}

// vxlan tells how Wireshark, which knows VXLAN at the port of RFC 7348, is told of flannel's.
const vxlan = "VXLAN between nodes is at UDP port 8472, as flannel's: decode that as VXLAN (tshark -d udp.port==8472,vxlan)."

// A writer adds interfaces as frames name them.
type writer struct {
	w          io.Writer
	ng         *pcapgo.NgWriter
	interfaces map[interfaceID]int
	missed     uint64 // journeys that nobody was told of yet
}

type interfaceID struct {
	namespace, device string
	bare              bool
}

// journeys writes those of some journeys' frames that a filter lets through, and
// counts them.
func (w *writer) journeys(entries []*entry, f model.PacketFilter) (n int, err error) {
	var all []commented
	for _, e := range entries {
		if f.Journeys == nil || f.Journeys(&e.journey) {
			all = append(all, comment(e, f)...)
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	slices.SortStableFunc(all, func(a, b commented) int { return cmp.Compare(a.frame.Time, b.frame.Time) })
	if w.missed > 0 {
		all[0].comments = append(all[0].comments, fmt.Sprintf("Before this, up to %d packets are missing: they were read too slowly.", w.missed))
		w.missed = 0
	}
	for _, c := range all {
		if err := w.packet(c); err != nil {
			return 0, fmt.Errorf("pcapng: %w", err)
		}
	}
	if err := w.ng.Flush(); err != nil {
		return 0, fmt.Errorf("pcapng: %w", err)
	}
	return len(all), nil
}

func (w *writer) packet(c commented) error {
	index, err := w.number(c.frame)
	if err != nil {
		return err
	}
	f := c.frame
	direction := pcapgo.NgEpbFlagDirectionInbound
	if f.Direction == record.Out {
		direction = pcapgo.NgEpbFlagDirectionOutbound
	}
	return w.ng.WritePacketWithOptions(gopacket.CaptureInfo{
		Timestamp: time.Unix(0, f.Time), InterfaceIndex: index,
		CaptureLength: len(f.Data), Length: max(f.Length, len(f.Data)),
	}, f.Data, pcapgo.NgPacketOptions{Comments: c.comments, Flags: &pcapgo.NgEpbFlags{Direction: direction}})
}

func (w *writer) number(f *record.Frame) (int, error) {
	id := interfaceID{f.Namespace, f.Device.Name, f.Bare}
	if n, ok := w.interfaces[id]; ok {
		return n, nil
	}
	i := pcapgo.NgInterface{
		Name: strings.TrimPrefix(f.Namespace, "node/") + " " + f.Device.Name, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9,
	}
	if f.Bare {
		i.LinkType = layers.LinkTypeRaw
	}
	if f.Device.Peer != "" {
		i.Description = strings.TrimSpace("to " + f.Device.Peer + " " + f.Device.PeerName)
	}
	n, err := len(w.interfaces), error(nil)
	if w.ng == nil {
		w.ng, err = pcapgo.NewNgWriterInterface(w.w, i, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "podhop", Comment: vxlan}})
	} else {
		n, err = w.ng.AddInterface(i)
	}
	w.interfaces[id] = n
	return n, err
}
