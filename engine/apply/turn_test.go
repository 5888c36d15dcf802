package apply

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"

	"github.com/podhop/podhop/engine/model"
)

// TestTurnToPaste has small pastes be applied beside each other, large ones alone, and refuses
// what would wait behind too many.
func TestTurnToPaste(t *testing.T) {
	a := &Applier{pastes: make(chan struct{}, pastes+waitingPastes), pasting: semaphore.NewWeighted(pastes)}
	small, large := []byte("{}"), bytes.Repeat([]byte("#"), largePaste+1)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var leave []func()
	for range pastes {
		l, err := a.turnToPaste(t.Context(), small)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if _, err := a.turnToPaste(over, large); !errors.Is(err, context.Canceled) {
		t.Errorf("a large one beside small ones: %v", err)
	}
	for _, l := range leave {
		l()
	}
	l, err := a.turnToPaste(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.turnToPaste(over, small); !errors.Is(err, context.Canceled) {
		t.Errorf("a small one beside a large one: %v", err)
	}
	l()
	for range pastes + waitingPastes {
		a.pastes <- struct{}{}
	}
	if _, err := a.turnToPaste(t.Context(), small); !errors.Is(err, model.ErrConflict) {
		t.Errorf("one too many: %v", err)
	}
}
