package engine

import (
	"context"
	"fmt"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/api/store"
	"github.com/podhop/podhop/engine/model"
)

// Fork opens a session with what another has now: its objects, nodes, network and faults. It
// is as after a reboot of all nodes: what was on their disks is not there, pods start
// anew. Its ID, token and keys are its own. The other goes on and notices nothing.
//
// Without secrets, values of Secrets are left out of it. It fails as Session and Open do.
func (e *Engine) Fork(ctx context.Context, id string, secrets bool) (*Session, error) {
	from, err := e.Session(id)
	if err != nil {
		return nil, err
	}
	kept, err := from.kept()
	if err != nil {
		return nil, fmt.Errorf("fork: %w", err)
	}
	kept.API = api.Identity{} // whoever has it has the session
	state := from.api.State()
	return e.make(ctx, birth{options: kept.Asked, kept: &kept, fork: &fork{state: state, secrets: secrets}}, (*slots).take, e.keeper)
}

// A fork is what a session goes on from that another goes on with.
type fork struct {
	state   store.State
	secrets bool
}

// isNew says whether nobody has known of the session before.
func (b birth) isNew() bool { return b.kept == nil || b.fork != nil }

// Present tells who follows what somebody's page shows; nil: nothing any more.
func (s *Session) Present(p *model.Presenting) { s.feed.Present(p) }

// SetWatching tells everybody how many look on by views.
func (s *Session) SetWatching(count int) { s.feed.SetWatching(count) }
