package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func TestLifetime(t *testing.T) {
	var l lifetime
	if err := l.extend(time.Hour, 8*time.Hour); !errors.Is(err, model.ErrClosed) && !errors.Is(err, model.ErrConflict) {
		t.Errorf("extended before it begins: %v", err)
	}
	born := time.Now()
	l.begin(born, born.Add(2*time.Hour), func() { t.Error("it is over") })
	for _, want := range []time.Duration{3 * time.Hour, 4 * time.Hour, 4*time.Hour + 30*time.Minute} {
		if err := l.extend(time.Hour, 4*time.Hour+30*time.Minute); err != nil || !l.end().Equal(born.Add(want)) {
			t.Errorf("it ends %v after it began (%v), want %v", l.end().Sub(born), err, want)
		}
	}
	err := l.extend(time.Hour, 4*time.Hour+30*time.Minute)
	if !errors.Is(err, model.ErrConflict) || !strings.Contains(err.Error(), "4h30m at most") {
		t.Errorf("beyond what there is: %v", err)
	}
	if err := l.extend(0, 8*time.Hour); !errors.Is(err, model.ErrConflict) {
		t.Errorf("by nothing: %v", err)
	}
	l.stop()
	if err := l.extend(time.Hour, 8*time.Hour); !errors.Is(err, model.ErrClosed) {
		t.Errorf("of one that closes: %v", err)
	}
}

func TestLifetimeEnds(t *testing.T) {
	var l lifetime
	over := make(chan bool)
	l.begin(time.Now(), time.Now().Add(time.Millisecond), func() { close(over) })
	<-over
	if err := l.extend(time.Hour, 8*time.Hour); !errors.Is(err, model.ErrClosed) {
		t.Errorf("extended when it was over: %v", err)
	}
}

func TestReplace(t *testing.T) {
	var l lifetime
	if !l.replace(true) || l.replace(true) {
		t.Error("the first alone starts over")
	}
	if l.replace(false); !l.replace(true) {
		t.Error("who failed may try again")
	}
}
