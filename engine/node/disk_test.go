package node

import "testing"

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		name     string
		all      uint64
		free     uint64
		own      uint64
		wantFree uint64
	}{
		{"empty", 100, 90, 1, 90},
		{"half full of others", 100, 50, 0, 50},
		{"full of others", 100, 5, 10, 90},
		{"full, a fifth is its own", 100, 5, 19, 5},
		{"full of its own", 100, 0, 100, 0},
		{"no inodes are counted", 0, 0, 0, 0},
	} {
		if got := (room{tt.all, tt.free}).share(tt.own); got.all != tt.all || got.free != tt.wantFree {
			t.Errorf("%s: %+v, want %d free", tt.name, got, tt.wantFree)
		}
	}
}
