package apply

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sync/semaphore"
	"k8s.io/client-go/rest"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/span"
)

// Config says whose API takes the pastes. Zero fields take the defaults named.
type Config struct {
	// REST reaches the session's API, as whoever pastes.
	REST *rest.Config
	// Namespace is that of objects that name none: default.
	Namespace string
	// FieldManager owns the fields that were pasted: podhop.
	FieldManager string
	// MaxBytes bounds a paste (3 MiB), MaxDocument one document of it (1 MiB, about
	// what etcd takes), MaxDocuments how many it may hold (500).
	MaxBytes, MaxDocument, MaxDocuments int
	Log                                 *slog.Logger
}

// An Applier takes pastes to one session's API. Its methods may be called at once.
type Applier struct {
	cfg       Config
	client    rest.Interface
	resources resources
	// A dry run has a place in the queue, and then the turn.
	queue, turn chan struct{}
	pastes      chan struct{} // one for each that is applied or waits
	pasting     *semaphore.Weighted
}

// New returns the Applier of one session. It asks the API nothing yet.
func New(cfg Config) (*Applier, error) {
	if cfg.Namespace == "" {
		cfg.Namespace = "default"
	}
	if cfg.FieldManager == "" {
		cfg.FieldManager = "podhop"
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 3 << 20
	}
	if cfg.MaxDocument == 0 {
		cfg.MaxDocument = 1 << 20
	}
	if cfg.MaxDocuments == 0 {
		cfg.MaxDocuments = 500
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	client, err := newClient(cfg.REST)
	if err != nil {
		return nil, err
	}
	return &Applier{cfg: cfg, client: client, resources: resources{client: client},
		queue: make(chan struct{}, 1+waiting), turn: make(chan struct{}, 1),
		pastes: make(chan struct{}, pastes+waitingPastes), pasting: semaphore.NewWeighted(pastes)}, nil
}

// Apply applies the documents of a paste in the order that they stand in, and
// answers each of them: one that fails does not keep the others from being
// tried. The items of a List are answered one by one, with the List's number.
//
// Its errors are model.ErrTooLarge, model.ErrConflict where too many pastes wait already,
// and ctx's; everything else is in the answers.
func (a *Applier) Apply(ctx context.Context, paste []byte) ([]model.ApplyResult, error) {
	leave, err := a.turnToPaste(ctx, paste)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, of := span.Start(ctx, "apply", attribute.Int("podhop.bytes", len(paste)))
	defer of.End()
	made := false // a CustomResourceDefinition, whose kind takes a moment to be served
	return a.each(ctx, paste, func(m *manifest) model.ApplyResult {
		ctx, of := span.Start(ctx, "apply document", attribute.Int("podhop.document", m.document))
		defer of.End()
		result := a.one(ctx, m, made)
		of.SetAttributes(attribute.String("podhop.action", result.Action), attribute.Int("podhop.errors", len(result.Errors)))
		made = made || m.kind == "CustomResourceDefinition" && len(result.Errors) == 0
		return result
	})
}

const (
	// pastes are how many are applied at once; one that waits, for a new kind say, is not to
	// keep the next from being applied. A large one is applied alone: what it costs the server
	// grows with it, and other sessions are there as well.
	pastes     = 2
	largePaste = 256 << 10
	// waitingPastes is how many may wait for those.
	waitingPastes = 16
)

// turnToPaste waits until a paste may be applied.
func (a *Applier) turnToPaste(ctx context.Context, paste []byte) (leave func(), err error) {
	select {
	case a.pastes <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: other pastes of this session are being applied", model.ErrConflict)
	}
	weight := int64(1)
	if len(paste) > largePaste {
		weight = pastes
	}
	if err := a.pasting.Acquire(ctx, weight); err != nil {
		<-a.pastes
		return nil, err
	}
	return func() { a.pasting.Release(weight); <-a.pastes }, nil
}

// each answers each object of a paste.
func (a *Applier) each(ctx context.Context, paste []byte, answer func(*manifest) model.ApplyResult) ([]model.ApplyResult, error) {
	if len(paste) > a.cfg.MaxBytes {
		return nil, fmt.Errorf("%w: a paste may have %d bytes, this one has %d", model.ErrTooLarge, a.cfg.MaxBytes, len(paste))
	}
	documents := Split(paste)
	if len(documents) > a.cfg.MaxDocuments {
		return nil, fmt.Errorf("%w: a paste may have %d documents, this one has %d", model.ErrTooLarge, a.cfg.MaxDocuments, len(documents))
	}
	results := make([]model.ApplyResult, 0, len(documents))
	for _, d := range documents {
		if len(d.Bytes) > a.cfg.MaxDocument {
			results = append(results, model.ApplyResult{Document: d.Index, Line: d.Line, Errors: []model.ApplyError{{
				Line: d.Line, Message: fmt.Sprintf("too large: a document may have %d bytes, this one has %d", a.cfg.MaxDocument, len(d.Bytes))}}})
			continue
		}
		manifests, errs := read(d)
		if len(errs) > 0 {
			results = append(results, model.ApplyResult{Document: d.Index, Line: d.Line, Errors: errs})
		}
		for _, m := range manifests {
			result := answer(&m)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			results = append(results, result)
		}
	}
	return results, nil
}

// one applies one object.
func (a *Applier) one(ctx context.Context, m *manifest, wait bool) model.ApplyResult {
	result := model.ApplyResult{Document: m.document, Line: m.offset + m.tree.Line}
	said, err := a.send(ctx, m, wait, false)
	result.Warnings = said.warnings
	if err != nil {
		result.Errors = a.explain(ctx, m, err)
		return result
	}
	result.Object, result.Action = &said.object, said.action
	return result
}
