package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/api/store"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
)

// keptVersion is the format of a kept session: that of keptFile and of its journal. One
// that is newer is left alone; an older one must be read.
const keptVersion = 1

const (
	keptName = "session.json"
	// syncEvery is what the power may take of acknowledged changes, at most, and the time
	// that syncing takes.
	syncEvery = 5 * time.Second
)

// A keptFile is what there is of a session beside its objects. It is there from the moment
// on at which somebody knows of the session.
type keptFile struct {
	Version int                  `json:"version"`
	ID      string               `json:"id"`
	Born    time.Time            `json:"born"`
	Until   time.Time            `json:"until"`
	Asked   model.SessionOptions `json:"asked"`
	Options model.SessionOptions `json:"options"`
	Nodes   []keptNode           `json:"nodes"`
	Faults  []model.Fault        `json:"faults,omitempty"` // of links and DNS
	API     api.Identity         `json:"api"`
}

type keptNode struct {
	Name string `json:"name"`
	Off  bool   `json:"off,omitempty"`
	Cut  bool   `json:"cut,omitempty"`
}

// A newerError is a session of a format that this server cannot read.
type newerError struct{ version int }

func (e *newerError) Error() string {
	return fmt.Sprintf("a newer Podhop has written it, in format %d; this one reads formats up to %d", e.version, keptVersion)
}

// readKept reads a session's file. Its errors are fs.ErrNotExist if there is no session,
// *newerError, journal.ErrDamaged, and what the keeper says.
func readKept(ctx context.Context, from journal.Keeper, id string) (k keptFile, err error) {
	text, err := from.File(ctx, id)
	if err != nil {
		return k, err
	}
	var format struct{ Version int }
	if err := json.Unmarshal(text, &format); err != nil {
		return k, fmt.Errorf("%w: %s: %w", journal.ErrDamaged, keptName, err)
	}
	if format.Version > keptVersion {
		return k, &newerError{format.Version}
	}
	if err = json.Unmarshal(text, &k); err == nil {
		err = k.check(id)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", journal.ErrDamaged, keptName, err)
	}
	return k, err
}

// check reports what no server has written.
func (k keptFile) check(id string) error {
	switch {
	case k.Version < 1:
		return fmt.Errorf("there is no format %d", k.Version)
	case k.ID != id:
		return fmt.Errorf("it is of session %q", k.ID)
	case len(k.Nodes) == 0 || len(k.Nodes) > maxNodes:
		return fmt.Errorf("it has %d nodes", len(k.Nodes))
	}
	for _, n := range k.Nodes {
		if _, err := n.number(); err != nil {
			return err
		}
	}
	return checkCNI(k.Options.CNI)
}

// number is that of nodeAt.
func (n keptNode) number() (int, error) {
	text, ok := strings.CutPrefix(n.Name, "node-")
	i, err := strconv.Atoi(text)
	if !ok || err != nil || i < 1 || i > 99 {
		return 0, fmt.Errorf("there is no node %q", n.Name)
	}
	return i, nil
}

// machines are the session's, as they were.
func (k keptFile) machines() *nodes {
	all := &nodes{}
	for _, n := range k.Nodes {
		i, _ := n.number() // checked when it was read
		all.add(&machine{Node: nodeAt(i, k.Options.DualStack), on: !n.Off})
	}
	return all
}

// kept is the session as it is to be kept.
func (s *Session) kept() (keptFile, error) {
	is, err := s.api.Identity()
	k := keptFile{Version: keptVersion, ID: s.id, Asked: s.asked, Options: s.Info().Options, Faults: s.faultList(), API: is}
	k.Born, k.Until = s.life.span()
	for _, m := range s.nodes.list() {
		on, cut := s.nodes.state(m)
		k.Nodes = append(k.Nodes, keptNode{Name: m.Name, Off: !on, Cut: cut})
	}
	return k, err
}

// save keeps what the session is now, if it is kept. A change outlasts the power; a
// session that is just opened does so as its journal does.
func (s *Session) save() error {
	if s.journal == nil {
		return nil
	}
	k, err := s.kept()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	return s.journal.Save(append(text, '\n'))
}

// keep begins the session's journal.
func (s *Session) keep(begin store.State, now func() store.State) (store.Journal, error) {
	ctx, cancel := context.WithTimeout(s.ctx, reopenTimeout)
	defer cancel()
	j, err := s.birth.keeper.Create(ctx, s.id, toJournal(begin), func() journal.State { return toJournal(now()) }, s.log)
	if err != nil {
		return nil, withoutPath(err)
	}
	s.journal = j
	k := keeper{j, sync.OnceFunc(s.fenced), &s.engine.counts.unkept}
	if together, ok := j.(journal.BatchWriter); ok {
		return batchKeeper{k, together}, nil
	}
	return k, nil
}

// fenced closes the session here: another server has it.
func (s *Session) fenced() {
	s.log.Warn("another host has the session: it is closed here")
	s.engine.behind(func() {
		if err := s.engine.Park(context.Background(), s.id); err != nil && !errors.Is(err, model.ErrNotFound) {
			s.log.Warn("closing what another host has", "err", err)
		}
	})
}

// dropJournal ends what is kept: for good, or until the session is opened again. Changes
// that come later are refused, or are of no more interest.
func (s *Session) dropJournal(forGood bool) error {
	if s.journal == nil {
		return nil
	}
	end := s.journal.Close
	if forGood {
		end = s.journal.Remove
	}
	if err := end(); !errors.Is(err, journal.ErrFenced) { // what is kept is somebody else's
		return err
	}
	return nil
}

// A keeper is a journal as the store tells it.
type keeper struct {
	journal journal.Writer
	fenced  func() // is called when somebody else has the session
	unkept  *atomic.Uint64
}

// Append implements store.Journal. Leases, which kubelets renew every ten seconds, are not
// worth a sync. Its errors are what clients of the API are told.
func (k keeper) Append(e store.Entry) error {
	return k.told(k.journal.Append(toChange(e), e.Resource == leases))
}

// told is what clients of the API are told of an error.
func (k keeper) told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrClosed):
		return apierrors.NewServiceUnavailable("the server is stopping")
	case errors.Is(err, journal.ErrFenced):
		k.fenced()
		return apierrors.NewServiceUnavailable(err.Error())
	}
	k.unkept.Add(1)
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: 507, Reason: "InsufficientStorage",
		Message: fmt.Sprintf("the session cannot keep this change, and has not made it: %v", withoutPath(err))}}
}

// A batchKeeper is a journal that is better told of changes together.
type batchKeeper struct {
	keeper
	together journal.BatchWriter
}

// AppendAll implements store.Batcher. Other errors than the journal's own are told as an API
// server of an etcd tells them: what became of the change, nobody may know.
func (k batchKeeper) AppendAll(all []store.Entry) error {
	changes, lazy := make([]journal.Change, len(all)), true
	for i, e := range all {
		changes[i] = toChange(e)
		lazy = lazy && e.Resource == leases
	}
	err := k.together.AppendAll(changes, lazy)
	if errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrFull) {
		return k.told(err)
	}
	if err != nil {
		k.unkept.Add(1)
	}
	return err
}

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// withoutPath leaves out where the server has its files: learners read it.
func withoutPath(err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		return at.Err
	}
	return err
}

func toChange(e store.Entry) journal.Change {
	return journal.Change{Revision: e.Revision, Resource: e.Resource.String(), Prefix: e.Prefix, Key: e.Key, Value: e.Value, Expires: e.Expires}
}

func toJournal(s store.State) journal.State {
	j := journal.State{Revision: s.Revision, Objects: make([]journal.Change, len(s.Objects)), Written: make(map[string]uint64, len(s.Written))}
	for i, e := range s.Objects {
		j.Objects[i] = toChange(e)
	}
	for r, last := range s.Written {
		j.Written[r.String()] = last
	}
	return j
}

func fromJournal(j journal.State) store.State {
	s := store.State{Revision: j.Revision, Objects: make([]store.Entry, len(j.Objects)), Written: make(map[schema.GroupResource]uint64, len(j.Written))}
	for i, c := range j.Objects {
		s.Objects[i] = store.Entry{Revision: c.Revision, Resource: schema.ParseGroupResource(c.Resource), Prefix: c.Prefix, Key: c.Key, Value: c.Value, Expires: c.Expires}
	}
	for r, last := range j.Written {
		s.Written[schema.ParseGroupResource(r)] = last
	}
	return s
}
