package protocol

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Hosts, Places and Sessions are what the keys of each kind begin with.
const (
	Hosts    = "hosts/"
	Places   = "places/"
	Sessions = "sessions/"
)

// A Record is what a host tells the others.
type Record struct {
	Name string `json:"name"`
	// Address is where its peers reach it, "ip:port".
	Address string `json:"address"`
	// Capacity is how many sessions it can have.
	Capacity int `json:"capacity"`
	// Draining says that it wants no more, and gives those away that it has.
	Draining bool `json:"draining,omitempty"`
	// Version is the program's.
	Version string `json:"version,omitempty"`
}

// A Place says who has a session. Revision is the fence.
type Place struct {
	Host     string
	Revision int64
}

// A View is what etcd had at a revision. It is not changed once it is made.
type View struct {
	Revision int64
	Hosts    map[string]Record
	Places   map[string]Place
	Sessions map[string]bool
	// orphans are the sessions that nobody has, by ID, each with the host that is to take it.
	orphans []orphan
}

type orphan struct{ session, host string }

// NewView makes a View of all keys of the three kinds. Hosts that cannot be read are none.
func NewView(revision int64, keys []Key) *View {
	v := &View{Revision: revision, Hosts: map[string]Record{}, Places: map[string]Place{}, Sessions: map[string]bool{}}
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k.Name, Hosts); ok {
			var r Record
			if json.Unmarshal([]byte(k.Value), &r) == nil {
				v.Hosts[id] = r
			}
		} else if id, ok := strings.CutPrefix(k.Name, Places); ok {
			v.Places[id] = Place{Host: k.Value, Revision: k.Created}
		} else if id, ok := strings.CutPrefix(k.Name, Sessions); ok {
			v.Sessions[id] = true
		}
	}
	v.assign()
	return v
}

// assign says who takes which orphan: each goes to the host with most room then. All hosts
// that see the same say the same, so that they do not all try at once.
func (v *View) assign() {
	room := v.rooms()
	for _, s := range slices.Sorted(maps.Keys(v.Sessions)) {
		if _, ok := v.Places[s]; ok {
			continue
		}
		best := most(room)
		room[best]--
		v.orphans = append(v.orphans, orphan{s, best})
	}
}

// rooms are how many sessions more each host can have that takes any. It is negative for
// one that had to take over more than it would.
func (v *View) rooms() map[string]int {
	room := make(map[string]int, len(v.Hosts))
	for id, h := range v.Hosts {
		if !h.Draining {
			room[id] = h.Capacity
		}
	}
	for _, p := range v.Places {
		if _, ok := room[p.Host]; ok {
			room[p.Host]--
		}
	}
	return room
}

// Ranked are the hosts that take sessions, those with most room first.
func (v *View) Ranked() []string {
	room := v.rooms()
	ids := slices.Sorted(maps.Keys(room))
	slices.SortStableFunc(ids, func(a, b string) int { return room[b] - room[a] })
	return ids
}

// most is where there is most room; of two, the one whose name comes first.
func most(room map[string]int) (best string) {
	for id, n := range room {
		if best == "" || n > room[best] || n == room[best] && id < best {
			best = id
		}
	}
	return best
}
