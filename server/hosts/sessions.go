package hosts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/podhop/podhop/server/hosts/protocol"
)

// Place makes a new session this host's, before anybody else knows of it. It fails at once for one
// that there is, which this host may be about to let go.
func (c *Cluster) Place(ctx context.Context, session string) error {
	known := false
	c.do(func() {
		if known, _ = c.host.Has(session); !known && !c.view.Sessions[session] {
			c.host.Create(session)
		} else {
			known = true
		}
	})
	if known {
		return fmt.Errorf("%w: it is no new one", ErrAway)
	}
	return c.await(ctx, func() (bool, error) {
		if any, own := c.host.Has(session); own || any {
			return own, nil
		}
		return false, fmt.Errorf("%w: it could not be placed", ErrAway)
	})
}

// Fence is the key and the revision at which it was made, to be compared in the transaction
// that writes something of a session. Without ok the session is not this host's to write.
func (c *Cluster) Fence(session string) (key string, revision int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fence, ok := c.host.Fence(session)
	return fence.Key, fence.Created, ok
}

// Finish says that a session of this host's is over for good. What is kept of it must be gone.
// Who ends it is still answered.
func (c *Cluster) Finish(session string) {
	c.do(func() {
		if h := c.holds[session]; h != nil {
			h.over.Store(true)
			delete(c.holds, session)
		}
		c.host.Finish(session)
	})
}

// Own are the sessions that this host serves.
func (c *Cluster) Own() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host.Own(c.cfg.Clock())
}

// Context ends when the host may not serve the session any more, but not when it ended it.
func (h *Held) Context() context.Context { return h.ctx }

// May tells whether the host may say something of the session now. Once it might not it never
// may again, though the host has the session anew: another may have had it in between.
func (h *Held) May() bool {
	return h.over.Load() || h.ctx.Err() == nil && h.cluster.Serves(h.session)
}

// Hold holds a session that this host may serve; ok is whether it may.
func (c *Cluster) Hold(session string) (held *Held, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Clock()
	if !c.host.Serves(session, now) {
		return nil, false
	}
	h := c.holds[session]
	if h == nil {
		h = &Held{cluster: c, session: session}
		h.ctx, h.cancel = context.WithCancel(context.Background())
		c.holds[session] = h
		c.hold(now)
	}
	return h, true
}

// Serves tells whether this host may say something of a session now.
func (c *Cluster) Serves(session string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host.Serves(session, c.cfg.Clock())
}

// Find says where a session is: here, or at a peer. While nobody has it, it waits until
// somebody does, or ctx is done, which is ErrAway. It fails with ErrUnknown.
func (c *Cluster) Find(ctx context.Context, session string) (here bool, peer Peer, err error) {
	hoped := false // that it will be seen
	check := func() (bool, error) {
		if here = c.host.Serves(session, c.cfg.Clock()); here {
			return true, nil
		}
		known := c.view.Sessions[session]
		hoped = hoped && !known
		if any, _ := c.host.Has(session); any {
			return false, nil
		}
		at, placed := c.view.Places[session]
		if placed && at.Host != c.host.ID() {
			var up bool
			peer.ID = at.Host
			peer.Record, up = c.view.Hosts[at.Host]
			return up, nil
		}
		if !known && !hoped {
			return false, ErrUnknown
		}
		return false, nil
	}
	if err = c.await(ctx, check); err != ErrUnknown {
		return here, peer, err
	}
	// What was made a moment ago may not have been seen yet.
	_, there, err := c.unseen.Get(ctx, session)
	switch {
	case err != nil:
		return false, peer, fmt.Errorf("%w: etcd does not say where it is: %w", ErrAway, err)
	case !there:
		return false, peer, ErrUnknown
	}
	hoped = true
	return here, peer, c.await(ctx, check)
}

// mostUnseen is how many sessions etcd is asked for at a time: it compares 128 keys in a transaction at
// most, unless it is told otherwise (--max-txn-ops).
const mostUnseen = 100

// look says which of some sessions there are in etcd. Nearly always there is none of them, of which one
// transaction is proof: whoever makes up IDs costs no more of them the faster they do.
func (c *Cluster) look(sessions []string) (there map[string]bool, err error) {
	var none protocol.Txn
	for _, id := range sessions {
		none.If = append(none.If, protocol.Compare{Key: protocol.Sessions + id, Created: protocol.Absent})
	}
	ctx, cancel := context.WithTimeout(c.ctx, peerPatience)
	defer cancel()
	out, err := c.cfg.Etcd.Do(ctx, 0, none)
	switch {
	case err != nil:
		return nil, err
	case out.Result != protocol.Refused:
		return nil, nil
	case len(sessions) == 1:
		return map[string]bool{sessions[0]: true}, nil
	}
	half := len(sessions) / 2
	there, err = c.look(sessions[:half])
	if err != nil {
		return nil, err
	}
	others, err := c.look(sessions[half:])
	if there == nil {
		there = others
	} else {
		maps.Copy(there, others)
	}
	return there, err
}

// A Peer is another host.
type Peer struct {
	ID string
	protocol.Record
}

// Alive is a context that ends when a peer's lease has: its answers are of no use any more, and
// may never come.
func (c *Cluster) Alive(peer Peer) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[peer.ID]
	if p == nil {
		p = &alive{}
		p.ctx, p.cancel = context.WithCancel(c.ctx)
		c.peers[peer.ID] = p
		c.bury()
	}
	return p.ctx
}

type alive struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// bury ends what waits for peers that are gone. c.mu is held.
func (c *Cluster) bury() {
	for id, p := range c.peers {
		if _, up := c.view.Hosts[id]; !up {
			p.cancel()
			delete(c.peers, id)
		}
	}
}

// A Candidate is a host that takes sessions.
type Candidate struct {
	Here bool
	protocol.Record
}

// Candidates are those, with most room first.
func (c *Cluster) Candidates() (all []Candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.view.Ranked() {
		all = append(all, Candidate{Here: id == c.host.ID(), Record: c.view.Hosts[id]})
	}
	return all
}

// mark is short for a host's name, and can stand in a path.
func mark(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// marked are the peers of names with that mark: of one that has begun again, for a while, what
// it was before too.
func (c *Cluster) marked(of string) (all []Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, r := range c.view.Hosts {
		if mark(r.Name) == of && id != c.host.ID() {
			all = append(all, Peer{id, r})
		}
	}
	return all
}

// Ready says why this host is of no use among the others; nil if it is.
func (c *Cluster) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, seen := c.view.Hosts[c.host.ID()]; !seen || c.cfg.Clock() >= c.host.Until() {
		return fmt.Errorf("%w: etcd does not answer this host", ErrAway)
	}
	return nil
}
