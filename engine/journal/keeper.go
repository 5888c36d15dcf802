package journal

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// A Keeper is where sessions are kept: of each a file, which says what it is and is there as
// long as the session, and a journal. It is safe for concurrent use.
type Keeper interface {
	// List has the names of the sessions that there are, and of those of which something is left.
	List(ctx context.Context) ([]string, error)
	// File returns a session's file, or fs.ErrNotExist.
	File(ctx context.Context, id string) ([]byte, error)
	// Read returns what a session's journal holds. It fails with ErrDamaged, and with fs.ErrNotExist.
	Read(ctx context.Context, id string) (State, Report, error)
	// Create begins a session's journal, in the place of what there is. State is as Config's. It
	// fails with ErrFenced if somebody else has the session.
	Create(ctx context.Context, id string, begin State, state func() State, log *slog.Logger) (Writer, error)
	// Remove removes a session that nobody writes.
	Remove(ctx context.Context, id string) error
	// SetAside puts what cannot be read where who runs the server finds it, and says where.
	SetAside(ctx context.Context, id string) (where string, err error)
}

// A Writer is a session that is being kept. It is safe for concurrent use. Its errors are
// ErrClosed after its end, ErrFenced once somebody else has the session, ErrFull, and what
// the place says where it is kept.
type Writer interface {
	// Append is as Journal's. What is appended lazily may be lost until something else follows.
	Append(c Change, lazy bool) error
	// Save puts a text in the place of the session's file.
	Save(text []byte) error
	// Close keeps what there is for the next.
	Close() error
	// Remove ends and removes the session. Later changes are of no interest, and no errors.
	Remove() error
}

// A BatchWriter is a Writer that takes its time, so that it is better told of several changes
// together.
type BatchWriter interface {
	Writer
	// AppendAll appends changes of revisions that follow each other, all or none, and returns
	// when it is known which. It is called once at a time, when Config.State has all that it
	// was told before.
	AppendAll(changes []Change, lazy bool) error
}

// ErrFenced says that somebody else has the session: nothing is written by this one any more.
var ErrFenced = errors.New("another host has the session")

const (
	fileName  = "session.json"
	asideName = "damaged"
)

// A Folder keeps sessions as folders of its own, whose names are theirs.
type Folder struct {
	Dir    string
	Syncer *Syncer
}

// List implements Keeper. There may be others among the names.
func (f Folder) List(context.Context) (ids []string, err error) {
	entries, err := os.ReadDir(f.Dir)
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

func (f Folder) of(id string) string { return filepath.Join(f.Dir, id) }

// File implements Keeper.
func (f Folder) File(_ context.Context, id string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.of(id), fileName))
}

// Read implements Keeper.
func (f Folder) Read(_ context.Context, id string) (State, Report, error) { return Read(f.of(id)) }

// Remove implements Keeper.
func (f Folder) Remove(_ context.Context, id string) error { return os.RemoveAll(f.of(id)) }

// SetAside implements Keeper.
func (f Folder) SetAside(_ context.Context, id string) (where string, err error) {
	where = filepath.Join(f.Dir, asideName, id)
	if err = os.MkdirAll(filepath.Dir(where), 0o700); err == nil {
		err = os.Rename(f.of(id), where)
	}
	return where, err
}

// Create implements Keeper. The file is synced from its second version on: the first is with
// the journal.
func (f Folder) Create(_ context.Context, id string, begin State, state func() State, log *slog.Logger) (Writer, error) {
	dir := f.of(id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	j, err := Create(Config{Dir: dir, State: state, Syncer: f.Syncer, Log: log}, begin)
	if err != nil {
		return nil, err
	}
	return &inFolder{Journal: j, dir: dir}, nil
}

type inFolder struct {
	*Journal
	dir   string
	saved bool
}

// Save implements Writer; one at a time.
func (w *inFolder) Save(text []byte) error {
	sync := w.saved
	w.saved = true
	return WriteFile(filepath.Join(w.dir, fileName), text, sync)
}

// Remove implements Writer.
func (w *inFolder) Remove() error {
	// Without it there is no session, whatever ends the server in the middle.
	err := os.Remove(filepath.Join(w.dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	w.Discard()
	return errors.Join(err, os.RemoveAll(w.dir))
}
