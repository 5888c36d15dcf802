package protocol

import (
	"fmt"
	"reflect"
	"testing"
)

func TestView(t *testing.T) {
	host := func(id string, capacity int, draining bool) Key {
		return Key{Name: Hosts + id, Value: fmt.Sprintf(`{"name": %q, "capacity": %d, "draining": %v}`, id, capacity, draining), Created: 1}
	}
	session := func(id string) Key { return Key{Name: Sessions + id, Created: 1} }
	place := func(id, host string) Key { return Key{Name: Places + id, Value: host, Created: 2} }
	for name, c := range map[string]struct {
		keys    []Key
		ranked  []string
		orphans []orphan
	}{
		"nothing":                {nil, []string{}, nil},
		"nobody takes it":        {[]Key{session("1")}, []string{}, []orphan{{"1", ""}}},
		"most room first":        {[]Key{host("a", 2, false), host("b", 3, false), host("c", 2, false)}, []string{"b", "a", "c"}, nil},
		"places count":           {[]Key{host("a", 2, false), host("b", 2, false), session("1"), place("1", "a")}, []string{"b", "a"}, nil},
		"not who leaves":         {[]Key{host("a", 9, true), host("b", 1, false), session("1")}, []string{"b"}, []orphan{{"1", "b"}}},
		"spread":                 {[]Key{host("a", 3, false), host("b", 2, false), session("1"), session("2"), session("3")}, []string{"a", "b"}, []orphan{{"1", "a"}, {"2", "a"}, {"3", "b"}}},
		"all are full":           {[]Key{host("a", 0, false), host("b", 0, false), session("1"), session("2")}, []string{"a", "b"}, []orphan{{"1", "a"}, {"2", "b"}}},
		"not to be read":         {[]Key{{Name: Hosts + "x", Value: "{"}, {Name: "other", Value: "x"}, host("b", 1, false), session("1")}, []string{"b"}, []orphan{{"1", "b"}}},
		"of a host that is gone": {[]Key{host("b", 1, false), session("1"), place("1", "a.1")}, []string{"b"}, nil},
	} {
		v := NewView(7, c.keys)
		ranked := v.Ranked()
		if len(ranked) == 0 {
			ranked = []string{}
		}
		if v.Revision != 7 || !reflect.DeepEqual(ranked, c.ranked) || !reflect.DeepEqual(v.orphans, c.orphans) {
			t.Errorf("%s: ranked %v, orphans %v; want %v, %v", name, ranked, v.orphans, c.ranked, c.orphans)
		}
	}
}
