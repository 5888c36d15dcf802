package feed

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const (
	// showEvery is between two tellings of what somebody shows, which a page does not say more often, and
	// showRate how many bytes of it everybody who looks on is told a second, in the long run.
	showEvery = 200 * time.Millisecond
	showRate  = 128 << 10
)

// shows is what is shown next, when it is its turn: of what comes before, the latest alone.
type shows struct {
	next  *model.Presenting
	turn  time.Time
	timer *time.Timer // there while there is a next
}

// forget leaves nothing to be shown.
func (s *shows) forget() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.next, s.timer = nil, nil
}

// Present publishes what somebody's page shows, to those who follow it; nil: nothing any
// more. What is said again is not told again, and who says more than can be told is told of as they go.
func (f *Feed) Present(now *model.Presenting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if wait := time.Until(f.shows.turn); now != nil && wait > 0 {
		if f.shows.next = now; f.shows.timer == nil {
			f.shows.timer = time.AfterFunc(wait, f.showNext)
		}
		return
	}
	f.show(now)
}

func (f *Feed) showNext() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shows.next != nil && time.Until(f.shows.turn) <= 0 { // it may have been forgotten meanwhile, or shown
		f.show(f.shows.next)
	}
}

// show is Present at once. f.mu is held.
func (f *Feed) show(now *model.Presenting) {
	f.shows.forget()
	if reflect.DeepEqual(f.presenting, now) {
		return
	}
	told := &model.Presenting{Off: true}
	if now != nil {
		told = changed(f.presenting, now)
	}
	f.presenting = now
	size := presentingSize(told)
	f.shows.turn = time.Now().Add(max(showEvery, time.Duration(size)*time.Second/showRate))
	f.append(model.Message{Type: "presenting", Presenting: told}, size)
}

// SetWatching publishes how many look on.
func (f *Feed) SetWatching(count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.watching == count {
		return
	}
	f.watching = count
	f.append(model.Message{Type: "watching", Watching: &model.Watching{Count: count}}, 100)
}

// changed is now as it is told to who knows before: of the file's text what changed.
func changed(before, now *model.Presenting) *model.Presenting {
	if now.File == nil || now.File.Text == nil {
		return now
	}
	told, file := *now, *now.File
	told.File = &file
	if before == nil || before.File == nil || before.File.Text == nil || before.File.Name != file.Name {
		return &told
	}
	if *before.File.Text == *file.Text {
		file.Text = nil
		return &told
	}
	edit := editOf(strings.Split(*before.File.Text, "\n"), strings.Split(*file.Text, "\n"))
	if size := editSize(edit); size < len(*file.Text) {
		file.Text, file.Edit = nil, edit
	}
	return &told
}

// editOf leaves alone the lines with which both begin, and those with which both end.
func editOf(old, now []string) *model.PresentedEdit {
	from := 0
	for from < len(old) && from < len(now) && old[from] == now[from] {
		from++
	}
	end := 0
	for end < len(old)-from && end < len(now)-from && old[len(old)-1-end] == now[len(now)-1-end] {
		end++
	}
	return &model.PresentedEdit{From: from, Drop: len(old) - from - end, Put: slices.Clone(now[from : len(now)-end])}
}

func editSize(e *model.PresentedEdit) int {
	size := 50
	for _, line := range e.Put {
		size += len(line) + 3
	}
	return size
}

func presentingSize(p *model.Presenting) int {
	size := 300
	if p.File == nil {
		return size
	}
	if p.File.Text != nil {
		size += len(*p.File.Text)
	}
	if p.File.Edit != nil {
		size += editSize(p.File.Edit)
	}
	return size
}
